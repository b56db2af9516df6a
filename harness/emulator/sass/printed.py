"""The numbers of a listing as bits: integers, fp32 and 16-bit floats, which are printed in decimal digits."""

from __future__ import annotations

import numpy as np

from harness.emulator.ptx import Constant
from harness.emulator.sass.reader import Operand, Printed
from harness.emulator.sass.steps import Unknown

SIGN = {"b32": 1 << 31, "b64": 1 << 63}


def integer(number: Printed) -> int:
    try:
        return int(number.text, 0)
    except ValueError:
        raise Unknown(f"{number.text} where an integer is expected") from None


def value(number: Printed) -> float:
    return float(number.text)


def single_bits(number: Printed) -> int:
    if "NAN" not in number.text.upper():
        return int(np.float32(value(number)).view(np.uint32))
    if number.bits is None:
        raise Unknown("a NaN whose digits are not listed")
    return number.bits


def double_bits(number: Printed) -> int:
    """Of fp64 only the upper 32 bits are in the code."""
    if "NAN" in number.text.upper():
        return single_bits(number) << 32
    return (int(np.float64(value(number)).view(np.uint64)) + (1 << 31)) >> 32 << 32


def half_bits(operand: Operand, is_brain: bool) -> int:
    if not isinstance(operand, Printed) or "NAN" in operand.text.upper():
        raise Unknown("a pair of which one is no number")
    return single_bits(operand) >> 16 if is_brain else int(np.float16(value(operand)).view(np.uint16))


def float_constant(bits: int, kind: str) -> Constant:
    raw = np.array([bits], {"b32": np.uint32, "b64": np.uint64}[kind])
    return Constant(float(raw.view({"b32": np.float32, "b64": np.float64}[kind])[0]), bits)

"""The numbers of a listing as bits: integers, fp32 and 16-bit floats, which are printed in decimal digits."""

from __future__ import annotations

import numpy as np

from harness.emulator.ptx import Constant
from harness.emulator.sass.reader import Number, Operand
from harness.emulator.sass.steps import Unknown

SIGN = {"b32": 1 << 31, "b64": 1 << 63}


def integer(number: Number) -> int:
    try:
        return int(number.text, 0)
    except ValueError:
        raise Unknown(f"{number.text} where an integer is expected") from None


def value(text: str) -> float:
    return float(text.upper().replace("QNAN", "NAN").replace("SNAN", "NAN"))


def single_bits(text: str) -> int:
    if "NAN" in text.upper():
        return 0xFFFFFFFF if text.startswith("-") else 0x7FFFFFFF
    return int(np.float32(value(text)).view(np.uint32))


def half_bits(operand: Operand, is_brain: bool) -> int:
    if not isinstance(operand, Number) or "NAN" in operand.text.upper():
        raise Unknown("a pair of which one is no number")
    if is_brain:
        return single_bits(operand.text) >> 16
    return int(np.float16(value(operand.text)).view(np.uint16))


def float_constant(bits: int, kind: str) -> Constant:
    raw = np.array([bits], {"b32": np.uint32, "b64": np.uint64}[kind])
    return Constant(float(raw.view({"b32": np.float32, "b64": np.float64}[kind])[0]), bits)

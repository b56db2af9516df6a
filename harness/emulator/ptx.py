"""A kernel in PTX: parameters, variables, and instructions with the place in the source that they come from.

What is read (by `reader`) is what compilers write: one entry, no functions that are called. Section numbers in this
folder are those of NVIDIA's "PTX ISA", release 9.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from functools import cached_property

SIZES = {"b8": 1, "b16": 2, "b32": 4, "b64": 8, "b128": 16, "pred": 1}
SIZES |= {f"{kind}{bits}": bits // 8 for kind in "us" for bits in (8, 16, 32, 64)}
SIZES |= {"f16": 2, "bf16": 2, "f16x2": 4, "bf16x2": 4, "f32": 4, "f64": 8, "f32x2": 8, "u16x2": 4, "s16x2": 4}


class UnsupportedInstruction(Exception):
    """An instruction that the emulated GPU does not execute: tensor cores, TMA, clusters, calls, unknown opcodes."""

    def __init__(self, instruction: Instruction, why: str = "the emulated GPU does not execute it") -> None:
        source = f", from {instruction.place}" if instruction.place else ""
        super().__init__(f"{why}: `{instruction.text}` in line {instruction.line} of {instruction.listing}{source}")
        self.instruction = instruction


class PtxError(ValueError):
    """Text that is not PTX as compilers write it."""


@dataclass(frozen=True)
class Register:
    name: str
    type: str  # "b32", "pred", …
    negated: bool = False  # of a predicate: !%p1


@dataclass(frozen=True)
class Special:
    """A register that the hardware fills: %tid.x, %laneid, …"""

    name: str


@dataclass(frozen=True)
class Constant:
    """A number as it was written; `bits` is None for integers, whose width their use tells."""

    value: int | float
    bits: int | None = None


@dataclass(frozen=True)
class Symbol:
    """A label, a variable or a parameter, and bytes after it."""

    name: str
    offset: int = 0


@dataclass(frozen=True)
class Address:
    base: Register | Symbol | Constant
    offset: int = 0


@dataclass(frozen=True)
class Vector:
    items: tuple[Operand, ...]


Operand = Register | Special | Constant | Symbol | Address | Vector | None  # None is the sink, "_"


@dataclass(frozen=True)
class Instruction:
    index: int
    name: str  # "add"
    modifiers: tuple[str, ...]  # ("rn", "ftz", "f32")
    operands: tuple[Operand, ...]
    guard: Register | None
    text: str
    line: int  # of the listing
    place: str  # "elu.py:25 (called from elementwise.py:60)", or ""
    listing: str = "the PTX"  # what it was read from

    def has(self, modifier: str) -> bool:
        return modifier in self.modifiers

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Those of the modifiers that name a type, in order."""
        return tuple(each for each in self.modifiers if each in SIZES)


@dataclass(frozen=True)
class Variable:
    name: str
    space: str  # "param", "shared", "local", "global", "const"
    size: int  # in bytes; 0 for an extern array, whose size the launch tells
    align: int
    type: str = "b8"
    data: bytes = b""  # what a global or const one starts with
    pointer: bool = False  # a parameter that is said to be one


@dataclass
class Kernel:
    """A kernel as it is to be executed."""

    name: str
    target: str  # "sm_90a"
    parameters: list[Variable] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)  # the index of the instruction behind each


VARIABLE = re.compile(
    r"(?:\.(?:visible|weak|common|extern)\s+)*\.(param|shared|local|global|const)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)"
    r"((?:\s+\.\w+(?:\s+\d+)?)*)\s+([\w$%]+)(?:\s*\[\s*(\d*)\s*\])?\s*(?:=\s*\{?([^}]*)\}?)?"
)


def variable(found: re.Match[str]) -> Variable:
    """What a match of VARIABLE declares. Raises PtxError for initial values that are not numbers."""
    space, align, kind, attributes, name, count, values = found.groups()
    size = SIZES.get(kind, 0)
    data = b""
    if values and values.strip():
        items = [number(each.strip()) for each in values.split(",")]
        if any(each is None for each in items):
            raise PtxError(f"the initial values of {name} are not numbers")
        data = b"".join(_raw(each, size) for each in items if each is not None)
    # An array without a length, which is extern, is as long as the launch says.
    many = size if count is None else size * int(count or 0)
    return Variable(name, space, max(many, len(data)), int(align or size), kind, data, ".ptr" in attributes)


def _raw(constant: Constant, size: int) -> bytes:
    bits = constant.bits if constant.bits is not None else int(constant.value)
    return (bits % (1 << 8 * size)).to_bytes(size, "little")


def number(text: str) -> Constant | None:
    """A literal (section 4.5), or None."""
    if match := re.fullmatch(r"(-?)0[fF]([0-9a-fA-F]{8})", text):
        bits = int(match[2], 16) ^ (0x80000000 if match[1] else 0)
        return Constant(struct.unpack("<f", struct.pack("<I", bits))[0], bits)
    if match := re.fullmatch(r"(-?)0[dD]([0-9a-fA-F]{16})", text):
        bits = int(match[2], 16) ^ (1 << 63 if match[1] else 0)
        return Constant(struct.unpack("<d", struct.pack("<Q", bits))[0], bits)
    if match := re.fullmatch(r"(-?)(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?", text):
        digits = match[2]
        octal = re.fullmatch(r"0[0-7]+", digits)
        value = int(digits, 8) if octal else int(digits, 0)
        return Constant(-value if match[1] else value)
    if re.fullmatch(r"-?\d+\.\d*(?:[eE][-+]?\d+)?", text):
        real = float(text)
        return Constant(real, struct.unpack("<Q", struct.pack("<d", real))[0])
    return None

"""Parses the listing of a kernel's machine code, as `nvdisasm -c -hex` prints it, each instruction in a line."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^\s*/\*([0-9a-f]{4,})\*/\s+(?:@(!?)(U?P[0-9T]+)\s+)?([A-Z][\w.]*)\s*([^;]*);(?:\s*/\* 0x([0-9a-f]{16}) \*/)?"
)
_LABEL = re.compile(r"^\s*(\.L_\w+|\$[\w$]+):")
_NAME = re.compile(r"^\.text\.([\w$]+):", re.MULTILINE)
_REGISTER = re.compile(r"(?P<name>U?R(?:\d+|Z)|U?P(?:\d|T))(?P<suffixes>(?:\.\w+)*)")
_BANK = re.compile(r"c\[0x([0-9a-f]+)\] ?\[(.+)\]((?:\.\w+)*)")
_ADDRESS = re.compile(r"(?:desc\[UR\d+\])?\[(.*)\]")
_TARGET = re.compile(r"`\(([.$\w]+)\)")
_NUMBER = re.compile(r"[-+]?(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?|INF|QNAN|SNAN)", re.IGNORECASE)


class ListingError(ValueError):
    """Text that is not the listing of one kernel."""


@dataclass(frozen=True)
class Named:
    """A register, a predicate, or anything else that has a name: "R5", "URZ", "!P0", "-|R2|", "R4.H1_H1", "PR"."""

    name: str
    negative: bool = False
    absolute: bool = False
    inverted: bool = False  # ~ of bits, ! of predicates
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Printed:
    """A number as it was printed; what type it has, its instruction tells."""

    text: str
    bits: int | None = None  # of a NaN, which is printed without its digits: as they are in the code

    @property
    def is_integer(self) -> bool:
        return "0x" in self.text.lower()


@dataclass(frozen=True)
class Bank:
    """A constant of the launch or of the kernel: c[bank][offset]."""

    bank: int
    offset: int
    negative: bool = False
    absolute: bool = False
    inverted: bool = False
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """An address: a sum of registers and bytes."""

    parts: tuple[Named, ...]
    offset: int


@dataclass(frozen=True)
class Target:
    """Where a branch goes."""

    label: str


Operand = Named | Printed | Bank | Place | Target


@dataclass(frozen=True)
class CodeLine:
    """An instruction of the listing."""

    address: int
    guard: Named | None
    name: str  # "LDG"
    modifiers: tuple[str, ...]  # ("E", "128")
    operands: tuple[Operand, ...]
    text: str
    number: int  # of the line, from 1

    @property
    def opcode(self) -> str:
        return ".".join((self.name, *self.modifiers))


@dataclass(frozen=True)
class Listing:
    kernel: str
    lines: tuple[CodeLine, ...]
    labels: dict[str, int]  # the place among `lines` of what follows each


def read(text: str) -> Listing:
    """The one kernel of a listing. Raises ListingError."""
    names = _NAME.findall(text)
    if len(names) != 1:
        raise ListingError(f"a listing of {len(names)} functions, where one kernel is expected")
    lines: list[CodeLine] = []
    labels: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        if label := _LABEL.match(raw):
            labels[label[1]] = len(lines)
        elif found := _LINE.match(raw):
            lines.append(_line(found, number))
    return Listing(names[0], tuple(lines), labels)


def _line(found: re.Match[str], number: int) -> CodeLine:
    address, negated, guard, opcode, rest, encoding = found.groups()
    name, *modifiers = opcode.split(".")
    text = re.sub(r"\s+", " ", found[0].split("*/", 1)[1].partition(";")[0]).strip()
    immediate = int(encoding, 16) >> 32 if encoding else None
    parts = re.sub(r"(?<=\w) +`\(", ", `(", rest).split(",")  # RET R4 `(kernel)
    operands = tuple(_operand(each.strip(), immediate) for each in parts if each.strip())
    condition = Named(guard, inverted=bool(negated)) if guard else None
    return CodeLine(int(address, 16), condition, name, tuple(modifiers), operands, text, number)


def _operand(text: str, immediate: int | None) -> Operand:
    if target := _TARGET.fullmatch(text):
        return Target(target[1])
    if _NUMBER.fullmatch(text):
        return Printed(text, immediate if "NAN" in text.upper() else None)
    if place := _ADDRESS.fullmatch(text):
        return _place(place[1])
    signs = re.match(r"[-!~|]*", text)
    assert signs is not None
    bare = text[signs.end() :].replace("|", "").replace(".reuse", "")
    marks = ("-" in signs[0], "|" in signs[0], bool(set("!~") & set(signs[0])))
    if bank := _BANK.match(bare):
        offset = re.fullmatch(r"0x([0-9a-f]+)", bank[2])
        if offset is None:
            return Named(text)  # its place is computed: no instruction here knows such an operand
        return Bank(int(bank[1], 16), int(offset[1], 16), *marks, tuple(bank[3].split(".")[1:]))
    if register := _REGISTER.fullmatch(bare):
        return Named(register["name"], *marks, tuple(register["suffixes"].split(".")[1:]))
    return Named(bare, *marks)


def _place(text: str) -> Operand:
    parts: list[Named] = []
    offset = 0
    for piece in text.replace("+-", "-").replace("-", "+-").split("+"):
        if not piece:
            continue
        if number := re.fullmatch(r"(-?)0x([0-9a-f]+)", piece):
            offset += int(number[2], 16) * (-1 if number[1] else 1)
        elif register := _REGISTER.fullmatch(piece.replace(".reuse", "")):
            parts.append(Named(register["name"], suffixes=tuple(register["suffixes"].split(".")[1:])))
        else:
            return Named(text)
    return Place(tuple(parts), offset)


def following(name: str, count: int) -> list[str]:
    """The names of registers one after the other: R4, R5, …"""
    if name.endswith("RZ"):
        return [name] * count
    kind = name.rstrip("0123456789")
    return [f"{kind}{int(name[len(kind) :]) + index}" for index in range(count)]

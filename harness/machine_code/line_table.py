"""Reads from a kernel's file which line of its PTX each instruction of machine code was made of.

ptxas writes it in a section of its own, in the form of DWARF 2 (section 6.2 of that standard).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from harness.machine_code.disassemble import sections

_SECTION = ".nv_debug_line_sass"
_BYTES = 16  # of an instruction


def ptx_lines(cubin: bytes, instructions: int) -> list[int | None]:
    """The line of each of so many instructions; None for all where the file does not say."""
    found: list[int | None] = [None] * instructions
    for address, line in _rows(sections(cubin).get(_SECTION, b"")):
        first = address // _BYTES
        found[first:] = [line] * len(found[first:])
    return found


def _rows(table: bytes) -> Iterator[tuple[int, int]]:
    """(address, line) from each place on, in the order of addresses."""
    if not table:
        return
    length, _, header, step, _, line_base, line_range, specials = struct.unpack_from("<IHIBBbBB", table)
    operands = table[15 : 14 + specials]  # how many each standard operation has
    at, address, line = 10 + header, 0, 1
    while at < 4 + length:
        operation, at = table[at], at + 1
        if operation >= specials:
            address += (operation - specials) // line_range * step
            line += line_base + (operation - specials) % line_range
            yield address, line
        elif operation == 0:  # an extended one, with its size: end of the table, an address, or what is NVIDIA's own
            size, at = _number(table, at)
            if table[at] == 1:
                return
            at += size
        elif operation == 1:
            yield address, line
        elif operation == 8:
            address += (255 - specials) // line_range * step
        elif operation == 9:
            address, at = address + int.from_bytes(table[at : at + 2], "little"), at + 2
        else:
            for _ in range(operands[operation - 1]):
                value, at = _number(table, at, signed=operation == 3)
                address += value * step if operation == 2 else 0
                line += value if operation == 3 else 0


def _number(table: bytes, at: int, signed: bool = False) -> tuple[int, int]:
    """(a number of seven bits a byte, what follows it)"""
    value = shift = 0
    while True:
        byte, at = table[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value - ((1 << shift) if signed and byte & 64 else 0), at

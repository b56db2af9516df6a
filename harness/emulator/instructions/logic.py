"""Bits: sections 9.7.8 (logic and shift) and 9.7.9.7 (prmt) of the PTX ISA, and bits reversed (9.7.1.18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.operands import Site, dtype
from harness.emulator.ptx import SIZES, Constant

Step = Callable[[], None]


def _binary(function: Any, logical: Any) -> Callable[[Site], Step]:
    def make(site: Site) -> Step:
        kind = site.kind
        a, b, out = site.source(1, kind), site.source(2, kind), site.out(kind)
        if kind == "pred":
            a, b = _truth(site, 1), _truth(site, 2)
            return lambda: logical(a(), b(), out=out)
        return lambda: function(a, b, out=out)

    return make


def _truth(site: Site, index: int) -> Callable[[], Any]:
    operand = site.operand(index)
    value = site.source(index, "pred")
    return (lambda: ~value) if getattr(operand, "negated", False) else (lambda: value)


def invert(site: Site) -> Step:
    """9.7.8.4"""
    a, out = site.source(1, site.kind), site.out(site.kind)
    return lambda: np.invert(a, out=out)


def cnot(site: Site) -> Step:
    """9.7.8.5: 1 for 0, else 0"""
    a, out = site.source(1, site.kind), site.out(site.kind)
    return lambda: np.copyto(out, np.equal(a, 0), casting="unsafe")


def lop3(site: Site) -> Step:
    """9.7.8.6: any function of three bits, by its table of eight."""
    a, b, c = (site.source(index, "b32") for index in (1, 2, 3))
    table = site.operand(4)
    if not isinstance(table, Constant):
        raise site.unsupported("lop3 needs its table as a number")
    if len(site.instruction.operands) > 5:
        raise site.unsupported()
    out = site.out("b32")
    number = int(table.value) & 255
    if number == 0xCA:  # a ? b : c, the one that selects
        t = site.file.scratch(np.uint32, 40, out.size)

        def select() -> None:
            np.bitwise_xor(b, c, out=t)
            np.bitwise_and(t, a, out=t)
            np.bitwise_xor(t, c, out=out)

        return select
    return lambda: np.copyto(out, _lookup(a, b, c, number))


def _lookup(a: Any, b: Any, c: Any, number: int) -> Array:
    """The terms of a table: bit 4a + 2b + c of it is the result."""
    result: Any = np.uint32(0)
    for term in range(8):
        if number >> term & 1:
            x = a if term & 4 else ~a
            y = b if term & 2 else ~b
            z = c if term & 1 else ~c
            result = result | (x & y & z)
    return np.asarray(result, np.uint32)


def _shift(left: bool) -> Callable[[Site], Step]:
    """9.7.8.8 and 9.7.8.9: amounts above the width give 0, or, of shr of signed numbers, the sign."""

    def make(site: Site) -> Step:
        kind, width = site.kind, 8 * SIZES[site.kind]
        a, amount, out = site.source(1, kind), site.source(2, "u32"), site.out(kind)
        function = np.left_shift if left else np.right_shift
        if isinstance(site.operand(2), Constant) and int(amount[0]) < width:
            fixed = dtype(kind).type(int(amount[0]))
            return lambda: function(a, fixed, out=out)
        signed = kind[0] == "s"

        def run() -> None:
            least = np.minimum(amount, np.uint32(width - 1)).astype(dtype(kind))
            result = function(a, least)
            if not signed or left:
                result = np.where(np.asarray(amount) >= width, dtype(kind).type(0), result)
            out[...] = result

        return run

    return make


def shf(site: Site) -> Step:
    """9.7.8.7: a shift of the 64 bits of two registers; .wrap takes the amount modulo 32, .clamp at most 32."""
    a, b, amount = (site.source(index, "u32") for index in (1, 2, 3))
    out = site.out("u32")

    def run() -> None:
        count = amount & np.uint32(31) if site.has("wrap") else np.minimum(amount, np.uint32(32))
        pair = (np.asarray(b).astype(np.uint64) << np.uint64(32)) | a
        moved = np.asarray(count).astype(np.uint64)
        result = (pair << moved) >> np.uint64(32) if site.has("l") else pair >> moved
        out[...] = (result & np.uint64(0xFFFFFFFF)).astype(np.uint32)

    return run


_PICKS = {  # 9.7.9.7, the bytes by the lowest two bits of the selector
    "f4e": [(3, 2, 1, 0), (4, 3, 2, 1), (5, 4, 3, 2), (6, 5, 4, 3)],
    "b4e": [(5, 6, 7, 0), (6, 7, 0, 1), (7, 0, 1, 2), (0, 1, 2, 3)],
    "rc8": [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)],
    "ecl": [(3, 2, 1, 0), (3, 2, 1, 1), (3, 2, 2, 2), (3, 3, 3, 3)],
    "ecr": [(0, 0, 0, 0), (1, 1, 1, 0), (2, 2, 1, 0), (3, 2, 1, 0)],
    "rc16": [(1, 0, 1, 0), (3, 2, 3, 2), (1, 0, 1, 0), (3, 2, 3, 2)],
}


def prmt(site: Site) -> Step:
    """9.7.9.7: bytes of two registers, picked; the top bit of a digit copies the sign of its byte instead."""
    a, b, selector = (site.source(index, "b32") for index in (1, 2, 3))
    out = site.out("b32")
    mode = next((each for each in _PICKS if site.has(each)), None)
    if mode is None and isinstance(site.operand(3), Constant):
        digits = [int(selector[0]) >> (4 * place) & 15 for place in range(4)]
        parts = [(place, digit & 7, bool(digit & 8)) for place, digit in enumerate(digits)]
        return _signs_of_halves(site, a, b, digits) or (lambda: np.copyto(out, _picked(a, b, parts)))

    def run() -> None:
        pair = (np.asarray(b).astype(np.uint64) << np.uint64(32)) | a
        result: Any = np.uint64(0)
        for place in range(4):
            if mode is None:
                digit = np.asarray((selector >> np.uint32(4 * place)) & np.uint32(15)).astype(np.uint64)
            else:
                table = np.array([row[3 - place] for row in _PICKS[mode]], np.uint64)
                digit = table[np.asarray(selector & np.uint32(3)).astype(np.int64)]
            byte = (pair >> ((digit & np.uint64(7)) * np.uint64(8))) & np.uint64(255)
            filled = (byte >> np.uint64(7)) * np.uint64(255)
            result = result | (np.where(digit & np.uint64(8), filled, byte) << np.uint64(8 * place))
        out[...] = np.asarray(result).astype(np.uint32)

    return run


def _signs_of_halves(site: Site, a: Any, b: Any, digits: list[int]) -> Step | None:
    """The selector 0xbb99: 16 copies of the sign of each half, which is a shift of halves."""
    if digits != [9, 9, 11, 11] or np.size(a) != site.file.lanes:
        return None
    out = site.out("b32")
    return lambda: np.right_shift(a.view(np.int16), np.int16(15), out=out.view(np.int16))


def _picked(a: Any, b: Any, parts: list[tuple[int, int, bool]]) -> Array:
    result: Any = np.uint32(0)
    for place, byte, sign in parts:
        source = np.asarray(a if byte < 4 else b)
        shift = 8 * (byte & 3)
        if sign:
            value = ((source >> np.uint32(shift + 7)) & np.uint32(1)) * np.uint32(255 << (8 * place))
        else:
            moved = 8 * place - shift
            value = source & np.uint32(255 << shift)
            value = value << np.uint32(moved) if moved >= 0 else value >> np.uint32(-moved)
        result = result | value
    return np.asarray(result, np.uint32)


def brev(site: Site) -> Step:
    """9.7.1.18"""
    kind, width = site.kind, 8 * SIZES[site.kind]
    a, out = site.source(1, kind), site.out(kind)
    number = dtype(kind).type
    masks = {1: 0x5555555555555555, 2: 0x3333333333333333, 4: 0x0F0F0F0F0F0F0F0F, 8: 0x00FF00FF00FF00FF}
    masks |= {16: 0x0000FFFF0000FFFF, 32: 0x00000000FFFFFFFF}

    def run() -> None:
        bits = np.asarray(a)
        step = 1
        while step < width:
            mask = number(masks[step] & ((1 << width) - 1))
            bits = ((bits >> number(step)) & mask) | ((bits & mask) << number(step))
            step *= 2
        out[...] = bits

    return run


def bmsk(site: Site) -> Step:
    """9.7.1.22: ones from bit a on, b of them."""
    a, b, out = site.source(1, "u32"), site.source(2, "u32"), site.out("u32")
    wrap = site.has("wrap")

    def run() -> None:
        start, length = (np.asarray(each).astype(np.uint64) for each in (a, b))
        if wrap:
            start, length = start & np.uint64(31), length & np.uint64(31)
        start, length = np.minimum(start, 32), np.minimum(length, 32)
        ones = (np.uint64(1) << length) - np.uint64(1)
        out[...] = ((ones << start) & np.uint64(0xFFFFFFFF)).astype(np.uint32)

    return run


def szext(site: Site) -> Step:
    """9.7.1.21: the lower b bits of a, extended by zeros or by their sign."""
    kind = site.kind
    a, b, out = site.source(1, "u32"), site.source(2, "u32"), site.out("u32")

    def run() -> None:
        length = np.asarray(b & np.uint32(31) if site.has("wrap") else np.minimum(b, np.uint32(32))).astype(np.uint64)
        mask = ((np.uint64(1) << length) - np.uint64(1)).astype(np.uint32)
        value = a & mask
        if kind == "s32":
            top = np.where(length > 0, (a >> np.maximum(length, 1).astype(np.uint32) - np.uint32(1)) & np.uint32(1), 0)
            value = np.where(top != 0, value | ~mask, value)
        out[...] = value

    return run


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {
    "and": _binary(np.bitwise_and, np.logical_and),
    "or": _binary(np.bitwise_or, np.logical_or),
    "xor": _binary(np.bitwise_xor, np.logical_xor),
    "not": invert,
    "cnot": cnot,
    "lop3": lop3,
    "shl": _shift(True),
    "shr": _shift(False),
    "shf": shf,
    "prmt": prmt,
    "brev": brev,
    "bmsk": bmsk,
    "szext": szext,
}

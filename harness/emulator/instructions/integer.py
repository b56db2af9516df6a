"""Integer arithmetic: sections 9.7.1 and 9.7.2 of the PTX ISA. Sums and products are modulo 2 to the width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.flow import CARRY
from harness.emulator.operands import Site, dtype
from harness.emulator.ptx import SIZES

Step = Callable[[], None]
WIDER = {"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}


def _binary(function: Any) -> Callable[[Site], Step]:
    def make(site: Site) -> Step:
        a, b, out = site.source(1, site.kind), site.source(2, site.kind), site.out(site.kind)
        return lambda: function(a, b, out=out)

    return make


def _add_or_sub(function: Any) -> Callable[[Site], Step]:
    """9.7.1.1 and 9.7.1.2; .sat, of s32 alone, clamps to what s32 holds. With .cc, 9.7.2: the carry is kept."""

    def make(site: Site) -> Step:
        if site.has("cc"):
            return _carrying(site, function, False)
        if not site.has("sat"):
            return _binary(function)(site)
        a, b, out = site.source(1, "s32"), site.source(2, "s32"), site.out("s32")

        def run() -> None:
            exact = function(np.asarray(a, np.int64), b)
            out[...] = np.clip(exact, -(2**31), 2**31 - 1)

        return run

    return make


def _with_carry(function: Any) -> Callable[[Site], Step]:
    return lambda site: _carrying(site, function, True)


def _carrying(site: Site, function: Any, takes: bool) -> Step:
    """9.7.2: add.cc, addc, sub.cc, subc. The flag is the carry, of subtractions the borrow."""
    kind = "u" + site.kind[1:]
    a, b, out = site.source(1, kind), site.source(2, kind), site.out(kind)
    flag = site.register(CARRY)
    is_sub = function is np.subtract

    def run() -> None:
        first = function(a, b)
        over = first > a if is_sub else first < a
        if takes:
            total = function(first, flag.astype(first.dtype))
            over = over | ((total > first) if is_sub else (total < first))
            first = total
        if site.has("cc"):
            mask = site.group.mask
            np.copyto(flag, over, where=True if mask is None else mask)
        out[...] = first

    return run


def _high(a: Any, b: Any, kind: str) -> Array:
    """The upper half of a product."""
    if kind in WIDER:
        wide = dtype(WIDER[kind])
        shift = wide.type(8 * SIZES[kind])
        return (np.asarray(a, wide) * np.asarray(b, wide)) >> shift
    low, mask, half = np.uint64, np.uint64(0xFFFFFFFF), np.uint64(32)
    x, y = np.asarray(a).view(low), np.asarray(b).view(low)
    x0, x1, y0, y1 = x & mask, x >> half, y & mask, y >> half
    middle = x1 * y0 + ((x0 * y0) >> half)
    other = x0 * y1 + (middle & mask)
    high = x1 * y1 + (middle >> half) + (other >> half)
    if kind == "s64":
        high = high - np.where(np.asarray(a) < 0, y, low(0)) - np.where(np.asarray(b) < 0, x, low(0))
        return high.view(np.int64)
    return high


def _product(site: Site, a: Any, b: Any) -> tuple[str, Callable[[], Array]]:
    """(the type of the result, the product) for mul and mad."""
    kind = site.kind
    if site.has("wide"):
        wide = dtype(WIDER[kind])
        return WIDER[kind], lambda: np.multiply(a, b, dtype=wide)
    if site.has("hi"):
        return kind, lambda: _high(a, b, kind).astype(dtype(kind), copy=False)
    return kind, lambda: np.multiply(a, b)


def mul(site: Site) -> Step:
    """9.7.1.3"""
    a, b = site.source(1, site.kind), site.source(2, site.kind)
    kind, product = _product(site, a, b)
    out = site.out(kind)
    if site.has("lo"):
        return lambda: np.multiply(a, b, out=out)
    return lambda: np.copyto(out, product())


def mad(site: Site) -> Step:
    """9.7.1.4; .hi.sat of s32 clamps the sum. madc (9.7.2) adds the carry as well."""
    a, b = site.source(1, site.kind), site.source(2, site.kind)
    kind, product = _product(site, a, b)
    c, out = site.source(3, kind), site.out(kind)
    if site.instruction.name == "madc" or site.has("cc"):
        raise site.unsupported("multiplications with carries are not executed")
    if site.has("sat"):
        return lambda: np.copyto(out, np.clip(product().astype(np.int64) + c, -(2**31), 2**31 - 1), casting="unsafe")
    return lambda: np.add(product(), c, out=out)


def _times_24(site: Site) -> Callable[[], Array]:
    a, b = site.source(1, site.kind), site.source(2, site.kind)
    wide = np.int64 if site.kind == "s32" else np.uint64
    shift = wide(40)

    def cut(values: Any) -> Array:
        return (np.asarray(values).astype(wide) << shift) >> shift

    def product() -> Array:
        exact = cut(a) * cut(b)
        return (exact >> wide(16) if site.has("hi") else exact).astype(dtype(site.kind))

    return product


def mul24(site: Site) -> Step:
    """9.7.1.5: of the lower 24 bits; .hi is bits 47 to 16 of the product."""
    product, out = _times_24(site), site.out(site.kind)
    return lambda: np.copyto(out, product())


def mad24(site: Site) -> Step:
    """9.7.1.6"""
    product, c, out = _times_24(site), site.source(3, site.kind), site.out(site.kind)
    return lambda: np.add(product(), c, out=out)


def sad(site: Site) -> Step:
    """9.7.1.7: c + |a - b|"""
    a, b, c = (site.source(index, site.kind) for index in (1, 2, 3))
    out = site.out(site.kind)
    return lambda: np.add(np.where(a < b, b - a, a - b), c, out=out)


def _quotient(a: Any, b: Any, kind: str) -> tuple[Array, Array]:
    """Truncated towards 0. Division by 0 is undefined in PTX; NVIDIA's give all ones, and a as the rest."""
    zero = np.asarray(b) == 0
    divisor = np.where(zero, np.ones_like(b), b)
    if kind[0] == "u":
        quotient = a // divisor
    else:
        lowest = np.iinfo(dtype(kind)).min
        overflows = (np.asarray(a) == lowest) & (divisor == -1)
        safe = np.where(overflows, np.ones_like(divisor), divisor)
        quotient = a // safe
        quotient = quotient + ((quotient * safe != a) & ((np.asarray(a) < 0) != (safe < 0)))
        quotient = np.where(overflows, lowest, quotient)
    rest = a - quotient * divisor
    return np.where(zero, np.array(-1).astype(dtype(kind)), quotient), np.where(zero, a, rest)


def _division(index: int) -> Callable[[Site], Step]:
    def make(site: Site) -> Step:
        a, b, out = site.source(1, site.kind), site.source(2, site.kind), site.out(site.kind)
        return lambda: np.copyto(out, _quotient(a, b, site.kind)[index], casting="unsafe")

    return make


def _unary(function: Any) -> Callable[[Site], Step]:
    def make(site: Site) -> Step:
        a, out = site.source(1, site.kind), site.out(site.kind)
        return lambda: np.copyto(out, function(a), casting="unsafe")

    return make


def _extreme(function: Any) -> Callable[[Site], Step]:
    """9.7.1.12 and 9.7.1.13; .relu clamps to at least 0."""

    def make(site: Site) -> Step:
        a, b, out = site.source(1, site.kind), site.source(2, site.kind), site.out(site.kind)
        if site.has("relu"):
            return lambda: np.maximum(function(a, b), 0, out=out)
        return lambda: function(a, b, out=out)

    return make


def bit_lengths(values: Any) -> Array:
    """How many bits a number has without its leading zeros."""
    rest = np.asarray(values).astype(np.uint64)
    length = np.zeros(rest.shape, np.uint32)
    for step in (32, 16, 8, 4, 2, 1):
        large = rest >= np.uint64(1 << step)
        length += large.astype(np.uint32) * np.uint32(step)
        rest = np.where(large, rest >> np.uint64(step), rest)
    return length + (rest > 0).astype(np.uint32)


def popc(site: Site) -> Step:
    """9.7.1.14"""
    a, out = site.source(1, site.kind), site.out("u32")
    return lambda: np.copyto(out, np.bitwise_count(a))


def clz(site: Site) -> Step:
    """9.7.1.15"""
    width = np.uint32(8 * SIZES[site.kind])
    a, out = site.source(1, site.kind), site.out("u32")

    def run() -> None:
        np.subtract(width, bit_lengths(a), out=out)

    return run


def bfind(site: Site) -> Step:
    """9.7.1.16: the place of the highest bit that is not the sign, or all ones; .shiftamt: how far from the top."""
    kind, out = site.kind, site.out("u32")
    a = site.source(1, kind)
    top = np.uint32(8 * SIZES[kind] - 1)

    def run() -> None:
        values = np.asarray(a)
        if kind[0] == "s":
            values = np.where(values < 0, ~values, values)
        length = bit_lengths(values.view(dtype("u" + kind[1:])))
        place = length - np.uint32(1)
        out[...] = np.where(length == 0, place, top - place) if site.has("shiftamt") else place

    return run


def bfe(site: Site) -> Step:
    """9.7.1.19: `c` bits of a from bit b on; those above the top are the sign, of s32 and s64, or 0."""
    kind, width = site.kind, 8 * SIZES[site.kind]
    a, b, c, out = site.source(1, kind), site.source(2, "u32"), site.source(3, "u32"), site.out(kind)
    signed = kind[0] == "s"

    def run() -> None:
        start, length = np.asarray(b & np.uint32(255)).astype(np.int64), np.asarray(c & np.uint32(255)).astype(np.int64)
        bits = np.asarray(a).view(dtype(f"u{width}"))
        one = bits.dtype.type(1)
        field = np.where(start < width, bits >> np.minimum(start, width - 1).astype(bits.dtype), 0).astype(bits.dtype)
        kept = np.minimum(length, width - 1).astype(bits.dtype)
        mask = np.where(length >= width, ~bits.dtype.type(0), (one << kept) - one)
        result = field & mask
        if signed:
            last = np.minimum(start + length - 1, width - 1)
            sign = np.where(length > 0, (bits >> np.maximum(last, 0).astype(bits.dtype)) & one, 0).astype(bool)
            # What lies above the bits that there are is a copy of the sign too.
            held = np.clip(np.minimum(length, width - start), 0, width)
            low = np.where(
                held >= width, ~bits.dtype.type(0), (one << np.minimum(held, width - 1).astype(bits.dtype)) - one
            )
            result = np.where(sign, (result & low) | ~low, result & low)
        out[...] = result.view(dtype(kind))

    return run


def bfi(site: Site) -> Step:
    """9.7.1.20: the lower d bits of a put into b from bit c on."""
    kind, width = site.kind, 8 * SIZES[site.kind]
    a, b, c, d = site.source(1, kind), site.source(2, kind), site.source(3, "u32"), site.source(4, "u32")
    out = site.out(kind)

    def run() -> None:
        start, length = np.asarray(c & np.uint32(255)).astype(np.int64), np.asarray(d & np.uint32(255)).astype(np.int64)
        base = np.asarray(b)
        one = base.dtype.type(1)
        kept = np.minimum(length, width - 1).astype(base.dtype)
        mask = np.where(length >= width, ~base.dtype.type(0), (one << kept) - one)
        shift = np.minimum(start, width - 1).astype(base.dtype)
        mask = np.where(start < width, mask << shift, 0).astype(base.dtype)
        out[...] = (base & ~mask) | ((np.asarray(a) << shift) & mask)

    return run


def _dot(width: int) -> Callable[[Site], Step]:
    """9.7.1.23 and 9.7.1.24: c and a sum of products of bytes, of 8-bit with 8-bit or 16-bit numbers."""

    def make(site: Site) -> Step:
        first, second = site.instruction.types[-2:]
        lanes = site.file.lanes
        kinds = [
            ("u" if kind[0] == "u" else "s") + size
            for kind, size in ((first, "8" if width == 4 else "16"), (second, "8"))
        ]
        a, b = (site.all_lanes(site.source(index, "u32")) for index in (1, 2))
        signed = "s" in first[0] + second[0]
        c, out = site.source(3, "s32" if signed else "u32"), site.out("s32" if signed else "u32")
        offset = 2 if width == 2 and site.has("hi") else 0

        def run() -> None:
            x = np.ascontiguousarray(a).view(dtype(kinds[0])).reshape(lanes, width).astype(np.int64)
            y = (
                np.ascontiguousarray(b)
                .view(dtype(kinds[1]))
                .reshape(lanes, 4)[:, offset : offset + width]
                .astype(np.int64)
            )
            out[...] = ((x * y).sum(axis=1) + c).astype(out.dtype)

        return run

    return make


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {
    "add": _add_or_sub(np.add),
    "sub": _add_or_sub(np.subtract),
    "addc": _with_carry(np.add),
    "subc": _with_carry(np.subtract),
    "mul": mul,
    "mad": mad,
    "madc": mad,
    "mul24": mul24,
    "mad24": mad24,
    "sad": sad,
    "div": _division(0),
    "rem": _division(1),
    "abs": _unary(np.abs),
    "neg": _unary(np.negative),
    "min": _extreme(np.minimum),
    "max": _extreme(np.maximum),
    "popc": popc,
    "clz": clz,
    "bfind": bfind,
    "bfe": bfe,
    "bfi": bfi,
    "dp4a": _dot(4),
    "dp2a": _dot(2),
}
PAIRS = {"add": _binary(np.add), "min": COMPUTATIONS["min"], "max": COMPUTATIONS["max"]}

"""Arithmetic of fp16, bfloat16 and of pairs: sections 9.7.4 (half precision) and 9.7.5 (mixed precision).

A 16-bit float is computed in fp32 or fp64, where sums and products of two of them are exact or rounded to odd, and
rounded once. A pair is two numbers side by side, so pairs of N threads are arrays of 2N numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import (
    BF16,
    F16,
    F32,
    NAN_F16,
    Array,
    Fma,
    add_to_odd,
    brains_to_f32,
    canonical_f32,
    f32_to_brains,
    f32_to_halves,
    flush_f32,
    fma_exact,
    halves_to_f32,
    round_to,
)
from harness.emulator.instructions.floating import operands, rounding, saturated
from harness.emulator.operands import Site

Step = Callable[[], None]


def is_brain(kind: str) -> bool:
    return kind.startswith("bf16")


def to_f32(bits: Any, kind: str) -> Array:
    return brains_to_f32(bits) if is_brain(kind) else halves_to_f32(bits)


def from_f32(values: Array, kind: str) -> Array:
    return f32_to_brains(values) if is_brain(kind) else f32_to_halves(values)


def narrowed(values: Array, kind: str, mode: str = "rn") -> Array:
    """fp64, exact or rounded to odd, rounded once to 16 bits."""
    rounded = round_to(values, BF16 if is_brain(kind) else F16, mode)
    return from_f32(rounded.astype(np.float32), kind)


def flush_halves(bits: Array) -> Array:
    """Subnormal fp16 numbers become zeros (.ftz)."""
    small = (bits & np.uint16(0x7C00)) == 0
    return np.where(small, bits & np.uint16(0x8000), bits)


def _inputs(site: Site, values: list[Any]) -> list[Any]:
    return [flush_halves(each) for each in values] if site.has("ftz") else values


def _finish(site: Site, bits: Array, out: Array) -> None:
    """.ftz, .sat and .relu, written."""
    if site.has("ftz"):
        bits = flush_halves(bits)
    if site.has("sat"):
        bits = from_f32(saturated(to_f32(bits, site.kind)), site.kind)
    if site.has("relu"):
        bits = positive_or_nan(bits, site.kind)
    out[...] = bits


def positive_or_nan(bits: Array, kind: str) -> Array:
    """.relu: what is below 0, and -0, becomes +0; NaN the canonical one."""
    infinity = np.uint16(0x7F80 if is_brain(kind) else 0x7C00)
    nan = (bits & np.uint16(0x7FFF)) > infinity
    return np.where(nan, NAN_F16, np.where(bits >> np.uint16(15) != 0, np.uint16(0), bits))


def _two(function: Any) -> Callable[[Site], Step]:
    """9.7.4.1 to 9.7.4.3: add, sub, mul. Of fp16 fp32 holds the exact result, of bfloat16 fp64 rounds to odd."""

    def make(site: Site) -> Step:
        if site.kind == "f32x2":
            return _pair_of_f32(site, function)
        a, b = operands(site, 2)
        out = site.out(site.kind)

        def run() -> None:
            x, y = (to_f32(each, site.kind) for each in _inputs(site, [a, b]))
            if is_brain(site.kind) and function is not np.multiply:
                wide = y.astype(np.float64)
                exact = add_to_odd(x.astype(np.float64), wide if function is np.add else -wide)
                _finish(site, narrowed(exact, site.kind), out)
            elif is_brain(site.kind):
                # 16 bits of product, but its exponent may lie outside of fp32's range.
                _finish(site, narrowed(x.astype(np.float64) * y, site.kind), out)
            else:
                _finish(site, from_f32(function(x, y), site.kind), out)

        return run

    return make


def fma(site: Site) -> Step:
    """9.7.4.4: rounded once. Of fp16 fp64 holds all that a rounding to fp16 can show."""
    if site.kind == "f32x2":
        return _pair_fma(site)
    a, b, c = operands(site, 3)
    out = site.out(site.kind)

    def run() -> None:
        x, y, z = (to_f32(each, site.kind) for each in _inputs(site, [a, b, c]))
        _finish(site, _fma(x, y, z, site.kind), out)

    return run


def _fma(x: Array, y: Array, z: Array, kind: str) -> Array:
    """By way of fp64 and fp32 where that cannot show: where fp32 has no tie and 16 bits no subnormal result."""
    spare, least = (16, 2.0**-126) if is_brain(kind) else (13, 2.0**-14)
    nearly = (np.multiply(x, y, dtype=np.float64) + z).astype(np.float32)
    result = from_f32(nearly, kind)
    ties = nearly.view(np.uint32) & np.uint32((1 << spare) - 1) == np.uint32(1 << (spare - 1))
    lanes = np.flatnonzero(ties | ((np.abs(nearly) <= np.float32(least)) & (nearly != 0)))
    if lanes.size:
        result[lanes] = narrowed(fma_exact(x[lanes], y[lanes], z[lanes]), kind)
    return result


def _pair_of_f32(site: Site, function: Any) -> Step:
    """9.7.3.1 to 9.7.3.3 of .f32x2 (sm_100 on)."""
    a, b = operands(site, 2)
    out = site.out("f32x2")
    mode = rounding(site)

    def run() -> None:
        x, y = (flush_f32(each) for each in (a, b)) if site.has("ftz") else (a, b)
        if mode == "rn":
            result = function(x, y)
        else:
            wide = y.astype(np.float64)
            signed = -wide if function is np.subtract else wide
            exact = x * wide if function is np.multiply else add_to_odd(x.astype(np.float64), signed)
            if mode == "rm" and function is not np.multiply:
                exact = np.where((exact == 0) & (np.signbit(x) != np.signbit(signed)), -0.0, exact)
            result = round_to(exact, F32, mode).astype(np.float32)
        out[...] = flush_f32(result) if site.has("ftz") else result
        canonical_f32(out)

    return run


def _pair_fma(site: Site) -> Step:
    a, b, c = operands(site, 3)
    out = site.out("f32x2")
    mode = rounding(site)
    tool = site.file.tool(("fma", out.size), lambda: Fma(out.size))
    beside = site.file.scratch(np.float32, 31, out.size)

    def run() -> None:
        x, y, z = (flush_f32(each) for each in (a, b, c)) if site.has("ftz") else (a, b, c)
        if mode == "rn":
            tool(x, y, z, beside)
        else:
            beside[...] = round_to(fma_exact(x, y, z), F32, mode)
        out[...] = flush_f32(beside) if site.has("ftz") else beside
        canonical_f32(out)

    return run


def _sign(operation: str) -> Callable[[Site], Step]:
    """9.7.4.5 and 9.7.4.6: neg and abs, of the sign bit alone; NaN becomes the one NaN (seen on an H200)."""

    def make(site: Site) -> Step:
        (a,) = operands(site, 1)
        out = site.out(site.kind)
        infinity = np.uint16(0x7F80 if "bf16" in site.kind else 0x7C00)

        def run() -> None:
            (bits,) = _inputs(site, [a])
            size = bits & np.uint16(0x7FFF)
            signed = bits ^ np.uint16(0x8000) if operation == "neg" else size
            out[...] = np.where(size > infinity, np.uint16(0x7FFF), signed)

        return run

    return make


def _extreme(is_max: bool) -> Callable[[Site], Step]:
    """9.7.4.7 and 9.7.4.8: of two zeros +0 is the larger; a number beats NaN, except with .NaN; .xorsign.abs."""

    def make(site: Site) -> Step:
        if len(site.instruction.operands) != 3:
            raise site.unsupported()
        a, b = operands(site, 2)
        out = site.out(site.kind)
        infinity = np.uint16(0x7F80 if is_brain(site.kind) else 0x7C00)
        top, rest = np.uint16(0x8000), np.uint16(0x7FFF)

        def run() -> None:
            x, y = _inputs(site, [a, b])
            signs = (x ^ y) & top
            if site.has("xorsign"):
                x, y = x & rest, y & rest
            # As signed numbers of the order of the floats: -0 below +0.
            keys = [np.where(each & top, ~each, each | top) for each in (x, y)]
            result = np.where((keys[0] > keys[1]) == is_max, x, y)
            if site.has("xorsign"):
                result = result | signs
            nan_x, nan_y = ((each & rest) > infinity for each in (x, y))
            if nan_x.any() or nan_y.any():
                if site.has("NaN"):
                    result = np.where(nan_x | nan_y, NAN_F16, result)
                else:
                    result = np.where(nan_x, np.where(nan_y, NAN_F16, y), np.where(nan_y, x, result))
            out[...] = result

        return run

    return make


def ex2(site: Site) -> Step:
    """9.7.4.10: ex2.approx.f16 (bound 2^-9.9) and .bf16 (2^-7), rounded to nearest."""
    (a,) = operands(site, 1)
    out = site.out(site.kind)
    return lambda: np.copyto(out, narrowed(np.exp2(to_f32(a, site.kind).astype(np.float64)), site.kind))


def tanh(site: Site) -> Step:
    """9.7.4.9: tanh.approx of 16 bits, rounded to nearest."""
    (a,) = operands(site, 1)
    out = site.out(site.kind)
    return lambda: np.copyto(out, narrowed(np.tanh(to_f32(a, site.kind).astype(np.float64)), site.kind))


def _wide(site: Site, index: int, kind: str) -> Callable[[], Array]:
    value = site.source(index, kind)
    return lambda: value if kind == "f32" else to_f32(value, kind)


def _mixed(operation: str) -> Callable[[Site], Step]:
    """9.7.5: add, sub and fma of fp32 with 16-bit operands, which are widened exactly (sm_100 on)."""

    def make(site: Site) -> Step:
        small = site.instruction.types[-1]
        kinds = {"add": (small, "f32"), "sub": (small, "f32"), "fma": (small, small, "f32")}[operation]
        values = [_wide(site, index + 1, kind) for index, kind in enumerate(kinds)]
        out = site.out("f32")
        mode = rounding(site)
        tool = site.file.tool(("fma", out.size), lambda: Fma(out.size))
        beside = site.file.scratch(np.float32, 32, out.size)

        def run() -> None:
            taken = [each() for each in values]
            if operation == "fma" and mode == "rn":
                tool(*taken, beside)
            elif operation == "fma":
                beside[...] = round_to(fma_exact(*taken), F32, mode)
            else:
                other = -taken[1] if operation == "sub" else taken[1]
                if mode == "rn":
                    np.add(taken[0], other, out=beside)
                else:
                    beside[...] = round_to(
                        add_to_odd(*(each.astype(np.float64) for each in (taken[0], other))), F32, mode
                    )
            out[...] = saturated(beside) if site.has("sat") else beside
            canonical_f32(out)

        return run

    return make


MIXED: dict[str, Callable[[Site], Step]] = {each: _mixed(each) for each in ("add", "sub", "fma")}
COMPUTATIONS: dict[str, Callable[[Site], Step]] = {
    "add": _two(np.add),
    "sub": _two(np.subtract),
    "mul": _two(np.multiply),
    "fma": fma,
    "neg": _sign("neg"),
    "abs": _sign("abs"),
    "min": _extreme(False),
    "max": _extreme(True),
    "ex2": ex2,
    "tanh": tanh,
}

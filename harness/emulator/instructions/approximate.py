"""Approximations: sections 9.7.3.13 to 9.7.3.22 of the PTX ISA, which bounds their errors and defines special values.

What hardware gives within a bound is not documented. So a machine gives what is nearest to the truth, or, by its
options, what lies at the low or the high end of the bound: a kernel that is right at both is right on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import F32, Array, flush_f32, has_nan, round_to, to_odd
from harness.emulator.exact64 import divide_directed, root_directed, two_product
from harness.emulator.instructions import floating
from harness.emulator.instructions.floating import finish, operands, rounding
from harness.emulator.operands import Site

Step = Callable[[], None]

# Relative to the truth, where not said otherwise.
EX2_BOUND = 2.0**-22.5
LG2_BOUND, LG2_BOUND_NEAR_1 = 2.0**-22, 2.0**-22.6  # the second is absolute, between 0.5 and 2
RCP_BOUND, RSQRT_BOUND, SQRT_BOUND = 2.0**-23, 2.0**-22.9, 2.0**-23
SIN_BOUND = 2.0**-20.5  # absolute, within ±2 pi
TANH_BOUND = 2.0**-11

STEPS = 64
POWERS = np.exp2(np.arange(STEPS, dtype=np.longdouble) / STEPS).astype(np.float64)
_LN2 = float(np.log(np.longdouble(2)))
# Of 2^(r / 64) for |r| <= 1/2: Taylor's, whose next term is 2^-54.
TERMS = [(_LN2 / STEPS) ** power / float(np.prod(np.arange(1, power + 1), dtype=np.float64)) for power in range(6)]
# Arguments of ex2, as bits, whose power lies so near to the middle between two numbers of fp32 that fp64, itself
# rounded, is that middle; and the nearest power. harness.proof.exp2 finds that there are no others.
HARD_POWERS = ((0x3B429D37, 0x3F804385), (0xBCF3A937, 0x3F7AC6B1))
MAGIC = 1.5 * 2.0**52  # added to a number it leaves the nearest integer in the lowest bits


def off_by(site: Site) -> float:
    """-1, 0 or 1: the end of the bound that the machine's options ask for."""
    return {"low": -1.0, "nearest": 0.0, "high": 1.0}[site.options.approximate]


class Exp2:
    """2^x of fp32 numbers, in fp64 to within 2^-52, with memory of its own."""

    def __init__(self, length: int) -> None:
        self._x, self._sum, self._poly = (np.empty(length) for _ in range(3))
        self._index = np.empty(length, np.int64)
        self._power = np.empty(length)

    def __call__(self, x: Any) -> Array:
        """The powers, valid until the next call; NaN for NaN."""
        rest, total, poly, index = self._x, self._sum, self._poly, self._index
        np.multiply(x, float(STEPS), out=rest, dtype=np.float64)
        np.maximum(rest, -300.0 * STEPS, out=rest)
        np.minimum(rest, 300.0 * STEPS, out=rest)
        np.add(rest, MAGIC, out=total)
        bits = total.view(np.int64)
        np.bitwise_and(bits, STEPS - 1, out=index)
        np.take(POWERS, index, out=self._power, mode="clip")
        np.subtract(bits, index, out=index)
        np.left_shift(index, 46, out=index)
        np.subtract(total, MAGIC, out=total)
        np.subtract(rest, total, out=rest)
        np.multiply(rest, TERMS[5], out=poly)
        for term in TERMS[4:0:-1]:
            np.add(poly, term, out=poly)
            np.multiply(poly, rest, out=poly)
        np.multiply(poly, self._power, out=poly)
        np.add(poly, self._power, out=poly)
        np.add(poly.view(np.int64), index, out=poly.view(np.int64))
        return poly


def ex2(site: Site) -> Step:
    """9.7.3.21: ex2.approx.f32; 1 at 0. At an end of the bound a normal result is the outermost within the bound."""
    if site.kind != "f32":
        raise site.unsupported()
    (a,) = operands(site, 1)
    out = site.out("f32")
    power = site.file.tool(("exp2", out.size), lambda: Exp2(out.size))
    factor = 1.0 + off_by(site) * EX2_BOUND
    ftz = site.has("ftz")

    def run() -> None:
        x = np.asarray(a)
        exact = power(x)
        nan = np.isnan(x) if has_nan(x) else None
        if factor != 1.0:
            np.multiply(exact, np.where(np.abs(x) < 2.0**-126 if ftz else x == 0, 1.0, factor), out=exact)
        hard = [(x.view(np.uint32) == bits, nearest) for bits, nearest in HARD_POWERS if factor == 1.0]
        np.copyto(out, exact, casting="same_kind")
        for places, nearest in hard:
            out.view(np.uint32)[places] = nearest
        if factor != 1.0:
            beyond = (out > exact if factor > 1 else out < exact) & (exact >= 2.0**-126) & (exact < 2.0**128)
            np.nextafter(out, np.float32(0 if factor > 1 else np.inf), out=out, where=beyond)
        if ftz:
            small = exact < 2.0**-126
            if small.any():
                out[small] = 0
        if nan is not None:
            out.view(np.uint32)[nan] = 0x7FFFFFFF

    return run


def _within(bound: float, exact: Callable[[Array], Array]) -> Callable[[Site], Step]:
    """An fp32 function, its truth computed in fp64 and moved by a relative bound."""

    def make(site: Site) -> Step:
        (a,) = operands(site, 1)
        if site.kind != "f32":
            raise site.unsupported()
        out = site.out("f32")
        factor = 1.0 + off_by(site) * bound

        def run() -> None:
            x = flush_f32(a) if site.has("ftz") else a
            finish(site, (exact(np.asarray(x, np.float64)) * factor).astype(np.float32), out)

        return run

    return make


def lg2(site: Site) -> Step:
    """9.7.3.20: NaN below 0, -inf at both zeros."""
    (a,) = operands(site, 1)
    if site.kind != "f32":
        raise site.unsupported()
    out = site.out("f32")
    end = off_by(site)

    def run() -> None:
        x = np.asarray(flush_f32(a) if site.has("ftz") else a, np.float64)
        exact = np.where(x == 0, -np.inf, np.log2(np.abs(x)) + np.where(x < 0, np.nan, 0.0))
        if end:
            near = (x > 0.5) & (x < 2)
            exact = np.where(near, exact + end * LG2_BOUND_NEAR_1 * (x != 1), exact * (1 + end * LG2_BOUND))
        finish(site, exact.astype(np.float32), out)

    return run


def rcp(site: Site) -> Step:
    """9.7.3.13 (and .approx.ftz.f64, 9.7.3.14: of the upper 32 bits, in the upper 32 bits)."""
    (a,) = operands(site, 1)
    out = site.out(site.kind)
    if site.kind == "f64" and site.has("approx"):

        def gross() -> None:
            x = (np.asarray(a).view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
            x = np.where(np.abs(x) < 2.0**-1022, np.copysign(0.0, x), x)
            result = 1.0 / x
            result = np.where(np.abs(result) < 2.0**-1022, np.copysign(0.0, result), result)
            out.view(np.uint64)[...] = result.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)

        return gross
    if site.has("approx"):
        return _within(RCP_BOUND, lambda x: 1.0 / x)(site)

    def run() -> None:
        if site.kind == "f64":
            one = np.ones(out.size)
            x = np.asarray(a)
            mode = rounding(site)
            out[...] = one / x if mode == "rn" else divide_directed(one, x, mode)
            return
        single = np.asarray(flush_f32(a) if site.has("ftz") else a)
        if rounding(site) == "rn":
            finish(site, np.float32(1) / single, out)
        else:
            exact = floating.quotient_to_odd(np.ones_like(single), single)
            finish(site, round_to(exact, F32, rounding(site)).astype(np.float32), out)

    return run


def rsqrt(site: Site) -> Step:
    """9.7.3.17 and 9.7.3.18: NaN below 0, an infinity of its sign at zeros."""
    if site.kind == "f32":
        return _within(RSQRT_BOUND, lambda x: np.where(x == 0, np.copysign(np.inf, x), 1.0 / np.sqrt(x)))(site)
    (a,) = operands(site, 1)
    out = site.out("f64")

    def run() -> None:
        x = np.asarray(a)
        if site.has("ftz"):
            x = (x.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
        x = np.where(np.abs(x) < 2.0**-1022, np.copysign(0.0, x), x)
        result = np.where(x == 0, np.copysign(np.inf, x), 1.0 / np.sqrt(x))
        if site.has("ftz"):
            result = (result.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
        out[...] = result

    return run


def sqrt(site: Site) -> Step:
    """9.7.3.16: .approx within its bound, the others rounded once."""
    if site.has("approx"):
        return _within(SQRT_BOUND, np.sqrt)(site)
    (a,) = operands(site, 1)
    out = site.out(site.kind)
    mode = rounding(site)

    def run() -> None:
        x = np.asarray(flush_f32(a) if site.has("ftz") and site.kind == "f32" else a)
        if site.kind == "f64":
            out[...] = np.sqrt(x) if mode == "rn" else root_directed(x, mode)
        elif mode == "rn":
            finish(site, np.sqrt(x), out)
        else:
            finish(site, round_to(_root_to_odd(x.astype(np.float64)), F32, mode).astype(np.float32), out)

    return run


def _root_to_odd(x: Array) -> Array:
    """The root of an fp32 number in fp64, rounded to odd: a root that is not exact lies 2^-50 and more off 24 bits."""
    root = np.sqrt(x)
    square, lost = two_product(root, root)
    left = np.where(np.isfinite(square) & (x > 0), (x - square) - lost, 0.0)
    return to_odd(root, left)


def _wave(function: Any) -> Callable[[Site], Step]:
    """9.7.3.19: sin and cos; NaN of infinities."""

    def make(site: Site) -> Step:
        (a,) = operands(site, 1)
        out = site.out("f32")
        end = off_by(site) * SIN_BOUND

        def run() -> None:
            x = np.asarray(flush_f32(a) if site.has("ftz") else a, np.float64)
            exact = function(x)
            if end:
                exact = np.where(x == 0, exact, exact + end)
            finish(site, exact.astype(np.float32), out)

        return run

    return make


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {
    "ex2": ex2,
    "lg2": lg2,
    "rcp": rcp,
    "rsqrt": rsqrt,
    "sqrt": sqrt,
    "sin": _wave(np.sin),
    "cos": _wave(np.cos),
    "tanh": _within(TANH_BOUND, np.tanh),
}

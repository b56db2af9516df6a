"""Arithmetic of fp32 and fp64: section 9.7.3 of the PTX ISA.

NaN results of fp32 are 0x7fffffff. Subnormal numbers are numbers unless .ftz says that they are zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import (
    F32,
    Array,
    Fma,
    add_to_odd,
    canonical_f32,
    flush_f32,
    fma_exact,
    has_nan,
    round_to,
    to_odd,
)
from harness.emulator.exact64 import add_directed, divide_directed, fma_directed, multiply_directed
from harness.emulator.operands import Site

Step = Callable[[], None]
_NEAREST = "rn"


def rounding(site: Site) -> str:
    """The rounding mode that an opcode names; to nearest where it names none."""
    return next((mode for mode in ("rz", "rm", "rp") if site.has(mode)), _NEAREST)


def operands(site: Site, count: int) -> list[Any]:
    return [site.source(index, site.kind) for index in range(1, count + 1)]


def finish(site: Site, result: Array, out: Array) -> None:
    """What .sat, .ftz and NaN make of an fp32 result, written."""
    if site.has("ftz"):
        result = flush_f32(result)
    if site.has("sat"):
        result = saturated(result)
    if result is not out:
        np.copyto(out, result, casting="same_kind")
    canonical_f32(out)


def _pass_nan_on(out: Array, operands: list[Array]) -> None:
    """A NaN in fp64 has the digits of the operand that is one, quiet: of several the last one's (seen on an H200)."""
    for each in operands:
        if has_nan(each):
            nan = np.isnan(out) & np.isnan(each)
            quiet = np.broadcast_to(each, out.shape)[nan].view(np.uint64) | np.uint64(1 << 51)
            out.view(np.uint64)[nan] = quiet


def saturated(values: Array) -> Array:
    """Within [0, 1]; NaN and -0 become +0."""
    return np.minimum(np.where(values > 0, values, values.dtype.type(0)), values.dtype.type(1))


def _inputs(site: Site, values: list[Any]) -> list[Any]:
    return [flush_f32(each) for each in values] if site.has("ftz") else values


def _is_plain(site: Site) -> bool:
    return rounding(site) == _NEAREST and not site.has("ftz") and not site.has("sat")


def _simple(function: Any, exact: Callable[[Array, Array], Array], directed: Any) -> Callable[[Site], Step]:
    """An operation of numpy's for rounding to nearest; else exact in fp64, or rounded to odd, and then once."""

    def make(site: Site) -> Step:
        a, b = operands(site, 2)
        out = site.out(site.kind)
        mode = rounding(site)
        if site.kind == "f64":

            def in_f64() -> None:
                taken = [np.array(each) for each in (a, b)]
                if mode == _NEAREST:
                    function(*taken, out=out)
                else:
                    np.copyto(out, directed(*taken, mode))
                _pass_nan_on(out, taken)

            return in_f64
        if _is_plain(site):

            def plain() -> None:
                function(a, b, out=out)
                canonical_f32(out)

            return plain

        def run() -> None:
            x, y = _inputs(site, [a, b])
            if mode == _NEAREST:
                result = function(x, y)
            else:
                result = round_to(exact(np.asarray(x, np.float64), np.asarray(y, np.float64)), F32, mode)
                result = result.astype(np.float32)
            finish(site, result, out)

        return run

    return make


def _with_zero_sign(total: Array, a: Array, b: Array, mode: str) -> Array:
    """x - x is -0 where rounding is down, and +0 in the other modes."""
    if mode != "rm":
        return total
    cancelled = (total == 0) & ~((a == 0) & (b == 0) & (np.signbit(a) == np.signbit(b)))
    return np.where(cancelled, -0.0, total)


def _directed_sum(sign: int) -> Callable[[Site], Step]:
    function = np.add if sign > 0 else np.subtract
    usual = _simple(function, lambda a, b: add_to_odd(a, sign * b), lambda a, b, mode: add_directed(a, sign * b, mode))

    def make(site: Site) -> Step:
        if rounding(site) != "rm":
            return usual(site)
        a, b = operands(site, 2)
        out = site.out(site.kind)

        def run() -> None:
            x, y = (np.asarray(each, np.float64) for each in _inputs(site, [a, b]))
            y = sign * y
            if site.kind == "f64":
                out[...] = _with_zero_sign(add_directed(x, y, "rm"), x, y, "rm")
                return
            result = round_to(_with_zero_sign(add_to_odd(x, y), x, y, "rm"), F32, "rm")
            finish(site, result.astype(np.float32), out)

        return run

    return make


def fma(site: Site) -> Step:
    """9.7.3.6 (and mad, 9.7.3.7, which is the same on all targets here): rounded once."""
    a, b, c = operands(site, 3)
    out = site.out(site.kind)
    mode = rounding(site)
    if site.kind == "f64":

        def in_f64() -> None:
            x, y, z = (np.array(each) for each in (a, b, c))
            np.copyto(out, fma_directed(x, y, z, mode))
            _pass_nan_on(out, [x, y, z])

        return in_f64
    if mode == _NEAREST:
        tool = site.file.tool(("fma", out.size), lambda: Fma(out.size))
        if _is_plain(site):
            return lambda: tool(a, b, c, out)
        beside = site.file.scratch(np.float32, 30, out.size)

        def nearest() -> None:
            tool(*_inputs(site, [a, b, c]), beside)
            finish(site, beside, out)

        return nearest

    def run() -> None:
        x, y, z = _inputs(site, [a, b, c])
        exact = fma_exact(x, y, z)
        if mode == "rm":
            product = np.multiply(x, y, dtype=np.float64)
            exact = _with_zero_sign(exact, product, np.asarray(z, np.float64), mode)
        finish(site, round_to(exact, F32, mode).astype(np.float32), out)

    return run


def div(site: Site) -> Step:
    """9.7.3.8. div.full and div.approx are given rounded to nearest: the ISA bounds their error at 2 ulp."""
    a, b = operands(site, 2)
    out = site.out(site.kind)
    mode = rounding(site)

    def run() -> None:
        x, y = (np.asarray(each) for each in _inputs(site, [a, b]))
        if site.kind == "f64":
            out[...] = x / y if mode == _NEAREST else divide_directed(x, y, mode)
        elif mode == _NEAREST:
            finish(site, _approximate_quotient(x, y) if site.has("approx") else x / y, out)
        else:
            finish(site, round_to(quotient_to_odd(x, y), F32, mode).astype(np.float32), out)

    return run


def _approximate_quotient(a: Array, b: Array) -> Array:
    """div.approx.f32 of a divisor above 2^126 is 0, as the ISA says, and NaN for an infinite dividend."""
    large = (np.abs(b) > 2.0**126) & np.isfinite(b)
    return np.where(large, a * np.copysign(np.float32(0), b), a / b) if large.any() else a / b


def quotient_to_odd(a: Array, b: Array) -> Array:
    """A quotient of fp32 numbers in fp64, rounded to odd; what division leaves tells whether it is exact."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    quotient = x / y
    # The rest of the division is exact where the product is taken apart: 53 and 24 bits.
    low = quotient - (quotient.astype(np.float32)).astype(np.float64)
    high = quotient - low
    rest = (x - high * y) - low * y
    lost = np.where(np.isfinite(rest), np.where(y < 0, -rest, rest), 0.0)
    return to_odd(quotient, lost)


def _sign_changing(function: Any) -> Callable[[Site], Step]:
    """9.7.3.9 and 9.7.3.10: abs and neg."""

    def make(site: Site) -> Step:
        (a,) = operands(site, 1)
        out = site.out(site.kind)
        if site.kind == "f64":
            return lambda: function(a, out=out)

        def run() -> None:
            (x,) = _inputs(site, [a])
            function(x, out=out)
            canonical_f32(out)

        return run

    return make


def _extreme(is_max: bool) -> Callable[[Site], Step]:
    """9.7.3.11 and 9.7.3.12: a number beats NaN, except with .NaN; +0 is larger than -0; .xorsign.abs."""
    function = (np.maximum, np.fmax) if is_max else (np.minimum, np.fmin)

    def make(site: Site) -> Step:
        count = len(site.instruction.operands) - 1
        values = operands(site, count)
        out = site.out(site.kind)
        choose = function[0] if site.has("NaN") else function[1]
        bits = np.uint32 if site.kind == "f32" else np.uint64

        def run() -> None:
            taken = _inputs(site, values)
            negative: Any = None
            if site.has("xorsign"):
                signs = np.signbit(taken[0]) ^ np.signbit(taken[1])
                taken = [np.abs(each) for each in taken]
                negative = signs
            result = taken[0]
            for other in taken[1:]:
                chosen = choose(result, other)
                # numpy gives either of two zeros.
                if not np.all(chosen):
                    both = (np.asarray(result) == 0) & (np.asarray(other) == 0)
                    both_bits: list[Any] = [np.asarray(each).view(bits) for each in (result, other)]
                    x, y = both_bits
                    zero = (x & y) if is_max else (x | y)
                    chosen = np.where(both, zero.view(chosen.dtype), chosen)
                result = chosen
            if negative is not None:
                result = np.where(negative, -result, result)
            taken = [np.array(each) for each in taken] if site.kind == "f64" else taken
            out[...] = result
            if site.kind == "f32":
                canonical_f32(out)
            else:
                _pass_nan_on(out, taken)

        return run

    return make


def copysign(site: Site) -> Step:
    """9.7.3.5: the sign of the first operand, the size of the second."""
    a, b = operands(site, 2)
    out = site.out(site.kind)
    return lambda: np.copysign(b, a, out=out)


def testp(site: Site) -> Step:
    """9.7.3.4"""
    (a,) = operands(site, 1)
    out = site.out("pred")
    kind = np.finfo(np.float32 if site.kind == "f32" else np.float64)
    tests: dict[str, Callable[[Any], Any]] = {
        "finite": np.isfinite,
        "infinite": np.isinf,
        "number": lambda x: ~np.isnan(x),
        "notanumber": np.isnan,
        "normal": lambda x: np.isfinite(x) & (np.abs(x) >= kind.tiny),
        "subnormal": lambda x: (np.abs(x) < kind.tiny) & (x != 0),
    }
    (test,) = (tests[each] for each in site.instruction.modifiers if each in tests)
    return lambda: np.copyto(out, test(a))


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {
    "add": _directed_sum(1),
    "sub": _directed_sum(-1),
    "mul": _simple(np.multiply, lambda a, b: a * b, multiply_directed),
    "fma": fma,
    "mad": fma,
    "div": div,
    "abs": _sign_changing(np.abs),
    "neg": _sign_changing(np.negative),
    "min": _extreme(False),
    "max": _extreme(True),
    "copysign": copysign,
    "testp": testp,
}

"""cvt: section 9.7.9.21 of the PTX ISA. Every pair of types, every rounding, .ftz, .sat, .relu and .satfinite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import (
    BF16,
    F16,
    F32,
    Array,
    Format,
    add_to_odd,
    canonical_f32,
    f32_to_brains,
    f32_to_halves,
    flush_f32,
    round_to,
)
from harness.emulator.exact64 import directed
from harness.emulator.instructions.floating import saturated
from harness.emulator.instructions.packed import from_f32, positive_or_nan, to_f32
from harness.emulator.operands import Site, dtype
from harness.emulator.ptx import SIZES

Step = Callable[[], None]
FLOATS = {"f16", "bf16", "f32", "f64"}
_FORMATS = {"f16": F16, "bf16": BF16, "f32": F32}
_TF32 = Format(11, -126, float(np.float32(2.0**127 * (2 - 2.0**-10))))
_INTEGRAL = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def cvt(site: Site) -> Step:
    modifiers = site.instruction.modifiers
    if "tf32" in modifiers:
        return _to_tf32(site)
    if len(site.instruction.types) != 2 or any(
        each.startswith(("e4m3", "e5m2", "e2m", "e3m", "ue8")) for each in modifiers
    ):
        raise site.unsupported()
    to, source = site.instruction.types
    if to.endswith("x2"):
        return _to_pair(site, to.removesuffix("x2"))
    if to in FLOATS and source in FLOATS:
        return _between_floats(site, to, source)
    if source in FLOATS:
        return _to_integer(site, to, source)
    if to in FLOATS:
        return _from_integer(site, to, source)
    return _between_integers(site, to, source)


def _mode(site: Site) -> str:
    return next((each for each in ("rz", "rm", "rp", "rna") if site.has(each)), "rn")


def _to_pair(site: Site, to: str) -> Step:
    """cvt.….bf16x2.f32 d, a, b: a becomes the upper half."""
    if len(site.instruction.operands) != 3 or site.kind != "f32" or _mode(site) not in ("rn", "rz"):
        raise site.unsupported()
    upper, lower = site.source(1, "f32"), site.source(2, "f32")
    out = site.out("b32").view(np.uint16)
    make = _narrower(site, to)

    def run() -> None:
        # Both first: the result may take the place of one of them.
        high, low = make(np.asarray(upper)), make(np.asarray(lower))
        out[1::2] = high
        out[0::2] = low

    return run


def _narrower(site: Site, to: str) -> Callable[[Array], Array]:
    """fp32 to 16 bits, with what the modifiers ask for."""
    mode = _mode(site)
    nearest = f32_to_brains if to == "bf16" else f32_to_halves

    def make(values: Array) -> Array:
        if site.has("ftz"):
            values = flush_f32(values)
        if site.has("sat"):
            values = saturated(values)
        bits = nearest(values) if mode == "rn" else from_f32(_rounded(values, to, mode), to)
        if site.has("satfinite"):
            bits = _finite(bits, to)
        return positive_or_nan(bits, to) if site.has("relu") else bits

    return make


def _rounded(values: Array, to: str, mode: str) -> Array:
    return round_to(np.asarray(values, np.float64), _FORMATS[to], mode).astype(np.float32)


def _finite(bits: Array, kind: str) -> Array:
    """.satfinite: what overflows becomes the greatest number of its sign."""
    infinity = np.uint16(0x7F80 if kind == "bf16" else 0x7C00)
    return np.where((bits & np.uint16(0x7FFF)) == infinity, bits - np.uint16(1), bits)


def _to_tf32(site: Site) -> Step:
    """Ten bits of fraction, in a register of 32."""
    source, out = site.source(1, "f32"), site.out("b32").view(np.float32)
    mode = _mode(site)

    def run() -> None:
        values = round_to(np.asarray(source, np.float64), _TF32, mode).astype(np.float32)
        if site.has("relu"):
            values = np.where(values > 0, values, np.where(np.isnan(values), values, np.float32(0)))
        out[...] = values
        # Seen on an H200: a NaN has all ten bits of fraction, but where it keeps those that it had (.rna).
        nan = np.isnan(values)
        kept = np.asarray(source).view(np.uint32) & np.uint32(0xFFFFE000)
        out.view(np.uint32)[nan] = kept[nan] if site.has("rna") else 0x7FFFE000

    return run


def _between_floats(site: Site, to: str, source: str) -> Step:
    integral = next((function for name, function in _INTEGRAL.items() if site.has(name)), None)
    value = site.source(1, source)
    if to in ("f16", "bf16"):
        return _to_16_bits(site, to, source, value, integral)
    out = site.out(to)

    def run() -> None:
        values = to_f32(value, source) if SIZES[source] == 2 else np.asarray(value)
        if site.has("ftz") and source == "f32":
            values = flush_f32(values)
        if integral is not None:
            values = integral(values)
        if to == "f32" and source == "f64" and _mode(site) != "rn":
            values = round_to(values, F32, _mode(site))
        if site.has("sat"):
            values = saturated(values)
        if to == "f32" and site.has("ftz"):
            values = flush_f32(values.astype(np.float32))
        np.copyto(out, values, casting="same_kind")
        if to == "f32" and source not in ("bf16", "f64"):  # of fp64 a NaN keeps its sign and digits (seen on an H200)
            canonical_f32(out)

    return run


def _to_16_bits(site: Site, to: str, source: str, value: Any, integral: Any) -> Step:
    out, make = site.out(to), _narrower(site, to)

    def run() -> None:
        if source == "f64":
            wide = np.asarray(value)
            out[...] = make(_rounded(wide if integral is None else integral(wide), to, _mode(site)))
            return
        values = to_f32(value, source) if SIZES[source] == 2 else np.asarray(value)
        out[...] = make(values if integral is None else integral(values))

    return run


def _to_integer(site: Site, to: str, source: str) -> Step:
    """Clamped to the range of the type; NaN is 0, or the top bit alone where one of the types has 64 bits."""
    (integral,) = (function for name, function in _INTEGRAL.items() if site.has(name))
    value, put = site.source(1, source), site.out_wide(to)
    limits = np.iinfo(dtype(to))
    least, most = (np.array(each, dtype(to)) for each in (limits.min, limits.max))
    lowest, highest = float(limits.min), float(limits.max)
    of_nan = limits.min if to[0] == "s" else 1 << (limits.bits - 1)
    if source != "f64" and limits.bits < 64:
        of_nan = 0

    def run() -> None:
        values = to_f32(value, source) if SIZES[source] == 2 else np.asarray(value)
        if site.has("ftz") and source == "f32":
            values = flush_f32(values)
        whole = integral(values.astype(np.float64))
        inside = (whole > lowest) & (whole < highest)
        result = np.where(inside, whole, 0.0).astype(dtype(to))
        result = np.where(inside, result, np.where(whole >= highest, most, least))
        put(np.where(np.isnan(values), np.array(of_nan).astype(dtype(to)), result))

    return run


def _from_integer(site: Site, to: str, source: str) -> Step:
    value, out, mode = site.source(1, source), site.out(to), _mode(site)

    def run() -> None:
        whole = np.asarray(value)
        if to == "f64":
            nearest = whole.astype(np.float64)
            if mode != "rn" and SIZES[source] == 8:
                low = (whole & whole.dtype.type(0xFFFFFFFF)).astype(np.float64)
                high = (whole >> whole.dtype.type(32)).astype(np.float64) * 2.0**32
                total = high + low
                nearest = directed(total, low - (total - high), mode)
            out[...] = nearest
            return
        if SIZES[source] == 8:
            low = (whole & whole.dtype.type(0xFFFFFFFF)).astype(np.float64)
            exact = add_to_odd((whole >> whole.dtype.type(32)).astype(np.float64) * 2.0**32, low)
        else:
            exact = whole.astype(np.float64)
        rounded = round_to(exact, _FORMATS[to], mode).astype(np.float32)
        if site.has("sat"):
            rounded = saturated(rounded)
        out[...] = rounded if to == "f32" else from_f32(rounded, to)

    return run


def _between_integers(site: Site, to: str, source: str) -> Step:
    value, put = site.source(1, source), site.out_wide(to)
    limits = np.iinfo(dtype(to))
    if not site.has("sat"):
        # Cut to the width, then extended to that of the register.
        return lambda: put(np.asarray(value).astype(dtype(to)))

    def run() -> None:
        given = np.iinfo(dtype(source))
        values = np.asarray(value)
        low, high = max(limits.min, given.min), min(limits.max, given.max)
        put(np.clip(values, values.dtype.type(low), values.dtype.type(high)).astype(dtype(to)))

    return run


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {"cvt": cvt}

"""Rounding as a GPU does it, on numpy arrays: one rounding of an exact result, in every mode and format.

A product of two fp32 numbers is exact in fp64, a sum is not. Where its rounding could show after a second one, to
fp32 or fewer bits, the sum is rounded to odd instead: the last bit is set where anything was lost, so that no later
rounding takes it for a tie (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NAN_F16, NAN_BF16, NAN_F32 = np.uint16(0x7FFF), np.uint16(0x7FFF), np.uint32(0x7FFFFFFF)
_TINY_F32 = np.float32(2.0**-126)
_LOW = np.uint64(0x1FFFFFFF)  # the bits of fp64 that fp32 has no room for
_TIE = np.uint64(0x10000000)
_SIGN_F32 = np.uint32(0x80000000)
_EXPONENT_F32 = np.uint32(0x7F800000)
_HALVES = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)


@dataclass(frozen=True)
class Format:
    """A binary floating-point format."""

    precision: int  # bits of the significand, the hidden one included
    least_exponent: int  # of a normal number: its value is at least 2 to this
    greatest: float


F16 = Format(11, -14, 65504.0)
BF16 = Format(8, -126, float(2.0**127 * (2 - 2.0**-7)))
F32 = Format(24, -126, float(np.finfo(np.float32).max))


def quiet() -> Any:
    """Within it numpy does not warn of infinities and NaN, which are values like others here."""
    return np.errstate(all="ignore")


def has_nan(values: Array) -> bool:
    """Whether an fp32 or fp64 array has a NaN: the quickest pass over an array that numpy has is a dot product."""
    total = np.dot(values, values)
    return bool(total != total)


def canonical_f32(values: Array) -> None:
    """Every NaN of an fp32 array becomes the one that NVIDIA's instructions give, 0x7fffffff (section 9.7.3)."""
    if has_nan(values):
        values.view(np.uint32)[np.isnan(values)] = NAN_F32


def flush_f32(values: Array) -> Array:
    """Subnormal numbers become zeros of their sign (.ftz). Gives the same array back where there are none."""
    magnitude = np.abs(values)
    small = (magnitude < _TINY_F32) & (magnitude > 0)
    if not small.any():
        return values
    return np.where(small, np.copysign(np.float32(0), values), values)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """(the fp64 sum, what its rounding lost), exactly (Knuth)."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def to_odd(total: Array, lost: Array) -> Array:
    """An fp64 result rounded to odd, from the nearest one and the sign of what its rounding lost."""
    bits = np.array(total).view(np.int64)
    away = (lost > 0) == (total > 0)  # the truth is farther from 0 than the total
    inexact = (lost != 0) & np.isfinite(total)
    # An even total moves to its odd neighbour on the truth's side; the truth lies between them.
    bits += np.where(inexact & ((bits & 1) == 0), np.where(away, 1, -1), 0)
    return bits.view(np.float64)


def add_to_odd(a: Array, b: Array) -> Array:
    """a + b of fp64 arrays, rounded to odd."""
    total, lost = two_sum(a, b)
    return to_odd(total, lost)


def round_to(values: Array, form: Format, mode: str = "rn") -> Array:
    """fp64 values, exact or rounded to odd, rounded once to a narrower format; the result is still fp64.

    mode: "rn" (ties to even), "rz", "rm" (down), "rp" (up), "rna" (ties away from 0). IEEE 754, section 7.4, says what
    overflow gives in each.
    """
    exponent = (values.view(np.int64) >> 52 & 0x7FF) - 1023
    quantum = np.maximum(exponent, form.least_exponent) - (form.precision - 1)
    quantum = np.clip(quantum, -1000, 1000)
    unit = ((quantum + 1023) << 52).view(np.float64)
    scaled = values * ((1023 - quantum) << 52).view(np.float64)
    if mode == "rna":
        rounded = np.copysign(np.floor(np.abs(scaled) + 0.5), values)
    else:
        rounded = {"rn": np.rint, "rz": np.trunc, "rm": np.floor, "rp": np.ceil}[mode](scaled)
    result = np.copysign(rounded * unit, values)
    over = np.abs(result) > form.greatest
    if over.any():
        result = np.where(over & np.isfinite(values), _overflown(values, form, mode), result)
    return result


def _overflown(values: Array, form: Format, mode: str) -> Array:
    never = np.zeros(values.shape, bool)
    stays = {"rz": ~never, "rm": values > 0, "rp": values < 0}.get(mode, never)
    return np.copysign(np.where(stays, form.greatest, np.inf), values)


class Fma:
    """a * b + c of fp32 arrays of one length, rounded once to nearest, with memory of its own for what lies between."""

    def __init__(self, length: int) -> None:
        self._total, self._other = np.empty(length), np.empty(length)
        self._bits = np.empty(length, np.uint64)
        self._flags = np.empty(length, bool)
        self._size = np.empty(length, np.float32)

    def __call__(self, a: Any, b: Any, c: Any, out: Array) -> None:
        """`out` may be one of the operands."""
        total, other, bits, flags, size = self._total, self._other, self._bits, self._flags, self._size
        np.copyto(total, a)
        np.copyto(other, b)
        np.multiply(total, other, out=total)
        np.copyto(other, c)
        np.add(total, other, out=total)
        # A second rounding, to fp32, goes wrong only where the first made a tie, or where the result is subnormal.
        np.bitwise_and(total.view(np.uint64), _LOW, out=bits)
        np.equal(bits, _TIE, out=flags)
        np.copyto(size, total, casting="same_kind")
        np.abs(size, out=size)
        if np.count_nonzero(flags) or not np.minimum.reduce(size) > _TINY_F32:
            # What is exact in 24 bits, 0 as well, was not rounded at all.
            flags |= (size <= _TINY_F32) & (bits != 0)
            lanes = np.flatnonzero(flags)
            if lanes.size:
                total[lanes] = fma_exact(*(_at(each, lanes) for each in (a, b, c)))
        np.copyto(out, total, casting="same_kind")
        canonical_f32(out)


def _at(values: Any, lanes: Array) -> Any:
    return values[lanes] if np.size(values) > 1 else values


def fma_exact(a: Any, b: Any, c: Any) -> Array:
    """a * b + c in fp64 rounded to odd, for factors of at most 24 bits: round_to makes any narrower format of it."""
    return add_to_odd(np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64))


def halves_to_f32(bits: Array) -> Array:
    """fp16, as uint16, to fp32 (exact; NaN keeps its payload)."""
    return _HALVES.take(bits)


def brains_to_f32(bits: Array) -> Array:
    """bfloat16, as uint16, to fp32 (exact)."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def f32_to_brains(values: Array) -> Array:
    """fp32 to bfloat16, to nearest, ties to even, as uint16; NaN becomes 0x7fff."""
    bits = values.view(np.uint32)
    rounded = np.right_shift(bits, np.uint32(16))
    rounded &= np.uint32(1)
    rounded += np.uint32(0x7FFF)
    rounded += bits
    result = rounded.view(np.uint16)[1::2]
    if has_nan(values):
        result[np.isnan(values)] = NAN_BF16
    return result


def f32_to_halves(values: Array) -> Array:
    """fp32 to fp16, to nearest, ties to even, as uint16; NaN becomes 0x7fff.

    A normal result is the fp32's bits, moved and rounded by an addition; a subnormal one is what is left of a sum
    with 0.5, whose last bit is fp16's least.
    """
    bits = values.view(np.uint32)
    sign = bits & _SIGN_F32
    size = bits ^ sign
    rounded = np.right_shift(size, np.uint32(13))
    rounded &= np.uint32(1)
    rounded += size
    rounded += np.uint32(0xC8000FFF)  # the exponent's offset goes from 127 to 15, modulo 2^32
    np.right_shift(rounded, np.uint32(13), out=rounded)
    small = size < np.uint32(0x38800000)
    if small.any():
        shifted = (size.view(np.float32) + np.float32(0.5)).view(np.uint32) - np.uint32(0x3F000000)
        np.copyto(rounded, shifted, where=small)
    large = size >= np.uint32(0x477FF000)
    if large.any():
        nan = size > _EXPONENT_F32
        np.copyto(rounded, np.where(nan, np.uint32(0x7FFF), np.uint32(0x7C00)), where=large)
        sign = np.where(nan, np.uint32(0), sign)
    rounded |= np.right_shift(sign, np.uint32(16))
    return rounded.view(np.uint16)[::2]

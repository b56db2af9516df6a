"""Is `ex2` to nearest as the emulated GPU has it, which computes it in fp64 and rounds, right for every argument?"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import numpy as np
from numba import njit

from harness.proof import scalar
from harness.proof.lines import LINES
from harness.proof.measure import nearest
from harness.proof.reference import DIGITS

# fp64 is within 2^-52 of the truth there (harness.emulator.instructions.approximate); what lies nearer than this to
# the middle between two numbers of fp32, relatively, is looked at in decimals.
_CLOSE = 2.0**-50
_BLOCK = 4096
_LEAST_BITS, _MOST_BITS = 0x32000000, 0x43180000  # 2^-27, below which the result is 1, and 152, above which it is over


@scalar.njit_inline
def _is_close(bits):
    value = scalar.exp2_wide(np.float64(scalar.to_f32(bits)))
    unit = np.float64(2.0) ** -149 if value < 2.0**-126 else scalar.to_f64(
        (scalar.to_i64(value) & np.int64(0x7FF << 52)) - np.int64(23 << 52)
    )  # fmt: skip
    steps = value / unit
    return np.abs(steps - np.floor(steps) - 0.5) <= steps * _CLOSE


@njit(error_model="numpy", boundscheck=False)
def _list_close(first, last, sign, found):
    count = 0
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        some = np.uint32(0)
        for pattern in range(start, stop):  # does not branch, so that it is vector instructions
            some |= np.uint32(_is_close(np.uint32(pattern) | sign))
        if some:
            for pattern in range(start, stop):
                if _is_close(np.uint32(pattern) | sign):
                    found[min(count, found.size - 1)] = np.uint32(pattern) | sign
                    count += 1
    return count


@njit(error_model="numpy")
def _powers(bits, out):
    for i in range(bits.size):
        out[i] = scalar.ex2(bits[i], 1.0, False)


@cache
def close_arguments() -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """The bits of all arguments of ex2, of the 4,294,967,296, whose rounding fp64 alone does not settle."""
    room = np.empty((2, 4096), np.uint32)
    signs = (np.uint32(0), np.uint32(0x80000000))
    counts = [_list_close(_LEAST_BITS, _MOST_BITS, sign, own) for sign, own in zip(signs, room, strict=True)]
    return np.concatenate([own[:count] for own, count in zip(room, counts, strict=True)])


def wrong_arguments(close: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> list[float]:
    """Those for which ex2 is not the number of fp32 nearest to the truth, by decimal arithmetic."""
    line, powers = LINES["float32"], np.empty_like(close)
    _powers(close, powers)
    return [
        float(x)
        for x, power in zip(close.view(np.float32), powers.view(np.float32), strict=True)
        if np.isfinite(power) and float(power) != nearest(DIGITS.power(Decimal(2), Decimal(float(x))), line)
    ]

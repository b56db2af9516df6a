"""The formula of ELU, in its one place: device functions that every kernel is made of.

    elu(x) = scale * (x if x > 0 else alpha * expm1(input_scale * x))

16- and 32-bit tensors are computed in fp32, 64-bit ones in fp64. `exp(x) - 1` alone is never used near 0:
its error is that of a number near 1, which for small x is as large as the result.
"""

from __future__ import annotations

import os

import triton
import triton.language as tl

# Triton's interpreter is numpy: its fma rounds twice, its conversion to bfloat16 cuts bits off, and the one from
# bfloat16 takes subnormal numbers for 0.
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")

_LOG2_E = tl.constexpr(1.4426950408889634)

# ln 2 in two parts (as in fdlibm): n * HIGH is exact for every n that occurs, so the reduction loses nothing.
_LN2_HIGH_F32 = tl.constexpr(0.693145751953125)
_LN2_LOW_F32 = tl.constexpr(1.4286068203094172e-06)
_LN2_HIGH_F64 = tl.constexpr(6.93147180369123816490e-01)
_LN2_LOW_F64 = tl.constexpr(1.90821492927058770002e-10)

# Adding one of these rounds to an integer n, leaving n + bias in the low bits of the sum: shifted into the
# exponent they are 2^n. The fp32 one for gradients keeps n + 24 there, so that 2^n may be subnormal.
_MAGIC_F32 = tl.constexpr(12582912.0 + 127.0)
_MAGIC_F32_SUBNORMAL = tl.constexpr(12582912.0 + 127.0 + 24.0)
_MAGIC_F64 = tl.constexpr(6755399441055744.0 + 1023.0)


def form_of(alpha: float, scale: float, input_scale: float) -> str:
    """Which specialisation computes these parameters.

    "unit": all are 1. "general": alpha and input_scale are positive, so that a negative input has a negative
    result and ±0 stays itself. "any": everything else, by a slower formula that assumes nothing.
    """
    if alpha == scale == input_scale == 1.0:
        return "unit"
    return "general" if alpha > 0 and input_scale > 0 else "any"


@triton.jit
def widen(x):
    """The values of a block in the type that they are computed in: fp64 stays, all else becomes fp32."""
    if INTERPRETED and x.dtype == tl.bfloat16:
        wide = (x.to(tl.uint16, bitcast=True).to(tl.uint32) << 16).to(tl.float32, bitcast=True)
    else:
        wide = x.to(tl.float64 if x.dtype == tl.float64 else tl.float32)
    return wide


@triton.jit
def narrow(value, dtype: tl.constexpr):
    """A computed block rounded to nearest, ties to even, in the type it is stored in."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = value.to(tl.uint32, bitcast=True)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        rounded = tl.where(value == value, rounded, 0x7FC0)
        stored = rounded.to(tl.uint16).to(tl.bfloat16, bitcast=True)
    else:
        stored = value.to(dtype)
    return stored


@triton.jit
def number(value, like):
    """A parameter (a runtime fp32 scalar, or a constant where fp64 is computed) in the type of `like`."""
    return tl.full((), value, like.dtype)


@triton.jit
def elu(x, alpha, scale, input_scale, NARROW: tl.constexpr, FORM: tl.constexpr):
    """elu of a widened block. NARROW: the result is stored in 16 bits, which needs less accuracy."""
    if FORM == "unit":
        # >= rather than >: the sign of -0 survives the positive branch.
        value = tl.where(x >= 0, x, expm1(x, NARROW))
    else:
        alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
        if FORM == "general":
            value = tl.where(x >= 0, scale * x, (alpha * scale) * expm1(input_scale * x, NARROW))
        else:
            value = tl.where(x > 0, scale * x, (alpha * scale) * expm1_anywhere(input_scale * x))
    return value


@triton.jit
def elu_slope(x, alpha, scale, input_scale, NARROW: tl.constexpr, FORM: tl.constexpr):
    """The derivative of elu at a widened block of inputs; at NaN that of the positive side, as in ATen."""
    if FORM == "unit":
        slope = tl.where(x <= 0, exp(x, NARROW), 1.0)
    else:
        alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
        if FORM == "general":
            below = exp(input_scale * x, NARROW)
        else:
            below = exp_anywhere(input_scale * x)
        slope = tl.where(x <= 0, (alpha * scale * input_scale) * below, scale)
    return slope


@triton.jit
def elu_slope_from_result(result, alpha, scale, input_scale, FORM: tl.constexpr):
    """The derivative of elu from its result: input_scale * (result + alpha * scale) at and below 0."""
    if FORM == "unit":
        slope = tl.where(result <= 0, result + 1.0, 1.0)
    else:
        alpha, scale = number(alpha, result), number(scale, result)
        slope = tl.where(result <= 0, number(input_scale, result) * (result + alpha * scale), scale)
    return slope


@triton.jit
def expm1(y, NARROW: tl.constexpr):
    """e^y - 1 for y <= 0, keeping the sign of -0; what it gives for y > 0 is not to be used."""
    if NARROW:
        # Beyond -2^-7 the error of e^y, 2^-22 or so, is far below what 16 bits show.
        value = tl.where(y > -0.0078125, y * fma(y, 0.5, 1.0), tl.exp(y) - 1.0)
    elif y.dtype == tl.float64:
        value = expm1_anywhere(y)
    else:
        # Below -17.4 the result rounds to -1; the clamp keeps the exponent's bits in range.
        y = tl.maximum(y, -64.0, propagate_nan=tl.PropagateNan.ALL)
        rounded = fma(y, _LOG2_E, _MAGIC_F32)
        power = (rounded.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
        # One part of ln 2 is enough: the error that it leaves is multiplied by 2^n.
        p = _expm1_small_f32(fma(rounded - _MAGIC_F32, -0.6931471805599453, y))
        value = fma(power, p, power - 1.0)
    return value


@triton.jit
def exp(y, NARROW: tl.constexpr):
    """e^y for y <= 0, subnormal results included; what it gives for y > 0 is not to be used."""
    if NARROW:
        value = tl.exp(y)
    elif y.dtype == tl.float64:
        value = exp_anywhere(y)
    else:
        y = tl.maximum(y, -104.0, propagate_nan=tl.PropagateNan.ALL)  # below it e^y rounds to 0 in fp32
        rounded = fma(y, _LOG2_E, _MAGIC_F32_SUBNORMAL)
        power = (rounded.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
        n = rounded - _MAGIC_F32_SUBNORMAL
        p = _expm1_small_f32(fma(n, -_LN2_LOW_F32, fma(n, -_LN2_HIGH_F32, y)))
        value = fma(power, p, power) * 5.9604644775390625e-08  # 2^-24
    return value


@triton.jit
def expm1_anywhere(y):
    """e^y - 1 for every y, in the type of y, computed in fp64; keeps the sign of -0."""
    n, p = _reduced_f64(tl.minimum(tl.maximum(y.to(tl.float64), -40.0), 40.0))
    power = _power_of_2(n)
    small = (power * p - (1.0 - power)).to(y.dtype)
    value = tl.where(y > 40.0, exp_anywhere(y), small)
    return tl.where((y == 0) | (y != y), y, value)


@triton.jit
def exp_anywhere(y):
    """e^y for every y, in the type of y, computed in fp64; overflow and subnormal results included."""
    n, p = _reduced_f64(tl.minimum(tl.maximum(y.to(tl.float64), -750.0), 720.0))
    half = tl.floor(n * 0.5)  # in two steps, since 2^n may be out of range where the result is not
    value = (1.0 + p) * _power_of_2(half) * _power_of_2(n - half)
    return tl.where(y != y, y, value.to(y.dtype))


@triton.jit
def _power_of_2(n):
    """2^n for a whole fp64 number n in [-1022, 1023]."""
    return ((n + _MAGIC_F64).to(tl.int64, bitcast=True) << 52).to(tl.float64, bitcast=True)


@triton.jit
def _reduced_f64(y):
    """(n, expm1(r)) with y = n ln 2 + r and |r| <= ln 2 / 2."""
    n = (y * _LOG2_E + _MAGIC_F64) - _MAGIC_F64
    r = (y - n * _LN2_HIGH_F64) - n * _LN2_LOW_F64
    # Taylor's series to the 14th power: what is left out is below 2^-60 of the sum.
    q = 1.1470745597729725e-11 * r + 1.6059043836821613e-10
    q = q * r + 2.08767569878681e-09
    q = q * r + 2.505210838544172e-08
    q = q * r + 2.755731922398589e-07
    q = q * r + 2.7557319223985893e-06
    q = q * r + 2.48015873015873e-05
    q = q * r + 1.984126984126984e-04
    q = q * r + 1.388888888888889e-03
    q = q * r + 8.333333333333333e-03
    q = q * r + 4.1666666666666664e-02
    q = q * r + 0.16666666666666666
    q = q * r + 0.5
    return n, r + r * r * q


@triton.jit
def _expm1_small_f32(r):
    """e^r - 1 for |r| <= 0.3477: a polynomial fitted to the least relative error, 2^-26.1."""
    q = fma(r, 0.0013946768594905734, 0.008366769179701805)
    q = fma(q, r, 0.04166627675294876)
    q = fma(q, r, 0.16666541993618011)
    q = fma(q, r, 0.5)
    return fma(r * r, q, r)


@triton.jit
def fma(a, b, c):
    """a * b + c in fp32, rounded once; b and c may be constants."""
    if INTERPRETED:
        # The product of two fp32 numbers is exact in fp64.
        value = (a.to(tl.float64) * _f64(b) + _f64(c)).to(tl.float32)
    else:
        value = tl.fma(a, b, c)
    return value


@triton.jit
def _f64(value):
    return value.to(tl.float64) if isinstance(value, tl.tensor) else tl.full((), value, tl.float64)

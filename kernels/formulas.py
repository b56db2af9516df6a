"""The formula of ELU and its derivative, as device functions. Every op that computes ELU calls these.

    elu(x) = scale * (x if x > 0 else alpha * expm1(input_scale * x))

16- and 32-bit tensors are computed in fp32, 64-bit ones in fp64. `exp(x) - 1` alone is never used near 0:
its error is that of a number near 1, which for small x is as large as the result. docs/numerics.md derives every
constant here. Steps that need other instructions on other architectures are in primitives.py. A "widened" block has
the type that is computed in.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .primitives import (
    by_sign,
    ex2,
    fma,
    fma_saturated,
    larger,
    larger_of_negated,
    lesser_of_negated,
    narrow,
    narrow_positive,
    square_added_f16,
    widen,
)

_LOG2_E = tl.constexpr(1.4426950408889634)
_LN_2 = tl.constexpr(0.6931471805599453)
_LOG2_E_HIGH_F32 = tl.constexpr(1.4426950216293335)  # to the nearest in fp32; LOW is what is left
_LOG2_E_LOW_F32 = tl.constexpr(1.925963033500011e-08)

# Where e^y - 1 meets a polynomial near 0, the lesser or the larger of the two is the right one, if the error of e^y
# does not cross: it is moved out of the way by this exponent. ex2's own error is at most 2^-22.5 = 1.7e-7.
_ASIDE = tl.constexpr(3.6e-07)
# The same in the two formulas that are 1 select shorter; here the slope too is a little off, which is far below what
# the type shows, and moves the seam to where rounding to the type hides it best. Found by search over all inputs.
_LOG2_E_BF16, _ASIDE_BF16 = tl.constexpr(1.4426950408889634 * (1 - 2e-05)), tl.constexpr(3.6e-07)
_LOG2_E_F16, _ASIDE_F16 = tl.constexpr(1.4426950408889634 * (1 + 1.6e-05)), tl.constexpr(3.0e-07)

# ln 2 in two parts (as in fdlibm): n * HIGH is exact for every n that occurs, so the reduction loses nothing.
_LN2_HIGH_F32 = tl.constexpr(0.693145751953125)
_LN2_LOW_F32 = tl.constexpr(1.4286068203094172e-06)
_LN2_HIGH_F64 = tl.constexpr(6.93147180369123816490e-01)
_LN2_LOW_F64 = tl.constexpr(1.90821492927058770002e-10)

# Adding one of these rounds to an integer n, leaving n + bias in the low bits of the sum: shifted into the
# exponent they are 2^n.
_MAGIC_F32 = tl.constexpr(12582912.0 + 127.0)
_MAGIC_F64 = tl.constexpr(6755399441055744.0 + 1023.0)
# Adding this one rounds to a multiple of 2^-14.
_MAGIC_2_14 = tl.constexpr(768.0)

# The sizes of parameters for which the formulas for ordinary ones neither overflow nor underflow near 0.
_LEAST, _MOST = 2.0**-16, 2.0**16


def are_ordinary(*parameters: float) -> bool:
    """Whether all are positive and of ordinary size: a negative input has a negative result, and ±0 stays itself."""
    return all(_LEAST <= each <= _MOST for each in parameters)


@triton.jit
def number(value, like):
    """A parameter (a runtime fp32 scalar, or a constant where fp64 is computed) in the type of `like`."""
    return tl.full((), value, like.dtype)


# elu of a widened block where nothing else is said, rounded to the type given.


@triton.jit
def elu_unit(x, dtype: tl.constexpr):
    """For parameters of 1."""
    if dtype.primitive_bitwidth == 16:
        value = _unit_16_bits(x, dtype)
    else:
        # >= rather than >: the sign of -0 survives the positive branch.
        value = tl.where(x >= 0, x, expm1(x))
    return value


@triton.jit
def elu_unit_as_loaded(x):
    """For parameters of 1, of a 16-bit block as it was loaded: with no polynomial in fp32."""
    if x.dtype == tl.bfloat16:
        # Below 0 the result is no less than x. e^x - 1, moved down a little, is less than x near 0 and elsewhere the
        # result; above 0 it is kept at 0.
        depth = 1.0 - ex2(fma(widen(x), _LOG2_E_BF16, -_ASIDE_BF16))
        value = larger_of_negated(narrow_positive(depth, tl.bfloat16), x)
    else:
        # Near 0 more bits show: there it is x + x²/2, too large by about x³/6, and e^x - 1 is moved up.
        depth = 1.0 - ex2(fma(widen(x), _LOG2_E_F16, _ASIDE_F16))
        value = larger(lesser_of_negated(narrow_positive(depth, tl.float16), square_added_f16(x)), x)
    return value


@triton.jit
def elu_ordinary(x, dtype: tl.constexpr, alpha, scale, input_scale):
    """For parameters that `are_ordinary`."""
    if dtype.primitive_bitwidth == 16:
        above = narrow(x * scale, dtype)
        value = by_sign(above, below_16_bits(x, dtype, alpha, scale, input_scale), above)
    else:
        alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
        value = tl.where(x >= 0, scale * x, (alpha * scale) * expm1(input_scale * x))
    return value


@triton.jit
def elu_anywhere(x, dtype: tl.constexpr, alpha, scale, input_scale):
    """For all parameters; slower, since nothing is assumed."""
    alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
    value = tl.where(x > 0, scale * x, (alpha * scale) * expm1_anywhere(input_scale * x))
    return narrow(value, dtype)


# Of fp32 numbers, where at most 11 bits of the result are kept: near 0 a polynomial, elsewhere e^y - 1. Taylor's series
# of e^y - 1 is too large below 0 if it ends with an even power, else too small; so of it and e^y - 1 moved aside by a
# constant, the nearer to the truth is known.


@triton.jit
def _unit_16_bits(x, dtype: tl.constexpr):
    """elu for parameters of 1: no less than x, and above 0 all that is negated is negative, so nothing is selected."""
    if dtype == tl.bfloat16:
        series = x * fma(x, -0.5, -1.0)
        depth = tl.maximum(series, 1.0 - ex2(fma(x, _LOG2_E, _ASIDE)))
    else:
        series = x * fma(x, fma(x, -0.16666666666666666, -0.5), -1.0)
        depth = tl.minimum(series, 1.0 - ex2(fma(x, _LOG2_E, -_ASIDE)))
    return larger_of_negated(narrow_positive(depth, dtype), narrow(x, dtype))


@triton.jit
def below_16_bits(x, dtype: tl.constexpr, alpha, scale, input_scale):
    """elu below 0, in the type given, for ordinary parameters."""
    limit = alpha * scale
    first = limit * input_scale
    second = first * input_scale * 0.5
    exponent = input_scale * _LOG2_E
    if dtype == tl.bfloat16:
        series = x * fma(x, second, first)
        below = tl.minimum(series, fma(ex2(fma(x, exponent, _ASIDE)), limit, -limit))
    else:
        third = second * input_scale * 0.3333333333333333
        series = x * fma(x, fma(x, third, second), first)
        below = tl.maximum(series, fma(ex2(fma(x, exponent, -_ASIDE)), limit, -limit))
    return narrow(below, dtype)


# grad * elu'(x) of widened blocks, not rounded yet; it will be stored in the type given.


@triton.jit
def gradient_ordinary(grad, x, dtype: tl.constexpr, alpha, scale, input_scale):
    """For parameters that `are_ordinary`."""
    alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
    limit = alpha * scale * input_scale
    if dtype == tl.float64:
        slope = limit * exp_anywhere(input_scale * x)
    elif dtype == tl.float32:
        slope = _scaled_exp_f32(x, limit, input_scale)
    elif dtype == tl.bfloat16:
        root = ex2(x * (input_scale * (0.5 * _LOG2_E)))
        slope = limit * root * root
    else:
        slope = limit * ex2(x * (input_scale * _LOG2_E))
    return grad * tl.where(x <= 0, slope, scale)


@triton.jit
def gradient_anywhere(grad, x, alpha, scale, input_scale):
    """For all parameters."""
    alpha, scale, input_scale = number(alpha, x), number(scale, x), number(input_scale, x)
    slope = alpha * scale * input_scale * exp_anywhere(input_scale * x)
    return grad * tl.where(x <= 0, slope, scale)


@triton.jit
def gradient_unit(grad, x, dtype: tl.constexpr):
    """grad * e^x for x <= 0, both widened."""
    if dtype == tl.float64:
        value = grad * exp_anywhere(x)
    elif dtype == tl.float32:
        value = grad * _exp_f32(x)
    elif dtype == tl.bfloat16:
        # ex2 gives 0 where bfloat16 still has numbers, as far down as 2^-133; its argument's half stays above that.
        root = ex2(x * (0.5 * _LOG2_E))
        value = (grad * root) * root
    else:
        value = grad * ex2(x * _LOG2_E)
    return value


@triton.jit
def expm1(y):
    """e^y - 1 for y <= 0, keeping the sign of -0; what it gives for y > 0 is not to be used."""
    if y.dtype == tl.float64:
        value = expm1_anywhere(y)
    else:
        # Below -17.4 the result rounds to -1; the clamp keeps the exponent's bits in range.
        y = tl.maximum(y, -64.0, propagate_nan=tl.PropagateNan.ALL)
        rounded = fma(y, _LOG2_E, _MAGIC_F32)
        power = (rounded.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
        # One part of ln 2 is enough: the error that it leaves is multiplied by 2^n.
        p = _expm1_small_f32(fma(rounded - _MAGIC_F32, -_LN_2, y))
        value = fma(power, p, power - 1.0)
    return value


@triton.jit
def _exp_f32(x):
    """e^x of fp32 numbers for x <= 0, subnormal results included.

    log2(e) * x is taken as a multiple of 2^-14, which ex2 is given exactly, and e^r is 1 + r for what is left of x,
    which is below 2^-13. ex2 would give 0 for results below 2^-126, so 64 is added to its argument.
    """
    x = tl.maximum(x, -128.0)  # at -infinity nothing would be left to subtract from
    rounded = fma(x, _LOG2_E, _MAGIC_2_14)
    multiple = rounded - 768.0
    rest = fma(multiple, -_LN2_LOW_F32, fma(multiple, -_LN2_HIGH_F32, x))
    power = ex2(rounded - 704.0)
    return fma(power, rest, power) * 5.421010862427522e-20  # 2^-64


@triton.jit
def _scaled_exp_f32(x, factor, input_scale):
    """factor * e^(input_scale * x) of fp32 numbers for x <= 0, subnormal results included.

    As above, but the constant k = input_scale * log2(e) is in two parts, so that no rounding of input_scale * x is
    multiplied by the exponential; what is left of k * x is r, and 2^r is 1 + r ln 2. That factor holds the other one
    and 2^-64; being kept within [0, 1] is what makes it 0, and not NaN, at -infinity.
    """
    high = input_scale * _LOG2_E_HIGH_F32
    if isinstance(input_scale, tl.tensor):
        low = fma(input_scale, _LOG2_E_LOW_F32, fma(input_scale, _LOG2_E_HIGH_F32, -high))
    else:
        low = _LOG2_E_LOW_F32
    rounded = fma(x, high, _MAGIC_2_14)
    rest = fma(x, low, fma(x, high, 768.0 - rounded))
    small = factor * 5.421010862427522e-20  # 2^-64
    return ex2(rounded - 704.0) * fma_saturated(rest, small * _LN_2, small)


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

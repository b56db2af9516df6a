"""What each FORM stands for: the kernels are templates, and this is what they are filled with.

    "unit", "general", "unscaled", "any" elu, by what is known of its parameters: math.form_of
    "elu_plus_one"                       elu(x) + 1
    "relu"
    "leaky_relu", "any leaky_relu"       the first for slopes in (0, 1], where a maximum selects
    "prelu"                              its slope is the vector

Another activation is a branch in `activation` and `gradient`, or, with a vector along one dimension, in
`with_vector` and `gradient_with_vector`. The three parameters are used as it likes: of leaky_relu, alpha is the slope.
"""

from __future__ import annotations

import triton
import triton.language as tl

from . import math
from .primitives import at_most, by_sign, filled, fma_16_bits, larger, narrow, where_above_0, widen


@triton.jit
def activation(x, alpha, scale, input_scale, FORM: tl.constexpr):
    """What FORM names, of a block as it was loaded; the result is of its type."""
    if FORM == "relu":
        value = _larger(x, tl.zeros_like(x))
    elif FORM == "leaky_relu":
        value = _larger(_times(x, alpha), x)
    elif FORM == "any leaky_relu":
        value = where_above_0(x, x, _times(x, alpha))
    elif FORM == "elu_plus_one":
        value = _elu_plus_one(x)
    else:
        value = math.elu(x, alpha, scale, input_scale, FORM)
    return value


@triton.jit
def gradient(grad, known, alpha, scale, input_scale, FORM: tl.constexpr, IS_RESULT: tl.constexpr):
    """grad times the derivative of what FORM names, from its input or, with IS_RESULT, its result; of grad's type.

    That of a NaN is as ATen's: the positive side's for elu and relu, the negative one's for leaky_relu.
    """
    if FORM == "relu":
        value = where_above_0(known, grad, tl.zeros_like(grad), True)
    elif FORM == "leaky_relu" or FORM == "any leaky_relu":
        value = where_above_0(known, grad, _times(grad, alpha))
    elif FORM == "elu_plus_one" and IS_RESULT:
        # At and below 0 the result is its own slope; above, it is more than 1.
        value = _product(grad, at_most(known, 1.0))
    elif FORM == "elu_plus_one":
        value = narrow(math.elu_gradient(grad, known, 1.0, 1.0, 1.0, "unit"), grad.dtype)
    elif IS_RESULT:
        value = narrow(math.elu_gradient_from_result(grad, known, alpha, scale, input_scale, FORM), grad.dtype)
    else:
        value = narrow(math.elu_gradient(grad, known, alpha, scale, input_scale, FORM), grad.dtype)
    return value


@triton.jit
def with_vector(x, vector, alpha, FORM: tl.constexpr):
    """What FORM names, of a block as it was loaded and a widened vector that broadcasts; of the type of x."""
    if FORM == "prelu":
        value = where_above_0(x, x, narrow(widen(x) * vector, x.dtype))
    else:
        value = math.elu_of(widen(x) + vector, x.dtype, alpha, 1.0, 1.0, FORM)
    return value


@triton.jit
def gradient_with_vector(grad, x, vector, alpha, FORM: tl.constexpr):
    """(grad times the derivative by x, of grad's type; that by the vector, not rounded) of what FORM names."""
    if FORM == "prelu":
        # What is above 0 has no part in the second, not even 0 times an infinity.
        term = widen(where_above_0(x, tl.zeros_like(grad), grad))
        value = where_above_0(x, grad, narrow(term * vector, grad.dtype))
        term *= widen(where_above_0(x, tl.zeros_like(x), x))
    else:  # the vector is added to x
        term = math.elu_gradient_at(widen(grad), widen(x) + vector, x.dtype, alpha, 1.0, 1.0, FORM)
        value = narrow(term, grad.dtype)
    return value, term


@triton.jit
def _elu_plus_one(x):
    """e^x at and below 0, where elu(x) + 1 would lose its digits; x + 1 above."""
    power = math.gradient_unit(filled(widen(x), 1.0), widen(x), x.dtype)  # of no meaning above 0
    if x.dtype.primitive_bitwidth == 16:
        value = by_sign(x, narrow(power, x.dtype), fma_16_bits(x, filled(x, 1.0), filled(x, 1.0)))
    else:
        value = tl.where(x <= 0, power, x + 1.0)
    return value


@triton.jit
def _larger(a, b):
    """The larger of two blocks; NaN where one is NaN."""
    if a.dtype.primitive_bitwidth == 16:
        value = larger(a, b)
    else:
        value = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    return value


@triton.jit
def _times(x, factor):
    """The product of a block as it was loaded and a parameter, rounded once."""
    wide = widen(x)
    return narrow(wide * math.number(factor, wide), x.dtype)


@triton.jit
def _product(a, b):
    """The product of two blocks of one type, rounded once."""
    if a.dtype.primitive_bitwidth == 16:
        # -0 is what a sum leaves as it is; Triton's own constants know but one 0.
        value = fma_16_bits(a, b, tl.full(a.shape, 0x8000, tl.uint16).to(a.dtype, bitcast=True))
    else:
        value = a * b
    return value

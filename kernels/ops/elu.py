"""elu, with all three parameters of ATen's; its formula is in formulas.py."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from .. import formulas
from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..formulas import number
from ..primitives import at_most, by_sign, narrow, widen

aten = torch.ops.aten


@triton.jit
def unit(x, alpha, scale, input_scale):
    """For parameters of 1."""
    if x.dtype.primitive_bitwidth == 16:
        value = formulas.elu_unit_as_loaded(x)
    else:
        value = formulas.elu_unit(widen(x), x.dtype)
    return value


@triton.jit
def unscaled(x, alpha, scale, input_scale):
    """For ordinary parameters and a scale of 1: a positive input is its own result."""
    if x.dtype.primitive_bitwidth == 16:
        value = by_sign(x, formulas.below_16_bits(widen(x), x.dtype, alpha, 1.0, input_scale), x)
    else:
        value = formulas.elu_ordinary(widen(x), x.dtype, alpha, 1.0, input_scale)
    return value


@triton.jit
def general(x, alpha, scale, input_scale):
    """For ordinary parameters."""
    return formulas.elu_ordinary(widen(x), x.dtype, alpha, scale, input_scale)


@triton.jit
def anywhere(x, alpha, scale, input_scale):
    """For all parameters."""
    return formulas.elu_anywhere(widen(x), x.dtype, alpha, scale, input_scale)


# The gradient at a NaN is that of the positive side, as ATen's is.


@triton.jit
def unit_gradient(grad, x, alpha, scale, input_scale):
    return narrow(formulas.gradient_unit(widen(grad), widen(at_most(x, 0.0)), grad.dtype), grad.dtype)


@triton.jit
def general_gradient(grad, x, alpha, scale, input_scale):
    value = formulas.gradient_ordinary(widen(grad), widen(x), grad.dtype, alpha, scale, input_scale)
    return narrow(value, grad.dtype)


@triton.jit
def anywhere_gradient(grad, x, alpha, scale, input_scale):
    return narrow(formulas.gradient_anywhere(widen(grad), widen(x), alpha, scale, input_scale), grad.dtype)


@triton.jit
def unit_gradient_from_result(grad, result, alpha, scale, input_scale):
    """The slope is the result + 1 at and below 0, and 1 above."""
    return narrow(widen(grad) * (widen(at_most(result, 0.0)) + 1.0), grad.dtype)


@triton.jit
def gradient_from_result(grad, result, alpha, scale, input_scale):
    """The slope is input_scale * (result + alpha * scale) at and below 0, and scale above."""
    result = widen(result)
    alpha, scale = number(alpha, result), number(scale, result)
    below = number(input_scale, result) * (result + alpha * scale)
    return narrow(widen(grad) * tl.where(result <= 0, below, scale), grad.dtype)


UNIT = Functions(unit, unit_gradient, unit_gradient_from_result)
UNSCALED = Functions(unscaled, general_gradient, gradient_from_result)
GENERAL = Functions(general, general_gradient, gradient_from_result)
ANYWHERE = Functions(anywhere, anywhere_gradient, gradient_from_result)


def functions(alpha: float, scale: float, input_scale: float) -> Functions:
    """The shortest device functions that are right for these parameters."""
    if alpha == scale == input_scale == 1.0:
        return UNIT
    if not formulas.are_ordinary(alpha, scale, input_scale):
        return ANYWHERE
    return UNSCALED if scale == 1.0 else GENERAL


def curvature(weight: Tensor, known: Tensor, alpha: float, scale: float, input_scale: float, is_result: bool) -> Tensor:
    """weight times the derivative of the slope; see `Activation`."""
    if is_result:  # the slope is input_scale * (result + alpha * scale)
        change = weight * input_scale
    else:  # the slope is an exponential, its own derivative but for input_scale
        change = ACTIVATION.backward(weight, known, alpha, scale, input_scale, False) * input_scale
    return torch.where(known <= 0, change, 0)


ACTIVATION = Activation(
    "elu",
    {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0},
    functions,
    aten=aten.elu,
    aten_in_place=aten.elu_,
    aten_backward=lambda grad, known, *parameters: aten.elu_backward(grad, *parameters, known),
    curvature=curvature,
)


elu_out, elu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def elu(
    x: Tensor,
    alpha: float = 1.0,
    scale: float = 1.0,
    input_scale: float = 1.0,
    inplace: bool = False,
    *,
    save_result: bool = False,
) -> Tensor:
    """scale * (x if x > 0 else alpha * expm1(input_scale * x)), with the semantics of ATen's elu.

    Under autocast it is computed in the dtype of x, as PyTorch's is.

    Args:
        x: any shape and strides, in float16, bfloat16, float32 or float64; the result is like it.
        alpha, scale, input_scale: the positive side ignores input_scale, and `alpha` too.
        inplace: write the result into x.
        save_result: keep the result for the gradient instead of x. The layer after this one mostly keeps it
            anyway, so that x can be freed; the gradient is then exact to rounding errors of the result, which in 16
            bits shows where the result is near its limit. An `inplace` elu has nothing but the result.

    Raises:
        TypeError: for an integer, boolean or complex tensor.
        RuntimeError: for `inplace` or `save_result` with a negative parameter where a gradient is needed: from the
            result alone it cannot be told on which side x was. For `inplace` on a tensor whose elements share memory.
    """
    if inplace:
        return ACTIVATION.in_place(x, alpha, scale, input_scale)
    return ACTIVATION(x, alpha, scale, input_scale, save_result=save_result)


def elu_backward(
    grad_output: Tensor,
    alpha: float,
    scale: float,
    input_scale: float,
    is_result: bool,
    self_or_result: Tensor,
) -> Tensor:
    """The gradient of elu, in ATen's own signature; itself differentiable.

    Args:
        grad_output: the gradient of the result.
        is_result: whether `self_or_result` is the result of elu or its input; of grad_output's shape and dtype.

    Raises:
        TypeError, ValueError: for a dtype that is not a float, or for mixed dtypes, devices or shapes.
        RuntimeError: for `is_result` with a negative parameter (as ATen for alpha; it goes wrong silently for
            the others).
    """
    return ACTIVATION.backward(grad_output, self_or_result, alpha, scale, input_scale, is_result)


class ELU(nn.Module):
    """`torch.nn.ELU` on this suite's kernel: the same arguments, the same values.

    Args:
        alpha: the negative side saturates at -alpha.
        inplace: write the result into the input.
        save_result: keep the result for the gradient in place of the input; see `elu`.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False, *, save_result: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace
        self.save_result = save_result

    def forward(self, x: Tensor) -> Tensor:
        return elu(x, self.alpha, inplace=self.inplace, save_result=self.save_result)

    def extra_repr(self) -> str:
        options = (name for name in ("inplace", "save_result") if getattr(self, name))
        return ", ".join([f"alpha={self.alpha}", *(f"{name}=True" for name in options)])

"""elu(x) + 1, the positive feature map of linear attention."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from .. import formulas
from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..primitives import at_most, by_sign, filled, fma_16_bits, narrow, widen


@triton.jit
def forward(x):
    """e^x at and below 0, where elu(x) + 1 would lose its digits; x + 1 above."""
    power = formulas.gradient_unit(filled(widen(x), 1.0), widen(x), x.dtype)  # of no meaning above 0
    if x.dtype.primitive_bitwidth == 16:
        value = by_sign(x, narrow(power, x.dtype), fma_16_bits(x, filled(x, 1.0), filled(x, 1.0)))
    else:
        value = tl.where(x <= 0, power, x + 1.0)
    return value


@triton.jit
def gradient(grad, x):
    return narrow(formulas.gradient_unit(widen(grad), widen(at_most(x, 0.0)), grad.dtype), grad.dtype)


@triton.jit
def gradient_from_result(grad, result):
    """At and below 0 the result is its own slope; above, it is more than 1."""
    slope = at_most(result, 1.0)
    if grad.dtype.primitive_bitwidth == 16:
        # -0 is what a sum leaves as it is; Triton's own constants know but one 0.
        value = fma_16_bits(grad, slope, tl.full(grad.shape, 0x8000, tl.uint16).to(grad.dtype, bitcast=True))
    else:
        value = grad * slope
    return value


def functions() -> Functions:
    return Functions(forward, gradient, gradient_from_result)


def _aten(x: Tensor) -> Tensor:
    return torch.where(x <= 0, x.clamp(max=0).exp(), x + 1)


def _aten_backward(grad: Tensor, known: Tensor, is_result: bool) -> Tensor:
    if is_result:
        return grad * torch.where(known <= 1, known, 1)
    return torch.ops.aten.elu_backward(grad, 1.0, 1.0, 1.0, False, known)


def _curvature(weight: Tensor, known: Tensor, is_result: bool) -> Tensor:
    if is_result:  # the slope is the result
        return torch.where(known <= 1, weight, 0)
    return torch.where(known <= 0, ACTIVATION.backward(weight, known, False), 0)


ACTIVATION = Activation("elu_plus_one", {}, functions, _aten, lambda x: x.copy_(_aten(x)), _aten_backward, _curvature)


elu_plus_one_out, elu_plus_one_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def elu_plus_one(x: Tensor, *, save_result: bool = False) -> Tensor:
    """elu(x) + 1, the positive feature map of linear attention (Katharopoulos et al. 2020).

    Below 0 it is e^x, with all the digits of the dtype, where the sum elu(x) + 1 has only those that are left beside 1:
    in bfloat16 that sum is 0 from -6.25 on down.

    Args:
        x: any shape and strides, in float16, bfloat16, float32 or float64; the result is like it.
        save_result: keep the result for the gradient instead of x. It is its own slope below 1, so the gradient costs
            no exponential, and no more than a rounding of it.

    Raises:
        TypeError: for an integer, boolean or complex tensor.
    """
    return ACTIVATION(x, save_result=save_result)


def elu_plus_one_backward(grad_output: Tensor, self_or_result: Tensor, is_result: bool = False) -> Tensor:
    """The gradient of elu_plus_one; itself differentiable. Arguments and errors as of `elu_backward`."""
    return ACTIVATION.backward(grad_output, self_or_result, is_result)


class ELUPlusOne(nn.Module):
    """elu(x) + 1, the feature map of linear attention. `save_result`: see `elu_plus_one`."""

    def __init__(self, *, save_result: bool = False) -> None:
        super().__init__()
        self.save_result = save_result

    def forward(self, x: Tensor) -> Tensor:
        return elu_plus_one(x, save_result=self.save_result)

    def extra_repr(self) -> str:
        return "save_result=True" if self.save_result else ""

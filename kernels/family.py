"""The relatives of elu: selu and celu, which are elu with other parameters, elu(x) + 1, and the rectified units.

relu, leaky_relu and prelu are there to be compared with elu like for like, on the same kernels. Values, gradients and
special values of all are PyTorch's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .activation import Activation
from .elementwise import (
    elu_plus_one_backward_out,
    elu_plus_one_out,
    leaky_relu_backward_out,
    leaky_relu_out,
    relu_backward_out,
    relu_out,
)
from .fused import Fused
from .operators import as_autocast, elu
from .vector import prelu_backward_out, prelu_out

aten = torch.ops.aten

# Klambauer et al. 2017, appendix A1.1: fixed point at mean 0 and variance 1.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x: Tensor, inplace: bool = False) -> Tensor:
    """elu with the parameters of self-normalising networks; arguments and errors as of `elu`."""
    return elu(x, SELU_ALPHA, SELU_SCALE, inplace=inplace)


def celu(x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x if x > 0 else alpha * expm1(x / alpha): elu whose slope is continuous for every alpha.

    Raises ValueError for an alpha of 0, else as `elu` does.
    """
    if alpha == 0:
        raise ValueError("celu divides by alpha, which has to be other than 0")
    return elu(x, alpha, 1.0, 1.0 / alpha, inplace=inplace)


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
    return ELU_PLUS_ONE(x, save_result=save_result)


def elu_plus_one_backward(grad_output: Tensor, self_or_result: Tensor, is_result: bool = False) -> Tensor:
    """The gradient of elu_plus_one; itself differentiable. Arguments and errors as of `elu_backward`."""
    return ELU_PLUS_ONE.backward(grad_output, self_or_result, is_result)


def relu(x: Tensor, inplace: bool = False) -> Tensor:
    """The larger of x and 0. As in PyTorch the result is kept for the gradient. Raises as `elu` does."""
    return RELU.in_place(x) if inplace else RELU(x, save_result=True)


def relu_backward(grad_output: Tensor, self_or_result: Tensor) -> Tensor:
    """The gradient of relu: 0 where its input, or its result, is not above 0; itself differentiable."""
    return RELU.backward(grad_output, self_or_result, False)


def leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x if x > 0 else negative_slope * x. Raises as `elu` does, of a negative slope too."""
    return LEAKY_RELU.in_place(x, negative_slope) if inplace else LEAKY_RELU(x, negative_slope)


def leaky_relu_backward(
    grad_output: Tensor, self_or_result: Tensor, negative_slope: float = 0.01, is_result: bool = False
) -> Tensor:
    """The gradient of leaky_relu; itself differentiable. Arguments and errors as of `elu_backward`."""
    return LEAKY_RELU.backward(grad_output, self_or_result, negative_slope, is_result)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x if x > 0 else weight * x, `weight` being one slope for all of x, or one for each channel.

    Under autocast both are taken in autocast's dtype first, as PyTorch's are.

    Args:
        x: any shape; dense layouts are used as they are, one with gaps or overlaps is copied first.
        weight: one element, or 1-D, as long as dimension 1 of x; of the dtype and device of x.

    Raises:
        TypeError, ValueError: for a dtype that is not a float, mixed dtypes or devices, or a weight that does not fit.
    """
    x, weight = as_autocast(x, weight)
    if weight.numel() == 1:  # of a dimension of size 1, so that one kernel has all of x for its one channel
        return PRELU(x.unsqueeze(0), weight.reshape(1), 0).squeeze(0)
    return PRELU(x, weight, 1)


def prelu_backward(grad_output: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(grad_x, grad_weight) of prelu: one pass over grad_output and x; itself differentiable.

    grad_weight has the same bits in every run. Raises as `prelu` does.
    """
    if weight.numel() == 1:
        grad_x, grad_weight = PRELU.backward(grad_output.unsqueeze(0), x.unsqueeze(0), weight.reshape(1), 0)
        return grad_x.squeeze(0), grad_weight.reshape(weight.shape)
    return PRELU.backward(grad_output, x, weight, 1)


def _always(*_: float) -> None:
    """The slope can be told from the result."""


def _straight(weight: Tensor, known: Tensor, *_: float) -> Tensor:
    """The slope is a constant on either side."""
    return torch.zeros_like(weight)


RELU = Activation(
    "relu",
    (),
    relu_out,
    relu_backward_out,
    aten.relu,
    lambda grad, known, is_result: aten.threshold_backward(grad, known, 0.0),
    _straight,
    _always,
).register()


def _check_slope(negative_slope: float) -> None:
    if negative_slope < 0:
        raise RuntimeError(
            "the gradient of leaky_relu from its result (inplace=True, is_result=True) needs a negative_slope of at "
            f"least 0, not {negative_slope:g}: the sign of a result does not tell that of its input; compute it from "
            "the input"
        )


LEAKY_RELU = Activation(
    "leaky_relu",
    ("negative_slope",),
    leaky_relu_out,
    leaky_relu_backward_out,
    aten.leaky_relu,
    aten.leaky_relu_backward,
    _straight,
    _check_slope,
).register()


def _elu_plus_one(x: Tensor) -> Tensor:
    return torch.where(x <= 0, x.clamp(max=0).exp(), x + 1)


def _elu_plus_one_gradient(grad: Tensor, known: Tensor, is_result: bool) -> Tensor:
    if is_result:
        return grad * torch.where(known <= 1, known, 1)
    return aten.elu_backward(grad, 1.0, 1.0, 1.0, False, known)


def _elu_plus_one_curvature(weight: Tensor, known: Tensor, is_result: bool) -> Tensor:
    if is_result:  # the slope is the result
        return torch.where(known <= 1, weight, 0)
    return torch.where(known <= 0, ELU_PLUS_ONE.backward(weight, known, False), 0)


ELU_PLUS_ONE = Activation(
    "elu_plus_one",
    (),
    elu_plus_one_out,
    elu_plus_one_backward_out,
    _elu_plus_one,
    _elu_plus_one_gradient,
    _elu_plus_one_curvature,
    _always,
).register()


def _prelu_second(
    second_x: Tensor, second_weight: Tensor, grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    above = x > 0
    to_grad = torch.where(above, second_x, weight * second_x + x * second_weight)
    return to_grad, torch.where(above, 0, grad * second_weight), torch.where(above, 0, grad * second_x)


def _prelu_backward_tangent(
    of_grad: Tensor, of_x: Tensor, of_weight: Tensor, grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    above = x > 0
    of_grad_x = torch.where(above, of_grad, weight * of_grad + grad * of_weight)
    return of_grad_x, torch.where(above, 0, of_grad * x + grad * of_x)


PRELU = Fused(
    "prelu",
    "weight",
    (),
    prelu_out,
    prelu_backward_out,
    steps=aten._prelu_kernel,
    backward_steps=aten._prelu_kernel_backward,
    tangent=lambda of_x, of_weight, x, weight: torch.where(x > 0, of_x, weight * of_x + x * of_weight),
    second=_prelu_second,
    backward_tangent=_prelu_backward_tangent,
).register()

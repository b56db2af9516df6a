"""The operators: what to call. Derivatives and what PyTorch is told of them: activation.py and fused.py."""

from __future__ import annotations

import torch
from torch import Tensor

from .activation import Activation
from .elementwise import elu_backward_out, elu_out
from .fused import Fused
from .vector import bias_elu_backward_out, bias_elu_out

aten = torch.ops.aten


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
        return ELU.in_place(x, alpha, scale, input_scale)
    return ELU(x, alpha, scale, input_scale, save_result=save_result)


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
    return ELU.backward(grad_output, self_or_result, alpha, scale, input_scale, is_result)


def bias_elu(x: Tensor, bias: Tensor, alpha: float = 1.0, dim: int = -1) -> Tensor:
    """elu(x + bias, alpha) in one kernel; 16-bit sums are not rounded in between.

    Under autocast both are taken in autocast's dtype first, as those of a Linear layer with a bias are.

    Args:
        x: any shape of at least one dimension. Dense layouts (contiguous, channels_last, …) are used as they
            are; one with gaps or overlaps is copied first.
        bias: 1-D, as long as dimension `dim` of x, of its dtype and device.
        dim: -1 for Linear, 1 for convolutions.

    Raises:
        TypeError, ValueError: for a dtype that is not a float, mixed dtypes or devices, or a bias that does not
            fit.
    """
    x, bias = as_autocast(x, bias)
    return BIAS_ELU(x, bias, alpha, dim)


def bias_elu_backward(
    grad_output: Tensor, x: Tensor, bias: Tensor, alpha: float = 1.0, dim: int = -1
) -> tuple[Tensor, Tensor]:
    """(grad_x, grad_bias) of bias_elu: one pass over grad_output and x; itself differentiable.

    grad_bias has the same bits in every run. Raises as `bias_elu` does.
    """
    return BIAS_ELU.backward(grad_output, x, bias, alpha, dim)


def as_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors as autocast, where it is on, gives them to a Linear layer; fp64 ones stay as they are."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(
        each.to(dtype) if each.is_floating_point() and each.dtype != torch.float64 else each for each in tensors
    )


def _elu_curvature(
    weight: Tensor, known: Tensor, alpha: float, scale: float, input_scale: float, is_result: bool
) -> Tensor:
    if is_result:  # the slope is input_scale * (result + alpha * scale)
        curvature = weight * input_scale
    else:  # the slope is an exponential, its own derivative but for input_scale
        curvature = ELU.backward(weight, known, alpha, scale, input_scale, False) * input_scale
    return torch.where(known <= 0, curvature, 0)


def _check_invertible(alpha: float, scale: float, input_scale: float) -> None:
    if alpha < 0 or scale < 0 or input_scale < 0:
        raise RuntimeError(
            "the gradient of elu from its result (inplace=True, save_result=True, is_result=True) needs alpha, scale "
            f"and input_scale of at least 0, not ({alpha:g}, {scale:g}, {input_scale:g}): the sign of a result does "
            "not tell that of its input; compute it from the input"
        )


ELU = Activation(
    "elu",
    ("alpha", "scale", "input_scale"),
    elu_out,
    elu_backward_out,
    aten.elu,
    lambda grad, known, *parameters: aten.elu_backward(grad, *parameters, known),
    _elu_curvature,
    _check_invertible,
).register()


def _bias_elu_gradient(grad: Tensor, x: Tensor, bias: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """That of x; the bias is added to x, so it has the same."""
    gradient = ELU.backward(grad, x + bias, alpha, 1.0, 1.0, False)
    return gradient, gradient


def _bias_elu_second(
    second_x: Tensor, second_bias: Tensor, grad: Tensor, x: Tensor, bias: Tensor, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    second = second_x + second_bias
    to_x = _elu_curvature(second * grad, x + bias, alpha, 1.0, 1.0, False)
    return _bias_elu_gradient(second, x, bias, alpha)[0], to_x, to_x


def _bias_elu_backward_tangent(
    of_grad: Tensor, of_x: Tensor, of_bias: Tensor, grad: Tensor, x: Tensor, bias: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    by_x = _elu_curvature((of_x + of_bias) * grad, x + bias, alpha, 1.0, 1.0, False)
    tangent = _bias_elu_gradient(of_grad, x, bias, alpha)[0] + by_x
    return tangent, tangent


BIAS_ELU = Fused(
    "bias_elu",
    "bias",
    ("alpha",),
    bias_elu_out,
    bias_elu_backward_out,
    steps=lambda x, bias, alpha: ELU(x + bias, alpha, 1.0, 1.0),
    backward_steps=_bias_elu_gradient,
    tangent=lambda of_x, of_bias, x, bias, alpha: _bias_elu_gradient(of_x + of_bias, x, bias, alpha)[0],
    second=_bias_elu_second,
    backward_tangent=_bias_elu_backward_tangent,
).register()

"""The operators: what to call, what autograd does with it, and PyTorch's own operators on a plain CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .bias import bias_elu_backward_out, bias_elu_out, check_bias
from .elementwise import elu_backward_out, elu_out
from .launch import check_tensors, dense_view, same_strides
from .primitives import INTERPRETED

aten = torch.ops.aten


def elu(x: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0, inplace: bool = False) -> Tensor:
    """scale * (x if x > 0 else alpha * expm1(input_scale * x)), with the semantics of ATen's elu.

    Args:
        x: any shape and strides, in float16, bfloat16, float32 or float64; the result is like it.
        alpha, scale, input_scale: the positive side ignores input_scale, and `alpha` too.
        inplace: write the result into x. Its gradient is computed from the result, so while x has one, negative
            parameters are refused: from the result alone it cannot be told on which side x was.

    Raises:
        TypeError: for an integer, boolean or complex tensor.
        RuntimeError: for `inplace` with a negative parameter where a gradient is needed, and for `inplace` on
            a tensor whose elements share memory.
    """
    check_tensors(x=x)
    if not inplace:
        return _Elu.apply(x, alpha, scale, input_scale)
    if any(stride == 0 and size > 1 for size, stride in zip(x.shape, x.stride(), strict=True)):
        raise RuntimeError("x has elements that share memory, so it cannot be written in place; use x.clone()")
    if torch.is_grad_enabled() and x.requires_grad:
        _check_invertible(alpha, scale, input_scale, "inplace=True")
    return _EluInplace.apply(x, alpha, scale, input_scale)


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
    check_tensors(grad_output=grad_output, self_or_result=self_or_result)
    if grad_output.shape != self_or_result.shape:
        raise ValueError(
            f"self_or_result has shape {tuple(self_or_result.shape)} and grad_output "
            f"{tuple(grad_output.shape)}; they have to be the same"
        )
    if is_result:
        _check_invertible(alpha, scale, input_scale, "is_result=True")
    return _EluBackward.apply(grad_output, self_or_result, alpha, scale, input_scale, is_result)


def bias_elu(x: Tensor, bias: Tensor, alpha: float = 1.0, dim: int = -1) -> Tensor:
    """elu(x + bias, alpha) in one kernel; 16-bit sums are not rounded in between.

    Args:
        x: any shape of at least one dimension. Dense layouts (contiguous, channels_last, …) are used as they
            are; one with gaps or overlaps is copied first.
        bias: 1-D, as long as dimension `dim` of x, of its dtype and device.
        dim: -1 for Linear, 1 for convolutions.

    Raises:
        TypeError, ValueError: for a dtype that is not a float, mixed dtypes or devices, or a bias that does not
            fit.
    """
    check_tensors(x=x, bias=bias)
    check_bias(x, bias, dim)
    return _BiasElu.apply(x, bias, alpha, dim)


def bias_elu_backward(
    grad_output: Tensor, x: Tensor, bias: Tensor, alpha: float = 1.0, dim: int = -1
) -> tuple[Tensor, Tensor]:
    """(grad_x, grad_bias) of bias_elu: one pass over grad_output and x; itself differentiable.

    grad_bias has the same bits in every run. Raises as `bias_elu` does.
    """
    check_tensors(x=x, grad_output=grad_output, bias=bias)
    check_bias(x, bias, dim)
    if grad_output.shape != x.shape:
        raise ValueError(
            f"grad_output has shape {tuple(grad_output.shape)} and x {tuple(x.shape)}; they have to be the same"
        )
    return _BiasEluBackward.apply(grad_output, x, bias, alpha, dim)


class _Elu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.parameters = (alpha, scale, input_scale)
        return _compute_elu(x, alpha, scale, input_scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        alpha, scale, input_scale = ctx.parameters
        return elu_backward(grad, alpha, scale, input_scale, False, x), None, None, None


class _EluInplace(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
        ctx.mark_dirty(x)
        ctx.parameters = (alpha, scale, input_scale)
        if _on_triton(x):
            elu_out(x, x, alpha, scale, input_scale)
        else:
            aten.elu_(x, alpha, scale, input_scale)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (result,) = ctx.saved_tensors
        alpha, scale, input_scale = ctx.parameters
        return elu_backward(grad, alpha, scale, input_scale, True, result), None, None, None


class _EluBackward(Function):
    @staticmethod
    def forward(
        ctx: Any,
        grad: Tensor,
        known: Tensor,
        alpha: float,
        scale: float,
        input_scale: float,
        is_result: bool,
    ) -> Tensor:
        ctx.save_for_backward(grad, known)
        ctx.parameters = (alpha, scale, input_scale, is_result)
        return _compute_elu_backward(grad, known, alpha, scale, input_scale, is_result)

    @staticmethod
    def backward(ctx: Any, second: Tensor) -> tuple[Tensor | None, ...]:
        """`second` is the gradient with respect to grad_input = grad * slope(known)."""
        grad, known = ctx.saved_tensors
        alpha, scale, input_scale, is_result = ctx.parameters
        to_grad = to_known = None
        if ctx.needs_input_grad[0]:
            to_grad = elu_backward(second, alpha, scale, input_scale, is_result, known)
        if ctx.needs_input_grad[1]:
            if is_result:  # the slope is input_scale * (result + alpha * scale)
                curvature = second * grad * input_scale
            else:  # the slope is an exponential, its own derivative but for input_scale
                curvature = elu_backward(second * grad, alpha, scale, input_scale, False, known) * input_scale
            to_known = torch.where(known <= 0, curvature, 0)
        return to_grad, to_known, None, None, None, None


class _BiasElu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor, alpha: float, dim: int) -> Tensor:
        ctx.save_for_backward(x, bias)
        ctx.parameters = (alpha, dim)
        return _compute_bias_elu(x, bias, alpha, dim)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, bias = ctx.saved_tensors
        return *bias_elu_backward(grad, x, bias, *ctx.parameters), None, None


class _BiasEluBackward(Function):
    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, bias: Tensor, alpha: float, dim: int) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(grad, x, bias)
        ctx.parameters = (alpha, dim)
        return _compute_bias_elu_backward(grad, x, bias, alpha, dim)

    @staticmethod
    def backward(ctx: Any, second_x: Tensor, second_bias: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients with respect to grad_x = grad * slope(x + bias) and its sum, grad_bias."""
        grad, x, bias = ctx.saved_tensors
        alpha, dim = ctx.parameters
        total = x + _along(bias, x, dim)
        second = second_x + _along(second_bias, x, dim)
        to_grad = elu_backward(second, alpha, 1.0, 1.0, False, total)
        curvature = elu_backward(second * grad, alpha, 1.0, 1.0, False, total)
        to_x = torch.where(total <= 0, curvature, 0)
        return to_grad, to_x, _sum_to_bias(to_x, dim), None, None


def _compute_elu(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    if not _on_triton(x):
        return aten.elu(x, alpha, scale, input_scale)
    out = torch.empty_like(x)
    elu_out(x, out, alpha, scale, input_scale)
    return out


def _compute_elu_backward(
    grad: Tensor, known: Tensor, alpha: float, scale: float, input_scale: float, is_result: bool
) -> Tensor:
    if not _on_triton(grad):
        return aten.elu_backward(grad, alpha, scale, input_scale, is_result, known)
    out = torch.empty_like(known)
    elu_backward_out(grad, known, out, alpha, scale, input_scale, is_result)
    return out


def _compute_bias_elu(x: Tensor, bias: Tensor, alpha: float, dim: int) -> Tensor:
    if not _on_triton(x):
        return aten.elu(x + _along(bias, x, dim), alpha)
    x = _dense(x)
    out = torch.empty_like(x)
    bias_elu_out(x, bias, out, alpha, dim)
    return out


def _compute_bias_elu_backward(grad: Tensor, x: Tensor, bias: Tensor, alpha: float, dim: int) -> tuple[Tensor, Tensor]:
    if not _on_triton(x):
        grad_x = aten.elu_backward(grad, alpha, 1.0, 1.0, False, x + _along(bias, x, dim))
        return grad_x, _sum_to_bias(grad_x, dim)
    x = _dense(x)
    grad_x, grad_bias = torch.empty_like(x), torch.empty_like(bias, memory_format=torch.contiguous_format)
    if not same_strides(x, grad):  # a broadcast gradient, or one in another memory format
        grad = torch.empty_like(x).copy_(grad)
    bias_elu_backward_out(grad, x, bias, grad_x, grad_bias, alpha, dim)
    return grad_x, grad_bias


def _on_triton(tensor: Tensor) -> bool:
    return tensor.device.type != "cpu" or INTERPRETED.value


def _dense(x: Tensor) -> Tensor:
    return x if x.numel() == 0 or dense_view(x, -1) is not None else x.contiguous()


def _along(bias: Tensor, x: Tensor, dim: int) -> Tensor:
    shape = [1] * x.dim()
    shape[dim] = -1
    return bias.view(shape)


def _sum_to_bias(grad: Tensor, dim: int) -> Tensor:
    others = [axis for axis in range(grad.dim()) if axis != dim % grad.dim()]
    return grad.sum(others) if others else grad


def _check_invertible(alpha: float, scale: float, input_scale: float, what: str) -> None:
    if alpha < 0 or scale < 0 or input_scale < 0:
        raise RuntimeError(
            f"the gradient of elu with {what} needs alpha, scale and input_scale of at least 0, not "
            f"({alpha:g}, {scale:g}, {input_scale:g}): the sign of a result does not tell that of its input; "
            "compute it from the input"
        )

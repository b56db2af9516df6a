"""PyTorch's own operators, into preallocated outputs, so that no allocation is timed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case, make_case
from harness.providers import batch_norm, rectifiers

aten = torch.ops.aten


def prepare(case: Case) -> Callable[..., None]:
    """A call that runs the case by ATen's operators."""
    return _PREPARE[case.op](case)


def _elu(case: Case) -> Callable[..., None]:
    alpha, scale, input_scale = (case.params[name] for name in ("alpha", "scale", "input_scale"))

    def call(x: Tensor, out: Tensor) -> None:
        aten.elu.out(x, alpha, scale, input_scale, out=out)

    return call


def _elu_backward(case: Case) -> Callable[..., None]:
    params = tuple(case.params[name] for name in ("alpha", "scale", "input_scale", "is_result"))

    def call(grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor) -> None:
        aten.elu_backward.grad_input(grad_output, *params, self_or_result, grad_input=grad_input)

    return call


def _bias_elu(case: Case) -> Callable[..., None]:
    alpha, shape = case.params["alpha"], bias_shape(case)

    def call(x: Tensor, bias: Tensor, out: Tensor) -> None:
        torch.add(x, bias.view(shape), out=out)
        aten.elu_(out, alpha)

    return call


def _bias_elu_backward(case: Case) -> Callable[..., None]:
    alpha, shape, others = case.params["alpha"], bias_shape(case), other_dims(case)

    def call(grad_output: Tensor, x: Tensor, bias: Tensor, grad_x: Tensor, grad_bias: Tensor) -> None:
        torch.add(x, bias.view(shape), out=grad_x)
        aten.elu_backward.grad_input(grad_output, alpha, 1.0, 1.0, False, grad_x, grad_input=grad_x)
        if others:
            torch.sum(grad_x, others, out=grad_bias)
        else:
            grad_bias.copy_(grad_x)

    return call


def _elu_plus_one(case: Case) -> Callable[..., None]:
    def call(x: Tensor, out: Tensor) -> None:
        aten.elu.out(x, 1.0, 1.0, 1.0, out=out)
        out.add_(1.0)

    return call


def _elu_plus_one_backward(case: Case) -> Callable[..., None]:
    if not case.params["is_result"]:
        return _elu_backward(make_case("elu_backward", case.shape, case.dtype))

    def call(grad_output: Tensor, result: Tensor, grad_input: Tensor) -> None:
        torch.sub(result, 1.0, out=grad_input)  # the result of elu, of which ATen knows the gradient
        aten.elu_backward.grad_input(grad_output, 1.0, 1.0, 1.0, True, grad_input, grad_input=grad_input)

    return call


def bias_shape(case: Case) -> list[int]:
    """The shape in which the bias broadcasts against the main tensor."""
    shape = [1] * len(case.shape)
    shape[case.params["dim"]] = -1
    return shape


def other_dims(case: Case) -> list[int]:
    """The dimensions over which the gradient of the bias is a sum."""
    dims = len(case.shape)
    return [axis for axis in range(dims) if axis != case.params["dim"] % dims]


_PREPARE = {
    "elu": _elu,
    "elu_backward": _elu_backward,
    "bias_elu": _bias_elu,
    "bias_elu_backward": _bias_elu_backward,
    "elu_plus_one": _elu_plus_one,
    "elu_plus_one_backward": _elu_plus_one_backward,
    **dict.fromkeys(rectifiers.OPS, rectifiers.eager),
    "batch_norm_relu": batch_norm.eager_forward,
    "batch_norm_relu_backward": batch_norm.eager_backward,
}

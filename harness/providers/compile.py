"""torch.compile: Inductor's kernel for the same formula, written into preallocated outputs.

The result of each function is copied into the output it is given; Inductor fuses that copy into its kernel.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.providers import Unsupported, batch_norm, rectifiers
from harness.providers.eager import bias_shape, other_dims

aten = torch.ops.aten


def prepare(case: Case) -> Callable[..., None]:
    """A compiled call, specialised for this case's shape. Compilation happens on the first call."""
    if not torch.cuda.is_available() and not shutil.which(os.environ.get("CXX", "g++")):
        raise Unsupported("torch.compile needs a C++ compiler on a CPU, and there is no g++; install one")
    torch._dynamo.reset()
    return torch.compile(_FUNCTION[case.op](case), fullgraph=True, dynamic=False)


def _elu(case: Case) -> Callable[..., None]:
    alpha, scale, input_scale = (case.params[name] for name in ("alpha", "scale", "input_scale"))

    def call(x: Tensor, out: Tensor) -> None:
        out.copy_(aten.elu(x, alpha, scale, input_scale))

    return call


def _elu_backward(case: Case) -> Callable[..., None]:
    params = tuple(case.params[name] for name in ("alpha", "scale", "input_scale", "is_result"))

    def call(grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor) -> None:
        grad_input.copy_(aten.elu_backward(grad_output, *params, self_or_result))

    return call


def _bias_elu(case: Case) -> Callable[..., None]:
    alpha, shape = case.params["alpha"], bias_shape(case)

    def call(x: Tensor, bias: Tensor, out: Tensor) -> None:
        out.copy_(aten.elu(x + bias.view(shape), alpha))

    return call


def _bias_elu_backward(case: Case) -> Callable[..., None]:
    alpha, shape, others = case.params["alpha"], bias_shape(case), other_dims(case)

    def call(grad_output: Tensor, x: Tensor, bias: Tensor, grad_x: Tensor, grad_bias: Tensor) -> None:
        gradient = aten.elu_backward(grad_output, alpha, 1.0, 1.0, False, x + bias.view(shape))
        grad_x.copy_(gradient)
        grad_bias.copy_(gradient.sum(others) if others else gradient)

    return call


def _elu_plus_one(case: Case) -> Callable[..., None]:
    def call(x: Tensor, out: Tensor) -> None:
        out.copy_(aten.elu(x) + 1.0)

    return call


def _elu_plus_one_backward(case: Case) -> Callable[..., None]:
    is_result = case.params["is_result"]

    def call(grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor) -> None:
        known = self_or_result - 1.0 if is_result else self_or_result
        grad_input.copy_(aten.elu_backward(grad_output, 1.0, 1.0, 1.0, is_result, known))

    return call


_FUNCTION = {
    "elu": _elu,
    "elu_backward": _elu_backward,
    "bias_elu": _bias_elu,
    "bias_elu_backward": _bias_elu_backward,
    "elu_plus_one": _elu_plus_one,
    "elu_plus_one_backward": _elu_plus_one_backward,
    **dict.fromkeys(rectifiers.OPS, rectifiers.copied),
    "batch_norm_relu": batch_norm.compiled_forward,
    "batch_norm_relu_backward": batch_norm.compiled_backward,
}

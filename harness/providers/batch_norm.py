"""Batch normalisation + ReLU in training mode, by PyTorch: what activations are compared with, not what is shipped."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.providers import Unsupported

aten = torch.ops.aten


def eager_forward(case: Case) -> Callable[..., None]:
    """ATen's batch normalisation into the output, then ReLU in place."""
    eps = _eps(case)

    def call(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, mean: Tensor, rstd: Tensor) -> None:
        aten.native_batch_norm.out(
            x, weight, bias, None, None, True, 0.1, eps, out=out, save_mean=mean, save_invstd=rstd
        )  # fmt: skip
        aten.relu_(out)

    return call


def eager_backward(case: Case) -> Callable[..., None]:
    """ATen's backwards of both. The second has no form that writes into a given tensor: its results are copied."""
    eps = _eps(case)

    def call(
        grad_output: Tensor, result: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor,
        grad_x: Tensor, grad_weight: Tensor, grad_bias: Tensor,
    ) -> None:  # fmt: skip
        aten.threshold_backward.grad_input(grad_output, result, 0.0, grad_input=grad_x)
        found = aten.native_batch_norm_backward(
            grad_x, x, weight, None, None, mean, rstd, True, eps, [True, True, True]
        )  # fmt: skip
        for output, gradient in zip((grad_x, grad_weight, grad_bias), found, strict=True):
            output.copy_(gradient)

    return call


def compiled_forward(case: Case) -> Callable[..., None]:
    """The same, for Inductor to fuse with the copies into the outputs."""
    eps = _eps(case)

    def call(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, mean: Tensor, rstd: Tensor) -> None:
        normal, found_mean, found_rstd = aten.native_batch_norm(x, weight, bias, None, None, True, 0.1, eps)
        out.copy_(aten.relu(normal))
        mean.copy_(found_mean)
        rstd.copy_(found_rstd)

    return call


def compiled_backward(case: Case) -> Callable[..., None]:
    """The same, for Inductor to fuse with the copies into the outputs."""
    eps = _eps(case)

    def call(
        grad_output: Tensor, result: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor,
        grad_x: Tensor, grad_weight: Tensor, grad_bias: Tensor,
    ) -> None:  # fmt: skip
        inner = aten.threshold_backward(grad_output, result, 0.0)
        found = aten.native_batch_norm_backward(inner, x, weight, None, None, mean, rstd, True, eps, [True, True, True])
        for output, gradient in zip((grad_x, grad_weight, grad_bias), found, strict=True):
            output.copy_(gradient)

    return call


def _eps(case: Case) -> float:
    if case.params["dim"] != 1:
        raise Unsupported("PyTorch's batch normalisation has its channels in dimension 1")
    if case.dtype not in ("float32", "float64"):
        raise Unsupported("the statistics of a 16-bit batch normalisation are float32, which this op's outputs are not")
    return float(case.params["eps"])

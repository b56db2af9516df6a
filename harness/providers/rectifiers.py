"""ReLU, leaky ReLU and PReLU by PyTorch: what ELU is compared with.

Each op has a function that computes its results; a provider copies them, or, where ATen has a form that writes into a
given tensor, has that.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.ops.cases import Case

aten = torch.ops.aten

OPS = ("relu", "relu_backward", "leaky_relu", "leaky_relu_backward", "prelu", "prelu_backward")


def eager(case: Case) -> Callable[..., None]:
    """ATen's operators into the outputs. PReLU has no such form: its results are copied, which is in its time."""
    if case.op == "relu":
        return lambda x, out: aten.clamp_min.out(x, 0.0, out=out)
    if case.op == "relu_backward":
        return lambda grad, x, grad_x: aten.threshold_backward.grad_input(grad, x, 0.0, grad_input=grad_x)
    if case.op == "leaky_relu":
        slope = case.params["negative_slope"]
        return lambda x, out: aten.leaky_relu.out(x, slope, out=out)
    if case.op == "leaky_relu_backward":
        slope = case.params["negative_slope"]
        return lambda grad, x, grad_x: aten.leaky_relu_backward.grad_input(grad, x, slope, False, grad_input=grad_x)
    return copied(case)


def copied(case: Case) -> Callable[..., None]:
    """A call that computes the op and copies its results into the outputs; Inductor fuses the two."""
    function, inputs = _function(case), len(case.inputs)

    def call(*tensors: Tensor) -> None:
        for output, result in zip(tensors[inputs:], function(*tensors[:inputs]), strict=True):
            output.copy_(result)

    return call


def _function(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    if case.op == "relu":
        return lambda x: (aten.relu(x),)
    if case.op == "relu_backward":
        return lambda grad, x: (aten.threshold_backward(grad, x, 0.0),)
    slope = case.params.get("negative_slope")
    if case.op == "leaky_relu":
        return lambda x: (aten.leaky_relu(x, slope),)
    if case.op == "leaky_relu_backward":
        return lambda grad, x: (aten.leaky_relu_backward(grad, x, slope, False),)
    dim = case.params["dim"] % len(case.shape)
    shape = [-1 if axis == dim else 1 for axis in range(len(case.shape))]
    if case.op == "prelu":
        return lambda x, weight: (aten._prelu_kernel(x, weight.view(shape)),)
    others = [axis for axis in range(len(case.shape)) if axis != dim]

    def backward(grad: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        grad_x, terms = aten._prelu_kernel_backward(grad, x, weight.view(shape))
        return grad_x, terms.sum(others) if others else terms

    return backward

"""The shifted ReLU of the ELU paper's figure 1: max(x, -1), which saturates where elu does and has a kink there."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..primitives import filled, larger, where_above

aten = torch.ops.aten


@triton.jit
def forward(x):
    return larger(x, filled(x, -1.0))


@triton.jit
def gradient(grad, known):
    """The same from the input and from the result; that of a NaN is the positive side's, as ATen's is."""
    return where_above(known, -1.0, grad, tl.zeros_like(grad), True)


def functions() -> Functions:
    return Functions(forward, gradient, gradient)


ACTIVATION = Activation(
    "shifted_relu",
    {},
    functions,
    aten=lambda x: aten.threshold(x, -1.0, -1.0),
    aten_in_place=lambda x: aten.threshold_(x, -1.0, -1.0),
    aten_backward=lambda grad, known, is_result: aten.threshold_backward(grad, known, -1.0),
)


shifted_relu_out, shifted_relu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def shifted_relu(x: Tensor, inplace: bool = False) -> Tensor:
    """The larger of x and -1; NaN stays NaN.

    It is `torch.nn.functional.threshold(x, -1, -1)`, in its gradient too, which at -1 is 0, as relu's is at 0;
    `torch.clamp_min(x, -1)` has the same values, and passes on the gradient at -1. The result is kept for the gradient.
    Raises as `elu` does.
    """
    return ACTIVATION.in_place(x) if inplace else ACTIVATION(x, save_result=True)


def shifted_relu_backward(grad_output: Tensor, self_or_result: Tensor) -> Tensor:
    """The gradient of shifted_relu: 0 where its input, or its result, is not above -1; itself differentiable."""
    return ACTIVATION.backward(grad_output, self_or_result, False)


class ShiftedReLU(nn.Module):
    """The larger of x and -1; `inplace` writes the result into the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return shifted_relu(x, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

"""relu as a Triton kernel, for elu to be compared with. Values, gradients and special values are PyTorch's."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..primitives import larger, where_above

aten = torch.ops.aten


@triton.jit
def forward(x):
    return larger(x, tl.zeros_like(x))


@triton.jit
def gradient(grad, known):
    """The same from the input and from the result; that of a NaN is the positive side's, as ATen's is."""
    return where_above(known, 0.0, grad, tl.zeros_like(grad), True)


def functions() -> Functions:
    return Functions(forward, gradient, gradient)


ACTIVATION = Activation(
    "relu",
    {},
    functions,
    aten=aten.relu,
    aten_in_place=aten.relu_,
    aten_backward=lambda grad, known, is_result: aten.threshold_backward(grad, known, 0.0),
)


relu_out, relu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def relu(x: Tensor, inplace: bool = False) -> Tensor:
    """The larger of x and 0. As in PyTorch the result is kept for the gradient. Raises as `elu` does."""
    return ACTIVATION.in_place(x) if inplace else ACTIVATION(x, save_result=True)


def relu_backward(grad_output: Tensor, self_or_result: Tensor) -> Tensor:
    """The gradient of relu: 0 where its input, or its result, is not above 0; itself differentiable."""
    return ACTIVATION.backward(grad_output, self_or_result, False)


class ReLU(nn.ReLU):
    """`torch.nn.ReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x, self.inplace)

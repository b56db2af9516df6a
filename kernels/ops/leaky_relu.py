"""leaky_relu as a Triton kernel, for elu to be compared with. Values, gradients and special values are PyTorch's."""

from __future__ import annotations

import torch
import triton
import triton.language as tl  # noqa: F401  (Triton's interpreter wants it in every module of device functions)
from torch import Tensor, nn

from ..autograd.elementwise import Activation
from ..elementwise import Functions
from ..formulas import number
from ..primitives import larger, narrow, where_above, widen

aten = torch.ops.aten


@triton.jit
def by_maximum(x, negative_slope):
    """For slopes in (0, 1], where the larger of the two sides is the right one."""
    return larger(_times(x, negative_slope), x)


@triton.jit
def by_sign(x, negative_slope):
    """For every slope."""
    return where_above(x, 0.0, x, _times(x, negative_slope))


@triton.jit
def gradient(grad, known, negative_slope):
    """The same from the input and from the result; that of a NaN is the negative side's, as ATen's is."""
    return where_above(known, 0.0, grad, _times(grad, negative_slope))


@triton.jit
def _times(x, factor):
    """The product of a block as it was loaded and a parameter, rounded once."""
    wide = widen(x)
    return narrow(wide * number(factor, wide), x.dtype)


def functions(negative_slope: float) -> Functions:
    """The shorter device functions where the slope allows them."""
    return Functions(by_maximum if 0.0 < negative_slope <= 1.0 else by_sign, gradient, gradient)


ACTIVATION = Activation(
    "leaky_relu",
    {"negative_slope": 0.01},
    functions,
    aten=aten.leaky_relu,
    aten_in_place=aten.leaky_relu_,
    aten_backward=aten.leaky_relu_backward,
)


leaky_relu_out, leaky_relu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


def leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x if x > 0 else negative_slope * x. Raises as `elu` does, of a negative slope too."""
    return ACTIVATION.in_place(x, negative_slope) if inplace else ACTIVATION(x, negative_slope)


def leaky_relu_backward(
    grad_output: Tensor, self_or_result: Tensor, negative_slope: float = 0.01, is_result: bool = False
) -> Tensor:
    """The gradient of leaky_relu; itself differentiable. Arguments and errors as of `elu_backward`."""
    return ACTIVATION.backward(grad_output, self_or_result, negative_slope, is_result)


class LeakyReLU(nn.LeakyReLU):
    """`torch.nn.LeakyReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x, self.negative_slope, self.inplace)

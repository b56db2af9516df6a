"""prelu as a Triton kernel, for elu to be compared with. Values, gradients and special values are PyTorch's."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor, nn
from torch.overrides import has_torch_function_unary

from .. import private
from ..autograd.broadcast import VectorActivation
from ..broadcast import VectorFunctions
from ..dispatch import as_autocast
from ..primitives import narrow, where_above, widen


@triton.jit
def forward(x, weight):
    return where_above(x, 0.0, x, narrow(widen(x) * weight, x.dtype))


@triton.jit
def gradient(grad, x, weight):
    # What is above 0 has no part in the second, not even 0 times an infinity.
    term = widen(where_above(x, 0.0, tl.zeros_like(grad), grad))
    value = where_above(x, 0.0, grad, narrow(term * weight, grad.dtype))
    term *= widen(where_above(x, 0.0, tl.zeros_like(x), x))
    return value, term


def functions() -> VectorFunctions:
    return VectorFunctions(forward, gradient)


def _second(
    second_x: Tensor, second_weight: Tensor, grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    above = x > 0
    to_grad = torch.where(above, second_x, weight * second_x + x * second_weight)
    return to_grad, torch.where(above, 0, grad * second_weight), torch.where(above, 0, grad * second_x)


def _backward_tangent(
    of_grad: Tensor, of_x: Tensor, of_weight: Tensor, grad: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    above = x > 0
    of_grad_x = torch.where(above, of_grad, weight * of_grad + grad * of_weight)
    return of_grad_x, torch.where(above, 0, of_grad * x + grad * of_x)


ACTIVATION = VectorActivation(
    "prelu",
    "weight",
    {},
    1,
    functions,
    steps=private.prelu,
    backward_steps=private.prelu_backward,
    tangent=lambda of_x, of_weight, x, weight: torch.where(x > 0, of_x, weight * of_x + x * of_weight),
    second=_second,
    backward_tangent=_backward_tangent,
)


prelu_out, prelu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


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
        if not torch.compiler.is_compiling() and private.count_dispatch_modes() and has_torch_function_unary(x):
            return ACTIVATION.steps(x, weight)  # the view would be a subclass's, which a tracer does not know
        return ACTIVATION(x.unsqueeze(0), weight.reshape(1), 0).squeeze(0)
    return ACTIVATION(x, weight, 1)


def prelu_backward(grad_output: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(grad_x, grad_weight) of prelu: one pass over grad_output and x; itself differentiable.

    grad_weight has the same bits in every run. Raises as `prelu` does.
    """
    if weight.numel() == 1:
        grad_x, grad_weight = ACTIVATION.backward(grad_output.unsqueeze(0), x.unsqueeze(0), weight.reshape(1), 0)
        return grad_x.squeeze(0), grad_weight.reshape(weight.shape)
    return ACTIVATION.backward(grad_output, x, weight, 1)


class PReLU(nn.PReLU):
    """`torch.nn.PReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return prelu(x, self.weight)

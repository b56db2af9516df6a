"""elu of the sum of a tensor and a bias, in one kernel; its formula is in formulas.py."""

from __future__ import annotations

import torch
import triton
import triton.language as tl  # noqa: F401  (Triton's interpreter wants it in every module of device functions)
from torch import Tensor, nn

from .. import formulas
from ..autograd.broadcast import VectorActivation
from ..broadcast import VectorFunctions
from ..dispatch import as_autocast
from ..primitives import at_most, narrow, widen
from .elu import ACTIVATION as ELU
from .elu import curvature as elu_curvature


@triton.jit
def unit(x, bias, alpha):
    return formulas.elu_unit(widen(x) + bias, x.dtype)


@triton.jit
def general(x, bias, alpha):
    return formulas.elu_ordinary(widen(x) + bias, x.dtype, alpha, 1.0, 1.0)


@triton.jit
def anywhere(x, bias, alpha):
    return formulas.elu_anywhere(widen(x) + bias, x.dtype, alpha, 1.0, 1.0)


# The bias is added to x, so the gradient by the one is that by the other.


@triton.jit
def unit_gradient(grad, x, bias, alpha):
    term = formulas.gradient_unit(widen(grad), at_most(widen(x) + bias, 0.0), x.dtype)
    return narrow(term, grad.dtype), term


@triton.jit
def general_gradient(grad, x, bias, alpha):
    term = formulas.gradient_ordinary(widen(grad), widen(x) + bias, x.dtype, alpha, 1.0, 1.0)
    return narrow(term, grad.dtype), term


@triton.jit
def anywhere_gradient(grad, x, bias, alpha):
    term = formulas.gradient_anywhere(widen(grad), widen(x) + bias, alpha, 1.0, 1.0)
    return narrow(term, grad.dtype), term


UNIT = VectorFunctions(unit, unit_gradient)
GENERAL = VectorFunctions(general, general_gradient)
ANYWHERE = VectorFunctions(anywhere, anywhere_gradient)


def functions(alpha: float) -> VectorFunctions:
    """The shortest device functions that are right for this alpha."""
    if alpha == 1.0:
        return UNIT
    return GENERAL if formulas.are_ordinary(alpha) else ANYWHERE


def _gradient(grad: Tensor, x: Tensor, bias: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Those of x and of the bias, which are the same."""
    gradient = ELU.backward(grad, x + bias, alpha, 1.0, 1.0, False)
    return gradient, gradient


def _second(
    second_x: Tensor, second_bias: Tensor, grad: Tensor, x: Tensor, bias: Tensor, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    second = second_x + second_bias
    to_x = elu_curvature(second * grad, x + bias, alpha, 1.0, 1.0, False)
    return _gradient(second, x, bias, alpha)[0], to_x, to_x


def _backward_tangent(
    of_grad: Tensor, of_x: Tensor, of_bias: Tensor, grad: Tensor, x: Tensor, bias: Tensor, alpha: float
) -> tuple[Tensor, Tensor]:
    by_x = elu_curvature((of_x + of_bias) * grad, x + bias, alpha, 1.0, 1.0, False)
    tangent = _gradient(of_grad, x, bias, alpha)[0] + by_x
    return tangent, tangent


ACTIVATION = VectorActivation(
    "bias_elu",
    "bias",
    {"alpha": 1.0},
    -1,
    functions,
    steps=lambda x, bias, alpha: ELU(x + bias, alpha, 1.0, 1.0),
    backward_steps=_gradient,
    tangent=lambda of_x, of_bias, x, bias, alpha: _gradient(of_x + of_bias, x, bias, alpha)[0],
    second=_second,
    backward_tangent=_backward_tangent,
)


bias_elu_out, bias_elu_backward_out = ACTIVATION.launch, ACTIVATION.launch_backward


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
    return ACTIVATION(x, bias, alpha, dim)


def bias_elu_backward(
    grad_output: Tensor, x: Tensor, bias: Tensor, alpha: float = 1.0, dim: int = -1
) -> tuple[Tensor, Tensor]:
    """(grad_x, grad_bias) of bias_elu: one pass over grad_output and x; itself differentiable.

    grad_bias has the same bits in every run. Raises as `bias_elu` does.
    """
    return ACTIVATION.backward(grad_output, x, bias, alpha, dim)


class BiasELU(nn.Module):
    """elu(x + bias), in place of a layer's own bias: `nn.Linear(m, n, bias=False)`, then `BiasELU(n)`.

    Args:
        features: the length of the bias, a parameter that begins as zeros.
        alpha: the negative side saturates at -alpha.
        dim: the dimension of x along which the bias lies: -1 after Linear, 1 after a convolution.
    """

    def __init__(
        self,
        features: int,
        alpha: float = 1.0,
        dim: int = -1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.dim = dim
        self.bias = nn.Parameter(torch.zeros(features, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return bias_elu(x, self.bias, self.alpha, self.dim)

    def extra_repr(self) -> str:
        return f"{self.bias.numel()}, alpha={self.alpha}, dim={self.dim}"

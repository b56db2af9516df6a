"""The operators as modules of torch.nn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .ops.bias_elu import bias_elu
from .ops.celu import celu
from .ops.elu import elu
from .ops.elu_plus_one import elu_plus_one
from .ops.leaky_relu import leaky_relu
from .ops.prelu import prelu
from .ops.relu import relu
from .ops.selu import selu
from .ops.shifted_relu import shifted_relu


class ELU(nn.Module):
    """`torch.nn.ELU` on this suite's kernel: the same arguments, the same values.

    Args:
        alpha: the negative side saturates at -alpha.
        inplace: write the result into the input.
        save_result: keep the result for the gradient in place of the input; see `elu`.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False, *, save_result: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace
        self.save_result = save_result

    def forward(self, x: Tensor) -> Tensor:
        return elu(x, self.alpha, inplace=self.inplace, save_result=self.save_result)

    def extra_repr(self) -> str:
        options = (name for name in ("inplace", "save_result") if getattr(self, name))
        return ", ".join([f"alpha={self.alpha}", *(f"{name}=True" for name in options)])


class SELU(nn.SELU):
    """`torch.nn.SELU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return selu(x, self.inplace)


class CELU(nn.CELU):
    """`torch.nn.CELU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return celu(x, self.alpha, self.inplace)


class ELUPlusOne(nn.Module):
    """elu(x) + 1, the feature map of linear attention. `save_result`: see `elu_plus_one`."""

    def __init__(self, *, save_result: bool = False) -> None:
        super().__init__()
        self.save_result = save_result

    def forward(self, x: Tensor) -> Tensor:
        return elu_plus_one(x, save_result=self.save_result)

    def extra_repr(self) -> str:
        return "save_result=True" if self.save_result else ""


class ReLU(nn.ReLU):
    """`torch.nn.ReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x, self.inplace)


class ShiftedReLU(nn.Module):
    """The larger of x and -1; `inplace` writes the result into the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return shifted_relu(x, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(nn.LeakyReLU):
    """`torch.nn.LeakyReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x, self.negative_slope, self.inplace)


class PReLU(nn.PReLU):
    """`torch.nn.PReLU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return prelu(x, self.weight)


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

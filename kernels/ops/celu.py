"""celu: elu whose slope is continuous for every alpha."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..layout import check_tensors
from .elu import elu


def celu(x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x if x > 0 else alpha * expm1(x / alpha): elu whose slope is continuous for every alpha.

    With an alpha that is infinite or NaN it is PyTorch's own. Raises ValueError for an alpha of 0, else as `elu` does.
    """
    if alpha == 0:
        raise ValueError("celu divides by alpha, which has to be other than 0")
    if not math.isfinite(alpha):
        check_tensors(x=x)
        return torch.nn.functional.celu(x, alpha, inplace)
    return elu(x, alpha, 1.0, 1.0 / alpha, inplace=inplace)


class CELU(nn.CELU):
    """`torch.nn.CELU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return celu(x, self.alpha, self.inplace)

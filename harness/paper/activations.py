"""The activations as modules: on a CUDA device those of this suite, on its Triton kernels; on a CPU PyTorch's own.

Nets are trained side by side: a tensor is (batch, runs × units, …), the units of one run next to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.paper.plan import ACTIVATIONS, CONTRAST, ClaimError


def make(name: str, runs: int, device: str) -> nn.Module:
    """The activation `name` for `runs` nets side by side. Raises ClaimError for a name that is not known."""
    if name not in (*ACTIVATIONS, CONTRAST):
        raise ClaimError(f"there is no activation {name!r}; choose from {', '.join(ACTIVATIONS)}")
    if name == CONTRAST:
        return nn.Sigmoid()
    modules: Any = nn
    prelu: Callable[[Tensor, Tensor], Tensor] = functional.prelu
    if device.startswith("cuda"):
        import kernels

        modules, prelu = kernels, kernels.prelu
    kind, _, slope = name.partition("_")
    if kind == "prelu":
        return StackedPReLU(runs, prelu)
    if kind == "elu":
        return modules.ELU()
    return modules.LeakyReLU(float(slope)) if slope else modules.ReLU()


class StackedPReLU(nn.Module):
    """PReLU with one learned slope for each of `runs` nets, from 0.25 as in He et al. 2015.

    `prelu` is torch.nn.functional.prelu or what computes the same.
    """

    def __init__(self, runs: int, prelu: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((runs,), 0.25))
        self.prelu = prelu

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(x, self.slope.repeat_interleave(x.shape[1] // len(self.slope)))

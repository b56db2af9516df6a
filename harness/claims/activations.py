"""The activations as modules. On a CUDA device ELU runs on this suite's Triton kernel; the others, for which it has
none, and all of them on a CPU, are PyTorch's own.

Nets are trained side by side: a tensor is (batch, runs × units, …), the units of one run next to each other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.claims.plan import ACTIVATIONS, CONTRAST, ClaimError


def make(name: str, runs: int, device: str) -> nn.Module:
    """The activation `name` for `runs` nets side by side. Raises ClaimError for a name that is not known."""
    if name not in (*ACTIVATIONS, CONTRAST):
        raise ClaimError(f"there is no activation {name!r}; choose from {', '.join(ACTIVATIONS)}")
    if name == CONTRAST:
        return nn.Sigmoid()
    if name == "prelu":
        return StackedPReLU(runs)
    kind, _, slope = name.partition("_")
    if kind == "elu":
        return _elu(device)
    return nn.LeakyReLU(float(slope)) if slope else nn.ReLU()


def _elu(device: str) -> nn.Module:
    if not device.startswith("cuda"):
        return nn.ELU()
    import kernels

    return kernels.ELU()


class StackedPReLU(nn.Module):
    """PReLU with one learned slope for each of `runs` nets, from 0.25 as in He et al. 2015."""

    def __init__(self, runs: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((runs,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return functional.prelu(x, self.slope.repeat_interleave(x.shape[1] // len(self.slope)))

"""The activations as modules: on a CUDA device those of this suite, on its Triton kernels; on a CPU PyTorch's own.

Nets are trained side by side: a tensor is (batch, runs × units, …), the units of one run next to each other.
"""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from harness.paper.plan import ACTIVATIONS, ALPHAS, CONTRAST, ClaimError


def make(name: str, device: str) -> nn.Module:
    """The activation `name`. Raises ClaimError for a name that is not known."""
    if name not in (*ACTIVATIONS, *ALPHAS, CONTRAST.activation):
        raise ClaimError(f"there is no activation {name!r}; choose from {', '.join(ACTIVATIONS)}")
    modules: Any = nn
    if device.startswith("cuda"):
        import kernels

        modules = kernels
    kind, _, parameter = name.partition("_")
    match kind:
        case "elu":
            return modules.ELU(float(parameter or 1))
        case "lrelu":
            return modules.LeakyReLU(float(parameter))
        case "relu":
            return modules.ReLU()
        case "srelu":
            return nn.Hardtanh(-1.0, math.inf) if modules is nn else modules.ShiftedReLU()
        case _:
            return nn.Tanh()

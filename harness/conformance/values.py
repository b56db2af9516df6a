"""The inputs of the checks: functions of a dtype that return the values at which something may go wrong."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NEAR = 2.0**-4
_FAR = 20.0
_GRID = 2**14


def near_zero(dtype: torch.dtype) -> Tensor:
    """Negative normal numbers close to 0, where exp(x) - 1 cancels: all of them in 16 bits."""
    tiny = torch.finfo(dtype).tiny
    if dtype.itemsize > 2:
        return -torch.logspace(math.log10(tiny) + 0.01, math.log10(_NEAR), _GRID, dtype=torch.float64).to(dtype)
    x = patterns(dtype)
    return x[(x < 0) & (x > -_NEAR) & (x <= -tiny)]


def subnormals(dtype: torch.dtype) -> Tensor:
    """Subnormal numbers of both signs: all of them in 16 bits."""
    tiny = torch.finfo(dtype).tiny
    if dtype.itemsize > 2:
        least = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        x = torch.logspace(math.log10(least) + 0.5, math.log10(tiny) - 0.01, _GRID, dtype=torch.float64).to(dtype)
        return torch.cat([-x, x])
    x = patterns(dtype)
    return x[(x != 0) & (x.abs() < tiny)]


def specials(dtype: torch.dtype) -> Tensor:
    """Zeros of both signs, infinities and NaN."""
    return torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=dtype)


def large(dtype: torch.dtype) -> Tensor:
    """Finite numbers whose exponential overflows or vanishes, up to the largest."""
    info = torch.finfo(dtype)
    if dtype.itemsize > 2:
        x = torch.logspace(math.log10(_FAR), math.log10(info.max) - 1e-9, _GRID, dtype=torch.float64).to(dtype)
        return torch.cat([x, -x, torch.tensor([info.max, info.min], dtype=dtype)])
    x = patterns(dtype)
    return x[x.isfinite() & (x.abs() >= _FAR)]


def far_below(dtype: torch.dtype) -> Tensor:
    """Numbers where the gradient is far below 1 and still normal in the dtype."""
    least = 9.0 if dtype == torch.float16 else 80.0
    return -torch.linspace(least / 2, least, _GRID, dtype=torch.float64).to(dtype)


def moderate(dtype: torch.dtype) -> Tensor:
    """Numbers of a size at which every way to write the formula is right: what is wrong here is a parameter."""
    x = torch.linspace(0.5, 8.0, _GRID, dtype=torch.float64).to(dtype)
    return torch.stack([x, -x], dim=1).flatten()  # in turns: a small tensor gets both signs


def every(dtype: torch.dtype) -> Tensor:
    """Every finite number of a 16-bit dtype; of a wider one a dense grid and random bits."""
    if dtype.itemsize == 2:
        x = patterns(dtype)
        return x[x.isfinite()]
    return torch.cat([near_zero(dtype), large(dtype), moderate(dtype)])


def results(dtype: torch.dtype) -> Tensor:
    """Every number of a 16-bit dtype that ELU gives at parameters of 1; of a wider one those of a grid."""
    x = every(dtype)
    return x[x >= -1]


def patterns(dtype: torch.dtype) -> Tensor:
    """All bit patterns of a 16-bit dtype."""
    return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)

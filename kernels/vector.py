"""Launchers of what is computed of a tensor and a vector along one of its dimensions: elu(x + bias), prelu(x, weight).

Always Triton kernels (vector_kernels.py), and never a copy of x: what is addressed like x is dense in the same order
of dimensions (contiguous, channels_last, transposed, …). All raise RuntimeError on a CPU outside the interpreter,
TypeError and ValueError for tensors that do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
from torch import Tensor

from . import math, tuning
from .launch import Launch, check_tensors, dense_view, is_wide, kept, parameter, power_of_2, same_strides
from .vector_kernels import (
    Tiles,
    planes_backward_kernel,
    planes_kernel,
    rows_backward_kernel,
    rows_kernel,
    sum_partials_kernel,
)


def bias_elu_out(x: Tensor, bias: Tensor, out: Tensor, alpha: float = 1.0, dim: int = -1) -> None:
    """Write elu(x + bias) into `out`, `bias` (1-D) lying along `dim` of x."""
    bias = bias.contiguous()
    _bias_elu((x, bias, out), alpha, dim)(x, bias, out)


@kept
def _bias_elu(tensors: tuple[Tensor, ...], alpha: float, dim: int) -> Launch:
    return _forward("bias", tensors, math.form_of(alpha, 1.0, 1.0), alpha, dim)


def bias_elu_backward_out(
    grad_output: Tensor,
    x: Tensor,
    bias: Tensor,
    grad_x: Tensor,
    grad_bias: Tensor,
    alpha: float = 1.0,
    dim: int = -1,
) -> None:
    """Write the gradients of bias_elu into `grad_x` and `grad_bias`: one pass over grad_output and x.

    The sums for `grad_bias` are taken in fp32 (fp64 for fp64) and have the same bits in every run.
    """
    tensors = (grad_output, x, bias.contiguous(), grad_x, grad_bias)
    _bias_elu_backward(tensors, alpha, dim)(*tensors)


@kept
def _bias_elu_backward(tensors: tuple[Tensor, ...], alpha: float, dim: int) -> _Backward:
    return _backward("bias", tensors, math.form_of(alpha, 1.0, 1.0), alpha, dim)


def prelu_out(x: Tensor, weight: Tensor, out: Tensor, dim: int = 1) -> None:
    """Write prelu(x), x where it is above 0, else weight * x, into `out`; `weight` (1-D) lies along `dim` of x."""
    weight = weight.contiguous()
    _prelu((x, weight, out), dim)(x, weight, out)


@kept
def _prelu(tensors: tuple[Tensor, ...], dim: int) -> Launch:
    return _forward("weight", tensors, "prelu", 1.0, dim)


def prelu_backward_out(
    grad_output: Tensor, x: Tensor, weight: Tensor, grad_x: Tensor, grad_weight: Tensor, dim: int = 1
) -> None:
    """Write the gradients of prelu into `grad_x` and `grad_weight`, as `bias_elu_backward_out` does."""
    tensors = (grad_output, x, weight.contiguous(), grad_x, grad_weight)
    _prelu_backward(tensors, dim)(*tensors)


@kept
def _prelu_backward(tensors: tuple[Tensor, ...], dim: int) -> _Backward:
    return _backward("weight", tensors, "prelu", 1.0, dim)


@dataclass(frozen=True)
class _Backward:
    """The launches of a backward. `main` writes the vector's gradient where there is one partial sum per channel."""

    main: Launch
    sums: Launch | None
    partials: int
    sum_dtype: torch.dtype

    def __call__(self, grad_output: Tensor, x: Tensor, vector: Tensor, grad_x: Tensor, grad_vector: Tensor) -> None:
        if self.sums is None:
            self.main(grad_output, x, vector, grad_x, grad_vector)
            return
        partial = torch.empty(self.partials, dtype=self.sum_dtype, device=x.device)
        self.main(grad_output, x, vector, grad_x, partial)
        self.sums(partial, grad_vector)


def _forward(vector_name: str, tensors: tuple[Tensor, ...], form: str, alpha: float, dim: int) -> Launch:
    x, vector, out = tensors
    check_tensors(x=x, **{vector_name: vector}, out=out)
    outer, channels, inner = _checked_view(x, vector_name, vector, dim, out=out)
    tiles = Tiles.of(outer, channels, inner, x.element_size())
    return _launch(rows_kernel, planes_kernel, tiles, x, channels, inner, form, alpha)


def _backward(vector_name: str, tensors: tuple[Tensor, ...], form: str, alpha: float, dim: int) -> _Backward:
    grad_output, x, vector, grad_x, grad_vector = tensors
    names = {vector_name: vector, "grad_x": grad_x, f"grad_{vector_name}": grad_vector}
    check_tensors(grad_output=grad_output, x=x, **names)
    outer, channels, inner = _checked_view(x, vector_name, vector, dim, grad_output=grad_output, grad_x=grad_x)
    if grad_vector.shape != vector.shape or not grad_vector.is_contiguous():
        raise ValueError(f"grad_{vector_name} has to be contiguous, of shape {tuple(vector.shape)}")
    tiles = Tiles.of(outer, channels, inner, x.element_size(), has_sums=True)
    main = _launch(rows_backward_kernel, planes_backward_kernel, tiles, x, channels, inner, form, alpha)
    if tiles.kind == "planes":
        sums = _sum_partials(x.device, tiles.blocks * outer, channels, 1)
    elif tiles.chunks == 1 and inner == 1:  # the only partial sum is the sum
        sums = None
    else:
        sums = _sum_partials(x.device, tiles.chunks * inner, channels, inner)
    return _Backward(main, sums, tiles.partials, torch.float64 if x.dtype == torch.float64 else torch.float32)


def _launch(
    rows: Any, planes: Any, tiles: Tiles, x: Tensor, channels: int, inner: int, form: str, alpha: float
) -> Launch:
    """The kernel for the tiles' kind, on x and what is addressed like it."""
    constants = {"FORM": form, "EVEN": tiles.are_even, "WIDE": is_wide(x.numel(), x), "num_warps": tiles.warps}
    if tiles.kind == "rows":
        return Launch(
            rows, tiles.programs, x.device, tiles.height, tiles.width, parameter(alpha, x.dtype),
            INNER=inner, ROWS=tiles.down, COLUMNS=tiles.across, TRIPS=tiles.trips, **constants,
        )  # fmt: skip
    return Launch(
        planes, tiles.programs, x.device, tiles.height, channels, inner, parameter(alpha, x.dtype),
        PLANES=tiles.down, BLOCK=tiles.across, **constants,
    )  # fmt: skip


def _sum_partials(device: torch.device, terms: int, channels: int, inner: int) -> Launch:
    across = power_of_2(channels, 1, tuning.SUM_CHANNELS)
    return Launch(
        sum_partials_kernel, triton.cdiv(channels, across), device, terms, channels,
        INNER=inner, WIDE=is_wide(terms * channels), TERMS=power_of_2(terms, 1, tuning.SUM_ELEMENTS // across),
        CHANNELS=across, num_warps=tuning.SUM_WARPS,
    )  # fmt: skip


def _checked_view(x: Tensor, vector_name: str, vector: Tensor, dim: int, **others: Tensor) -> tuple[int, int, int]:
    """x as (outer, channels, inner), after checks of everything that is addressed like x."""
    check_vector(x, vector_name, vector, dim)
    view = dense_view(x, dim)
    if view is None:
        raise ValueError("x has gaps or overlaps in its storage; give a dense one, as in x.contiguous()")
    for name, tensor in others.items():
        if tensor.shape != x.shape or not same_strides(x, tensor):
            raise ValueError(f"{name} has to have the shape and strides of x, {tuple(x.shape)} and {x.stride()}")
    return view


def check_vector(x: Tensor, name: str, vector: Tensor, dim: int) -> None:
    """Raise ValueError unless `vector`, called `name`, is 1-D and as long as dimension `dim` of `x`."""
    if x.dim() == 0 or not -x.dim() <= dim < x.dim():
        raise ValueError(f"dim={dim} is not a dimension of x, whose shape is {tuple(x.shape)}")
    if vector.dim() != 1 or vector.shape[0] != x.shape[dim]:
        raise ValueError(
            f"{name} has shape {tuple(vector.shape)}, and dimension {dim} of x has {x.shape[dim]} elements; "
            f"give a {name} of shape ({x.shape[dim]},)"
        )

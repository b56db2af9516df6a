"""elu(x + bias) and its gradients, the gradient of the bias in the same pass.

The storage of x is seen as (outer, channels, inner), the bias lying along the middle: inner is 1 for Linear
and for channels_last, and height·width for a contiguous convolution. Where inner is small, rows of
channels·inner elements are tiled ("rows"); where it is large, every plane of inner elements has one bias
("planes").

The gradient of the bias is summed in two stages without atomics, so it has the same bits in every run: each
program writes the sum of its tile to `partial`, and a second kernel sums those.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import math, tuning
from .launch import (
    Launch,
    check_tensors,
    dense_view,
    is_wide,
    kept,
    parameter,
    power_of_2,
    same_strides,
)

# Below so many elements per plane a tile of planes would be mostly mask, and partial sums would cost more
# traffic than 2% of what they sum.
_LEAST_PLANE = 64


@triton.jit
def rows_kernel(
    x_ptr, bias_ptr, out_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRIPS: tl.constexpr,
):  # fmt: skip
    """out = elu(x + bias) for TRIPS tiles, one below the other, of ROWS rows of channels·INNER columns.

    EVEN: the tiles of all programs cover the tensor and nothing else.
    """
    chunk, first = _tile(columns, COLUMNS)
    column = tl.arange(0, COLUMNS)
    inside_columns = None if EVEN else first + column < columns
    bias = math.widen(_load_bias(bias_ptr, first, column, inside_columns, INNER), False)[None, :]
    for trip in range(TRIPS):
        row = (chunk * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
        inside = None if EVEN else (row < rows)[:, None] & (first + column < columns)[None, :]
        row = row.to(tl.int64 if WIDE else tl.int32)
        start, along = (row * columns + first)[:, None], column[None, :]
        x = tl.load(x_ptr + start + along, inside)
        tl.store(out_ptr + start + along, math.elu_of(math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM), inside)


@triton.jit
def rows_backward_kernel(
    grad_ptr, x_ptr, bias_ptr, out_ptr, partial_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRIPS: tl.constexpr,
):  # fmt: skip
    """out = grad * elu'(x + bias) for TRIPS tiles, one below the other, and the sum of their columns."""
    chunk, first = _tile(columns, COLUMNS)
    column = tl.arange(0, COLUMNS)
    inside_columns = None if EVEN else first + column < columns
    bias = math.widen(_load_bias(bias_ptr, first, column, inside_columns, INNER), False)[None, :]
    total = tl.zeros((ROWS, COLUMNS), bias.dtype)
    for trip in range(TRIPS):
        row = (chunk * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
        inside = None if EVEN else (row < rows)[:, None] & (first + column < columns)[None, :]
        row = row.to(tl.int64 if WIDE else tl.int32)
        start, along = (row * columns + first)[:, None], column[None, :]
        grad = tl.load(grad_ptr + start + along, inside, other=None if EVEN else 0.0)
        x = tl.load(x_ptr + start + along, inside, other=None if EVEN else 0.0)
        value = math.elu_gradient_at(math.widen(grad), math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM)
        tl.store(out_ptr + start + along, math.narrow(value, grad.dtype), inside)
        total += value
    sums = math.narrow(tl.sum(total, 0), partial_ptr.dtype.element_ty)
    # A partial sum stands for 128 rows, so its offset needs 64 bits only for tensors of some 10^11 elements.
    tl.store(partial_ptr + chunk.to(tl.int64) * columns + first + column, sums, inside_columns)


@triton.jit
def planes_kernel(
    x_ptr, bias_ptr, out_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = elu(x + bias) for BLOCK elements of PLANES planes. EVEN: tiles cover nothing but the tensor."""
    chunk, first = _tile(inner, BLOCK)
    plane, along = chunk * PLANES + tl.arange(0, PLANES), tl.arange(0, BLOCK)[None, :]
    inside = None if EVEN else (plane < planes)[:, None] & (first + along < inner)
    bias = math.widen(tl.load(bias_ptr + plane % channels, None if EVEN else plane < planes), False)[:, None]
    start = (plane.to(tl.int64 if WIDE else tl.int32) * inner + first)[:, None]
    x = tl.load(x_ptr + start + along, inside)
    tl.store(out_ptr + start + along, math.elu_of(math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM), inside)


@triton.jit
def planes_backward_kernel(
    grad_ptr, x_ptr, bias_ptr, out_ptr, partial_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = grad * elu'(x + bias) for BLOCK elements of PLANES planes, and the sum of each plane's."""
    chunk, first = _tile(inner, BLOCK)
    plane, along = chunk * PLANES + tl.arange(0, PLANES), tl.arange(0, BLOCK)[None, :]
    inside = None if EVEN else (plane < planes)[:, None] & (first + along < inner)
    inside_planes = None if EVEN else plane < planes
    bias = math.widen(tl.load(bias_ptr + plane % channels, inside_planes), False)[:, None]
    start = (plane.to(tl.int64 if WIDE else tl.int32) * inner + first)[:, None]
    grad = tl.load(grad_ptr + start + along, inside, other=None if EVEN else 0.0)
    x = tl.load(x_ptr + start + along, inside, other=None if EVEN else 0.0)
    value = math.elu_gradient_at(math.widen(grad), math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM)
    tl.store(out_ptr + start + along, math.narrow(value, grad.dtype), inside)
    tl.store(partial_ptr + first // BLOCK * planes + plane, tl.sum(value, 1), inside_planes)


@triton.jit
def sum_partials_kernel(
    partial_ptr, out_ptr, terms, channels,
    INNER: tl.constexpr, WIDE: tl.constexpr, TERMS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """out[c] = the sum of partial[k, c, i] over k and i: `terms` of them, always in the same order."""
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    inside = channel < channels
    total = tl.zeros((TERMS, CHANNELS), partial_ptr.dtype.element_ty)
    for start in range(0, terms, TERMS):
        term = start + tl.arange(0, TERMS)
        row = term // INNER
        if WIDE:
            row = row.to(tl.int64)
        index = (row * channels * INNER + term % INNER)[:, None] + (channel * INNER)[None, :]
        total += tl.load(partial_ptr + index, (term < terms)[:, None] & inside[None, :], other=0.0)
    sums = math.narrow(tl.sum(total, 0), out_ptr.dtype.element_ty)
    tl.store(out_ptr + channel, sums, inside)


@triton.jit
def _load_bias(bias_ptr, first, column, inside, INNER: tl.constexpr):
    """The bias of columns of channels·INNER; for INNER 1 at an address to which the column is a constant added."""
    if INNER == 1:
        bias = tl.load(bias_ptr + first + column, inside)
    else:
        bias = tl.load(bias_ptr + (first + column) // INNER, inside)
    return bias


@triton.jit
def _tile(columns, COLUMNS: tl.constexpr):
    """(which row of tiles, first column) of this program's tile; programs go along the columns first."""
    # Unsigned: a division of signed numbers takes ten instructions more.
    blocks = (columns.to(tl.uint32) + (COLUMNS - 1)) // COLUMNS
    program = tl.program_id(0).to(tl.uint32)
    chunk = program // blocks
    return chunk.to(tl.int32), (program - chunk * blocks).to(tl.int32) * COLUMNS


@dataclass(frozen=True)
class Tiles:
    """How (outer, channels, inner) is cut into programs."""

    kind: str  # "rows" or "planes"
    height: int  # rows, or planes, of the tensor
    width: int  # elements of a row, or of a plane
    down: int  # rows, or planes, per tile
    across: int  # elements of each of them
    trips: int  # tiles that one program takes, one below the other
    warps: int

    @classmethod
    def of(cls, outer: int, channels: int, inner: int, item_bytes: int, has_sums: bool = False) -> Tiles:
        """How to cut for the forward, or, with `has_sums`, for the backward with its partial sums."""
        work = tuning.bias(has_sums, item_bytes, outer * channels * inner)
        elements = work.elements(item_bytes)
        if inner >= _LEAST_PLANE:
            across = _across_plane(inner, elements)
            return cls("planes", outer * channels, inner, elements // across, across, 1, work.warps)
        width = channels * inner
        across = power_of_2(width, 16, min(elements, work.across))
        down = elements // across
        # So many tiles to a program as leave enough programs: they share its bias, its numbers and its partial sums.
        tiles = triton.cdiv(outer, down) * triton.cdiv(width, across)
        trips = 2 ** round(log2(max(1.0, tiles / work.programs)))
        return cls("rows", outer, width, down, across, min(tuning.MOST_TRIPS, trips), work.warps)

    @property
    def chunks(self) -> int:
        """Rows of programs; each has one partial sum for every column of rows."""
        return triton.cdiv(self.height, self.down * self.trips)

    @property
    def blocks(self) -> int:
        """Columns of programs; each has one partial sum for every plane."""
        return triton.cdiv(self.width, self.across)

    @property
    def programs(self) -> int:
        return self.chunks * self.blocks

    @property
    def partials(self) -> int:
        """Numbers that the first stage of the backward writes and the second reads."""
        return self.chunks * self.width if self.kind == "rows" else self.blocks * self.height

    @property
    def are_even(self) -> bool:
        """Whether the tiles cover the tensor and nothing else."""
        return self.height % (self.down * self.trips) == 0 and self.width % self.across == 0


def _across_plane(inner: int, elements: int) -> int:
    """The widest part of a plane for a tile, of those that leave least of their last one unused, within an eighth."""
    widths = [elements >> shift for shift in range(12) if elements >> shift >= _LEAST_PLANE]
    waste = {width: triton.cdiv(inner, width) * width / inner - 1.0 for width in widths}
    least = min(waste.values())
    return next(width for width in widths if waste[width] <= max(least, 0.125))


def bias_elu_out(x: Tensor, bias: Tensor, out: Tensor, alpha: float = 1.0, dim: int = -1) -> None:
    """Write elu(x + bias) into `out`, `bias` (1-D) lying along `dim` of x.

    Always one Triton kernel, and never a copy of x: x and out are dense in the same order of dimensions
    (contiguous, channels_last, transposed, …). Raises RuntimeError on a CPU outside the interpreter, TypeError and
    ValueError for tensors that do not fit.
    """
    bias = bias.contiguous()
    _bias_elu((x, bias, out), alpha, dim)(x, bias, out)


@kept
def _bias_elu(tensors: tuple[Tensor, ...], alpha: float, dim: int) -> Launch:
    x, bias, out = tensors
    check_tensors(x=x, bias=bias, out=out)
    outer, channels, inner = _checked_view(x, bias, dim, out=out)
    tiles = Tiles.of(outer, channels, inner, x.element_size())
    return _launch(rows_kernel, planes_kernel, tiles, x, channels, inner, alpha)


def _launch(rows: Any, planes: Any, tiles: Tiles, x: Tensor, channels: int, inner: int, alpha: float) -> Launch:
    """The kernel for the tiles' kind, on x and what is addressed like it."""
    constants = {
        "FORM": math.form_of(alpha, 1.0, 1.0), "EVEN": tiles.are_even, "WIDE": is_wide(x.numel(), x),
        "num_warps": tiles.warps,
    }  # fmt: skip
    if tiles.kind == "rows":
        return Launch(
            rows, tiles.programs, x.device, tiles.height, tiles.width, parameter(alpha, x.dtype),
            INNER=inner, ROWS=tiles.down, COLUMNS=tiles.across, TRIPS=tiles.trips, **constants,
        )  # fmt: skip
    return Launch(
        planes, tiles.programs, x.device, tiles.height, channels, inner, parameter(alpha, x.dtype),
        PLANES=tiles.down, BLOCK=tiles.across, **constants,
    )  # fmt: skip


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

    The sums for `grad_bias` are taken in fp32 (fp64 for fp64) and have the same bits in every run. Layouts
    and errors as for `bias_elu_out`.
    """
    bias = bias.contiguous()
    stages = _bias_elu_backward((grad_output, x, bias, grad_x, grad_bias), alpha, dim)
    if stages.sums is None:
        stages.main(grad_output, x, bias, grad_x, grad_bias)
        return
    partial = torch.empty(stages.partials, dtype=stages.sum_dtype, device=x.device)
    stages.main(grad_output, x, bias, grad_x, partial)
    stages.sums(partial, grad_bias)


@dataclass(frozen=True)
class _Backward:
    """The launches of the backward. `main` writes grad_bias itself where there is one partial sum per channel."""

    main: Launch
    sums: Launch | None
    partials: int
    sum_dtype: torch.dtype


@kept
def _bias_elu_backward(tensors: tuple[Tensor, ...], alpha: float, dim: int) -> _Backward:
    grad_output, x, bias, grad_x, grad_bias = tensors
    check_tensors(grad_output=grad_output, x=x, bias=bias, grad_x=grad_x, grad_bias=grad_bias)
    outer, channels, inner = _checked_view(x, bias, dim, grad_output=grad_output, grad_x=grad_x)
    if grad_bias.shape != bias.shape or not grad_bias.is_contiguous():
        raise ValueError(f"grad_bias has to be contiguous, of shape {tuple(bias.shape)}")
    tiles = Tiles.of(outer, channels, inner, x.element_size(), has_sums=True)
    main = _launch(rows_backward_kernel, planes_backward_kernel, tiles, x, channels, inner, alpha)
    if tiles.kind == "planes":
        sums = _sum_partials(x.device, tiles.blocks * outer, channels, 1)
    elif tiles.chunks == 1 and inner == 1:  # the only partial sum is the sum
        sums = None
    else:
        sums = _sum_partials(x.device, tiles.chunks * inner, channels, inner)
    return _Backward(main, sums, tiles.partials, torch.float64 if x.dtype == torch.float64 else torch.float32)


def _sum_partials(device: torch.device, terms: int, channels: int, inner: int) -> Launch:
    across = power_of_2(channels, 1, tuning.SUM_CHANNELS)
    return Launch(
        sum_partials_kernel, triton.cdiv(channels, across), device, terms, channels,
        INNER=inner, WIDE=is_wide(terms * channels), TERMS=power_of_2(terms, 1, tuning.SUM_ELEMENTS // across),
        CHANNELS=across, num_warps=tuning.SUM_WARPS,
    )  # fmt: skip


def _checked_view(x: Tensor, bias: Tensor, dim: int, **others: Tensor) -> tuple[int, int, int]:
    """x as (outer, channels, inner), after checks of everything that is addressed like x."""
    check_bias(x, bias, dim)
    view = dense_view(x, dim)
    if view is None:
        raise ValueError("x has gaps or overlaps in its storage; give a dense one, as in x.contiguous()")
    for name, tensor in others.items():
        if tensor.shape != x.shape or not same_strides(x, tensor):
            raise ValueError(f"{name} has to have the shape and strides of x, {tuple(x.shape)} and {x.stride()}")
    return view


def check_bias(x: Tensor, bias: Tensor, dim: int) -> None:
    """Raise ValueError unless `bias` is 1-D and as long as dimension `dim` of `x`."""
    if x.dim() == 0 or not -x.dim() <= dim < x.dim():
        raise ValueError(f"dim={dim} is not a dimension of x, whose shape is {tuple(x.shape)}")
    if bias.dim() != 1 or bias.shape[0] != x.shape[dim]:
        raise ValueError(
            f"bias has shape {tuple(bias.shape)}, and dimension {dim} of x has {x.shape[dim]} elements; "
            f"give a bias of shape ({x.shape[dim]},)"
        )

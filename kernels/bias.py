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

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import math
from .launch import Launch, check_tensors, dense_view, is_wide, kept, parameter, power_of_2, same_strides

WARPS = 4
# Below so many elements per plane a tile of planes would be mostly mask, and partial sums would cost more
# traffic than 2% of what they sum.
_LEAST_PLANE = 64


@triton.jit
def rows_kernel(
    x_ptr, bias_ptr, out_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """out = elu(x + bias) for a tile of ROWS rows of channels·INNER columns."""
    row, column, inside = _tile(rows, columns, ROWS, COLUMNS, WIDE)
    bias = tl.load(bias_ptr + column // INNER, column < columns)
    index = row[:, None] * columns + column[None, :]
    x = tl.load(x_ptr + index, inside)
    total = math.widen(x) + math.widen(bias, False)[None, :]
    tl.store(out_ptr + index, math.elu_of(total, x.dtype, alpha, 1.0, 1.0, FORM), inside)


@triton.jit
def rows_backward_kernel(
    grad_ptr, x_ptr, bias_ptr, out_ptr, partial_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRIPS: tl.constexpr,
):  # fmt: skip
    """out = grad * elu'(x + bias) for TRIPS tiles, one below the other, and the sum of their columns."""
    blocks = tl.cdiv(columns, COLUMNS)
    chunk = tl.program_id(0) // blocks
    column = (tl.program_id(0) % blocks) * COLUMNS + tl.arange(0, COLUMNS)
    inside_columns = column < columns
    bias = math.widen(tl.load(bias_ptr + column // INNER, inside_columns), False)[None, :]
    total = tl.zeros((ROWS, COLUMNS), bias.dtype)
    for trip in range(TRIPS):
        row = (chunk * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & inside_columns[None, :]
        if WIDE:
            row = row.to(tl.int64)
        index = row[:, None] * columns + column[None, :]
        grad = tl.load(grad_ptr + index, inside, other=0.0)
        x = tl.load(x_ptr + index, inside, other=0.0)
        value = math.elu_gradient_at(math.widen(grad), math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM)
        tl.store(out_ptr + index, math.narrow(value, grad.dtype), inside)
        total += value
    sums = math.narrow(tl.sum(total, 0), partial_ptr.dtype.element_ty)
    # A partial sum stands for 128 rows, so its offset needs 64 bits only for tensors of some 10^11 elements.
    tl.store(partial_ptr + chunk.to(tl.int64) * columns + column, sums, inside_columns)


@triton.jit
def planes_kernel(
    x_ptr, bias_ptr, out_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = elu(x + bias) for BLOCK elements of PLANES planes."""
    plane, position, inside = _tile(planes, inner, PLANES, BLOCK, WIDE)
    bias = math.widen(tl.load(bias_ptr + plane % channels, plane < planes), False)[:, None]
    index = plane[:, None] * inner + position[None, :]
    x = tl.load(x_ptr + index, inside)
    value = math.elu_of(math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM)
    tl.store(out_ptr + index, value, inside)


@triton.jit
def planes_backward_kernel(
    grad_ptr, x_ptr, bias_ptr, out_ptr, partial_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = grad * elu'(x + bias) for BLOCK elements of PLANES planes, and the sum of each plane's."""
    plane, position, inside = _tile(planes, inner, PLANES, BLOCK, WIDE)
    bias = math.widen(tl.load(bias_ptr + plane % channels, plane < planes), False)[:, None]
    index = plane[:, None] * inner + position[None, :]
    grad = tl.load(grad_ptr + index, inside, other=0.0)
    x = tl.load(x_ptr + index, inside, other=0.0)
    value = math.elu_gradient_at(math.widen(grad), math.widen(x) + bias, x.dtype, alpha, 1.0, 1.0, FORM)
    tl.store(out_ptr + index, math.narrow(value, grad.dtype), inside)
    block = tl.program_id(0) % tl.cdiv(inner, BLOCK)
    tl.store(partial_ptr + block * planes + plane, tl.sum(value, 1), plane < planes)


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
def _tile(rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WIDE: tl.constexpr):
    """(rows, columns, mask) of this program's tile; programs go along the columns first."""
    blocks = tl.cdiv(columns, COLUMNS)
    row = (tl.program_id(0) // blocks) * ROWS + tl.arange(0, ROWS)
    column = (tl.program_id(0) % blocks) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (row < rows)[:, None] & (column < columns)[None, :]
    if WIDE:
        row = row.to(tl.int64)
    return row, column, inside


@dataclass(frozen=True)
class Tiles:
    """How (outer, channels, inner) is cut into programs."""

    kind: str  # "rows" or "planes"
    down: int  # rows, or planes, per tile
    across: int  # columns, or elements of a plane, per tile
    trips: int  # tiles that one program of the backward takes, one below the other

    @classmethod
    def of(cls, outer: int, channels: int, inner: int, item_bytes: int) -> Tiles:
        """One tile is two 16-byte accesses per thread and tensor, as wide as there are elements to take."""
        elements = WARPS * 32 * 2 * 16 // item_bytes
        if inner >= _LEAST_PLANE:
            across = power_of_2(inner, _LEAST_PLANE, elements)
            return cls("planes", elements // across, across, 1)
        across = power_of_2(channels * inner, 16, 256)
        down = elements // across
        # At least 128 rows per partial sum, where there are so many, keeps its traffic near 1%.
        return cls("rows", down, across, max(1, min(128 // down, triton.cdiv(outer, down))))


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
    constants = {"FORM": math.form_of(alpha, 1.0, 1.0), "WIDE": is_wide(x.numel(), x), "num_warps": WARPS}
    if tiles.kind == "rows":
        columns = channels * inner
        return Launch(
            rows_kernel, triton.cdiv(outer, tiles.down) * triton.cdiv(columns, tiles.across), x.device,
            outer, columns, parameter(alpha, x.dtype),
            INNER=inner, ROWS=tiles.down, COLUMNS=tiles.across, **constants,
        )  # fmt: skip
    planes = outer * channels
    return Launch(
        planes_kernel, triton.cdiv(planes, tiles.down) * triton.cdiv(inner, tiles.across), x.device,
        planes, channels, inner, parameter(alpha, x.dtype),
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
    tiles = Tiles.of(outer, channels, inner, x.element_size())
    constants = {"FORM": math.form_of(alpha, 1.0, 1.0), "WIDE": is_wide(x.numel(), x), "num_warps": WARPS}
    sum_dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    if tiles.kind == "rows":
        columns = channels * inner
        chunks = triton.cdiv(outer, tiles.down * tiles.trips)
        main = Launch(
            rows_backward_kernel, chunks * triton.cdiv(columns, tiles.across), x.device,
            outer, columns, parameter(alpha, x.dtype),
            INNER=inner, ROWS=tiles.down, COLUMNS=tiles.across, TRIPS=tiles.trips, **constants,
        )  # fmt: skip
        is_whole = chunks == 1 and inner == 1  # the only partial sum is the sum
        sums = None if is_whole else _sum_partials(x.device, chunks * inner, channels, inner)
        return _Backward(main, sums, chunks * columns, sum_dtype)
    planes, blocks = outer * channels, triton.cdiv(inner, tiles.across)
    main = Launch(
        planes_backward_kernel, triton.cdiv(planes, tiles.down) * blocks, x.device,
        planes, channels, inner, parameter(alpha, x.dtype),
        PLANES=tiles.down, BLOCK=tiles.across, **constants,
    )  # fmt: skip
    return _Backward(main, _sum_partials(x.device, blocks * outer, channels, 1), blocks * planes, sum_dtype)


def _sum_partials(device: torch.device, terms: int, channels: int, inner: int) -> Launch:
    across = power_of_2(channels, 1, 32)
    return Launch(
        sum_partials_kernel, triton.cdiv(channels, across), device, terms, channels,
        INNER=inner, WIDE=is_wide(terms * channels), TERMS=power_of_2(terms, 1, 1024 // across), CHANNELS=across,
        num_warps=WARPS,
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

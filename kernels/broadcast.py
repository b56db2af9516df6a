"""The kernels of activations of a tensor and a vector along one of its dimensions, as in elu(x + bias) and prelu.

Templates that an op fills with device functions. The storage of x is seen as (outer, channels, inner), the vector lying
along the middle: inner is 1 for Linear and for channels_last, and height·width for a contiguous convolution. Where
inner is small, rows of channels·inner elements are tiled ("rows"); where it is large, every plane of inner elements has
one number of the vector ("planes"). x is never copied: what is addressed like it is dense in the same order of
dimensions (contiguous, channels_last, transposed, …).

The gradient of the vector is summed in two stages without atomics, so it has the same bits in every run: each
program writes the sum of its tile to `partial`, and a second kernel sums those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import tuning
from .launch import Launch, kept, parameter
from .layout import check_tensors, check_vector, dense_view, is_wide, same_strides
from .primitives import narrow, widen
from .tiles import Tiles, power_of_2


@dataclass(frozen=True, eq=False)
class VectorFunctions:
    """The device functions of an activation, of blocks as they were loaded and a widened vector that broadcasts.

    Args:
        forward: (x, vector, *parameters) gives the result, of the type of x.
        gradient: (grad, x, vector, *parameters) gives grad times the derivative by x, of the type of grad, and grad
            times the derivative by the vector, not rounded.
    """

    forward: Any
    gradient: Any


Choose = Callable[..., VectorFunctions]  # by the values of the parameters


@triton.jit
def rows_kernel(
    x_ptr, vector_ptr, out_ptr, rows, columns, parameters,
    FUNCTION: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """out = FUNCTION(x, vector, *parameters) for a tile of ROWS rows of COLUMNS elements.

    EVEN: the tiles of all programs cover the tensor and nothing else.
    """
    chunk, first = _tile(columns, COLUMNS)
    column = tl.arange(0, COLUMNS)
    inside_columns = None if EVEN else first + column < columns
    vector = widen(_load(vector_ptr, first, column, inside_columns, INNER), False)[None, :]
    row = chunk * ROWS + tl.arange(0, ROWS)
    inside = None if EVEN else (row < rows)[:, None] & (first + column < columns)[None, :]
    row = row.to(tl.int64 if WIDE else tl.int32)
    start, along = (row * columns + first)[:, None], column[None, :]
    x = tl.load(x_ptr + start + along, inside)
    tl.store(out_ptr + start + along, FUNCTION(x, vector, *parameters), inside)


@triton.jit
def rows_backward_kernel(
    grad_ptr, x_ptr, vector_ptr, out_ptr, partial_ptr, rows, columns, parameters,
    FUNCTION: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRIPS: tl.constexpr,
):  # fmt: skip
    """out = the gradient of x for TRIPS tiles, one below the other, and the sums of the vector's in each column."""
    chunk, first = _tile(columns, COLUMNS)
    column = tl.arange(0, COLUMNS)
    inside_columns = None if EVEN else first + column < columns
    vector = widen(_load(vector_ptr, first, column, inside_columns, INNER), False)[None, :]
    total = tl.zeros((ROWS, COLUMNS), vector.dtype)
    for trip in range(TRIPS):
        row = (chunk * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
        inside = None if EVEN else (row < rows)[:, None] & (first + column < columns)[None, :]
        row = row.to(tl.int64 if WIDE else tl.int32)
        start, along = (row * columns + first)[:, None], column[None, :]
        grad = tl.load(grad_ptr + start + along, inside, other=None if EVEN else 0.0)
        x = tl.load(x_ptr + start + along, inside, other=None if EVEN else 0.0)
        value, term = FUNCTION(grad, x, vector, *parameters)
        tl.store(out_ptr + start + along, value, inside)
        total += term
    sums = narrow(tl.sum(total, 0), partial_ptr.dtype.element_ty)
    # A partial sum stands for 128 rows, so its offset needs 64 bits only for tensors of some 10^11 elements.
    tl.store(partial_ptr + chunk.to(tl.int64) * columns + first + column, sums, inside_columns)


@triton.jit
def planes_kernel(
    x_ptr, vector_ptr, out_ptr, planes, channels, inner, parameters,
    FUNCTION: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = FUNCTION(x, vector, *parameters) for BLOCK elements of PLANES planes. EVEN: tiles cover x and no more."""
    chunk, first = _tile(inner, BLOCK)
    plane, along = chunk * PLANES + tl.arange(0, PLANES), tl.arange(0, BLOCK)[None, :]
    inside = None if EVEN else (plane < planes)[:, None] & (first + along < inner)
    vector = widen(tl.load(vector_ptr + plane % channels, None if EVEN else plane < planes), False)[:, None]
    start = (plane.to(tl.int64 if WIDE else tl.int32) * inner + first)[:, None]
    x = tl.load(x_ptr + start + along, inside)
    tl.store(out_ptr + start + along, FUNCTION(x, vector, *parameters), inside)


@triton.jit
def planes_backward_kernel(
    grad_ptr, x_ptr, vector_ptr, out_ptr, partial_ptr, planes, channels, inner, parameters,
    FUNCTION: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = the gradient of x for BLOCK elements of PLANES planes, and the sum of the vector's in each plane."""
    chunk, first = _tile(inner, BLOCK)
    plane, along = chunk * PLANES + tl.arange(0, PLANES), tl.arange(0, BLOCK)[None, :]
    inside = None if EVEN else (plane < planes)[:, None] & (first + along < inner)
    inside_planes = None if EVEN else plane < planes
    vector = widen(tl.load(vector_ptr + plane % channels, inside_planes), False)[:, None]
    start = (plane.to(tl.int64 if WIDE else tl.int32) * inner + first)[:, None]
    grad = tl.load(grad_ptr + start + along, inside, other=None if EVEN else 0.0)
    x = tl.load(x_ptr + start + along, inside, other=None if EVEN else 0.0)
    value, term = FUNCTION(grad, x, vector, *parameters)
    tl.store(out_ptr + start + along, value, inside)
    tl.store(partial_ptr + first // BLOCK * planes + plane, tl.sum(term, 1), inside_planes)


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
    sums = narrow(tl.sum(total, 0), out_ptr.dtype.element_ty)
    tl.store(out_ptr + channel, sums, inside)


@triton.jit
def _load(vector_ptr, first, column, inside, INNER: tl.constexpr):
    """The vector at columns of channels·INNER; for INNER 1 at an address to which the column is a constant added."""
    if INNER == 1:
        vector = tl.load(vector_ptr + first + column, inside)
    else:
        vector = tl.load(vector_ptr + (first + column) // INNER, inside)
    return vector


@triton.jit
def _tile(columns, COLUMNS: tl.constexpr):
    """(which row of tiles, first column) of this program's tile; programs go along the columns first."""
    # Unsigned: a division of signed numbers takes ten instructions more. By tl.cast, since Triton makes an argument
    # of 1 a constant, which has no methods.
    blocks = (tl.cast(columns, tl.uint32) + (COLUMNS - 1)) // COLUMNS
    program = tl.program_id(0).to(tl.uint32)
    chunk = program // blocks
    return chunk.to(tl.int32), (program - chunk * blocks).to(tl.int32) * COLUMNS


@dataclass(frozen=True)
class Backward:
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


@kept
def forward(tensors: tuple[Tensor, ...], name: str, dim: int, choose: Choose, *parameters: float) -> Launch:
    """The launch for (x, vector, out), the vector being called `name` and lying along `dim` of x."""
    x, vector, out = tensors
    check_tensors(x=x, **{name: vector}, out=out)
    outer, channels, inner = _checked_view(x, name, vector, dim, out=out)
    tiles = Tiles.of(outer, channels, inner, x.element_size())
    function = choose(*parameters).forward
    return _launch(rows_kernel, planes_kernel, tiles, x, channels, inner, parameters, FUNCTION=function)


@kept
def backward(tensors: tuple[Tensor, ...], name: str, dim: int, choose: Choose, *parameters: float) -> Backward:
    """The launches for (grad_output, x, vector, grad_x, grad_vector). Sums are taken in fp32, or fp64 for fp64."""
    grad_output, x, vector, grad_x, grad_vector = tensors
    check_tensors(grad_output=grad_output, x=x, **{name: vector, "grad_x": grad_x, f"grad_{name}": grad_vector})
    outer, channels, inner = _checked_view(x, name, vector, dim, grad_output=grad_output, grad_x=grad_x)
    if grad_vector.shape != vector.shape or not grad_vector.is_contiguous():
        raise ValueError(f"grad_{name} has to be contiguous, of shape {tuple(vector.shape)}")
    tiles = Tiles.of(outer, channels, inner, x.element_size(), has_sums=True)
    kernels = rows_backward_kernel, planes_backward_kernel
    main = _launch(*kernels, tiles, x, channels, inner, parameters, FUNCTION=choose(*parameters).gradient)
    if tiles.kind == "planes":
        sums = _sum_partials(x.device, tiles.blocks * outer, channels, 1)
    elif tiles.chunks == 1 and inner == 1:  # the only partial sum is the sum
        sums = None
    else:
        sums = _sum_partials(x.device, tiles.chunks * inner, channels, inner)
    return Backward(main, sums, tiles.partials, torch.float64 if x.dtype == torch.float64 else torch.float32)


def _launch(
    rows: Any, planes: Any, tiles: Tiles, x: Tensor, channels: int, inner: int, parameters: tuple[float, ...],
    **constants: Any,
) -> Launch:  # fmt: skip
    """The kernel for the tiles' kind, on x and what is addressed like it."""
    constants |= {"EVEN": tiles.are_even, "WIDE": is_wide(x.numel(), x), "num_warps": tiles.warps}
    numbers = tuple(parameter(each, x.dtype) for each in parameters)
    if tiles.kind == "rows":
        if tiles.has_sums:
            constants["TRIPS"] = tiles.trips
        return Launch(
            rows, tiles.programs, x.device, tiles.height, tiles.width, numbers,
            INNER=inner, ROWS=tiles.down, COLUMNS=tiles.across, **constants,
        )  # fmt: skip
    return Launch(
        planes, tiles.programs, x.device, tiles.height, channels, inner, numbers,
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

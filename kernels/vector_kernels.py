"""The kernels for a tensor and a vector along one of its dimensions, the vector's gradient in the same pass.

The storage of x is seen as (outer, channels, inner), the vector lying along the middle: inner is 1 for Linear
and for channels_last, and height·width for a contiguous convolution. Where inner is small, rows of
channels·inner elements are tiled ("rows"); where it is large, every plane of inner elements has one number of the
vector ("planes"). What is computed of x and the vector is a FORM: forms.with_vector.

The gradient of the vector is summed in two stages without atomics, so it has the same bits in every run: each
program writes the sum of its tile to `partial`, and a second kernel sums those.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import triton
import triton.language as tl

from . import forms, tuning
from .launch import power_of_2
from .primitives import narrow, widen

# Below so many elements per plane a tile of planes would be mostly mask, and partial sums would cost more
# traffic than 2% of what they sum.
_LEAST_PLANE = 64


@triton.jit
def rows_kernel(
    x_ptr, vector_ptr, out_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRIPS: tl.constexpr,
):  # fmt: skip
    """out = FORM(x, vector) for TRIPS tiles, one below the other, of ROWS rows of channels·INNER columns.

    EVEN: the tiles of all programs cover the tensor and nothing else.
    """
    chunk, first = _tile(columns, COLUMNS)
    column = tl.arange(0, COLUMNS)
    inside_columns = None if EVEN else first + column < columns
    vector = widen(_load(vector_ptr, first, column, inside_columns, INNER), False)[None, :]
    for trip in range(TRIPS):
        row = (chunk * TRIPS + trip) * ROWS + tl.arange(0, ROWS)
        inside = None if EVEN else (row < rows)[:, None] & (first + column < columns)[None, :]
        row = row.to(tl.int64 if WIDE else tl.int32)
        start, along = (row * columns + first)[:, None], column[None, :]
        x = tl.load(x_ptr + start + along, inside)
        tl.store(out_ptr + start + along, forms.with_vector(x, vector, alpha, FORM), inside)


@triton.jit
def rows_backward_kernel(
    grad_ptr, x_ptr, vector_ptr, out_ptr, partial_ptr, rows, columns, alpha,
    FORM: tl.constexpr, INNER: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr,
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
        value, term = forms.gradient_with_vector(grad, x, vector, alpha, FORM)
        tl.store(out_ptr + start + along, value, inside)
        total += term
    sums = narrow(tl.sum(total, 0), partial_ptr.dtype.element_ty)
    # A partial sum stands for 128 rows, so its offset needs 64 bits only for tensors of some 10^11 elements.
    tl.store(partial_ptr + chunk.to(tl.int64) * columns + first + column, sums, inside_columns)


@triton.jit
def planes_kernel(
    x_ptr, vector_ptr, out_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = FORM(x, vector) for BLOCK elements of PLANES planes. EVEN: tiles cover nothing but the tensor."""
    chunk, first = _tile(inner, BLOCK)
    plane, along = chunk * PLANES + tl.arange(0, PLANES), tl.arange(0, BLOCK)[None, :]
    inside = None if EVEN else (plane < planes)[:, None] & (first + along < inner)
    vector = widen(tl.load(vector_ptr + plane % channels, None if EVEN else plane < planes), False)[:, None]
    start = (plane.to(tl.int64 if WIDE else tl.int32) * inner + first)[:, None]
    x = tl.load(x_ptr + start + along, inside)
    tl.store(out_ptr + start + along, forms.with_vector(x, vector, alpha, FORM), inside)


@triton.jit
def planes_backward_kernel(
    grad_ptr, x_ptr, vector_ptr, out_ptr, partial_ptr, planes, channels, inner, alpha,
    FORM: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, PLANES: tl.constexpr, BLOCK: tl.constexpr,
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
    value, term = forms.gradient_with_vector(grad, x, vector, alpha, FORM)
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
        work = tuning.vector(has_sums, item_bytes, outer * channels * inner)
        elements = work.elements(item_bytes)
        if inner >= _LEAST_PLANE:
            across = _across_plane(inner, elements)
            return cls("planes", outer * channels, inner, elements // across, across, 1, work.warps)
        width = channels * inner
        across = power_of_2(width, 16, min(elements, work.across))
        down = elements // across
        # So many tiles to a program as leave enough programs: they share its vector, its numbers and its partial sums.
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

"""Cuts a tensor and a vector along one of its dimensions into the tiles of programs."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import triton

from . import tuning

# Below so many elements per plane a tile of planes would be mostly mask, and partial sums would cost more
# traffic than 2% of what they sum.
_LEAST_PLANE = 64


@dataclass(frozen=True)
class Tiles:
    """How (outer, channels, inner) is cut into programs."""

    kind: str  # "rows" or "planes"
    height: int  # rows, or planes, of the tensor
    width: int  # elements of a row, or of a plane
    down: int  # rows, or planes, per tile
    across: int  # elements of each of them
    trips: int  # tiles that one program takes, one below the other; 1 without sums
    warps: int
    has_sums: bool

    @classmethod
    def of(cls, outer: int, channels: int, inner: int, item_bytes: int, has_sums: bool = False) -> Tiles:
        """How to cut for the forward, or, with `has_sums`, for the backward with its partial sums."""
        kind = "planes" if inner >= _LEAST_PLANE else "rows"
        work = tuning.vector(kind, has_sums, item_bytes, outer * channels * inner)
        elements = work.elements(item_bytes)
        if kind == "planes":
            across = _across_plane(inner, elements)
            return cls(kind, outer * channels, inner, elements // across, across, 1, work.warps, has_sums)
        width = channels * inner
        across = power_of_2(width, 16, min(elements, work.across))
        down = elements // across
        # So many tiles to a program as leave enough programs: they share its partial sums.
        tiles = triton.cdiv(outer, down) * triton.cdiv(width, across)
        trips = 2 ** round(log2(max(1.0, tiles / work.programs))) if has_sums else 1
        return cls(kind, outer, width, down, across, min(tuning.MOST_TRIPS, trips), work.warps, has_sums)

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


def power_of_2(value: int, least: int, most: int) -> int:
    """The least power of 2 that is not below `value`, kept between `least` and `most`."""
    return min(most, max(least, triton.next_power_of_2(max(1, value))))


def _across_plane(inner: int, elements: int) -> int:
    """The widest part of a plane for a tile, of those that leave least of their last one unused, within an eighth."""
    widths = [elements >> shift for shift in range(12) if elements >> shift >= _LEAST_PLANE]
    waste = {width: triton.cdiv(inner, width) * width / inner - 1.0 for width in widths}
    least = min(waste.values())
    return next(width for width in widths if waste[width] <= max(least, 0.125))

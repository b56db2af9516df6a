"""Block sizes and warps of a program, from a table with reasons. Nothing is searched at run time.

Chosen by what variants took on an H200 (`python -m tests.kernels.tile_times` times them, results/nvidia-h200/tiles has
its lines) and, where nothing was measured, by what the machine code costs per element (`elubench inspect`). A change is
one of the table, seen by everyone, and never the outcome of a search inside a timed region.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import triton

VECTOR_BYTES = 16  # of one global memory access of a thread, the widest that every architecture has
WARP = 32  # threads; AMD's 64 make the same program of half as many


@dataclass(frozen=True)
class Work:
    """`vectors` accesses of 16 bytes by each thread to each tensor of the main traffic, by `warps` warps.

    Where a tile has rows, it has at most `across` columns. Rows of a tile with sums are shared out to about `programs`
    programs: fewer would leave a part of a large device idle, and more would write more partial sums. Without sums
    every tile has a program of its own.
    """

    vectors: int
    warps: int = 4
    across: int = 0
    programs: int = 0

    def elements(self, item_bytes: int) -> int:
        return self.vectors * self.warps * WARP * VECTOR_BYTES // item_bytes


# (traffic mix, bytes per element) -> work. A program has some 20 instructions of its own for each thread (numbers,
# addresses, parameters), so more elements to a thread cost fewer instructions for each. Time is another matter: of 1,
# 2, 4 and 8 accesses a thread, an H200 was fastest with one, by 5% for elu and 1% for its gradient at (8192, 8192).
# Memory binds there, many small programs keep more of it in flight, and their loads and stores mix.
_TABLE = {
    ("1+1", 2): Work(1),
    ("1+1", 4): Work(1),
    ("1+1", 8): Work(2),  # fp64 is bound by arithmetic, and its numbers take two registers
    ("2+1", 2): Work(1),
    ("2+1", 4): Work(1),
    ("2+1", 8): Work(2),
}
# x and a vector along one dimension (elu(x + bias), prelu), and the backward, by (kind of tile, whether there are
# partial sums, bytes per element). Measured as above, by warps, columns and programs too.
_VECTOR = {
    # Every row costs an address, and every column a number of the vector, which the rows of a tile share. Tiles below
    # each other in one program would share it too, and cost 9% at (8192, 8192).
    ("rows", False, 2): Work(4, across=1024),
    ("rows", False, 4): Work(2, across=512),
    ("rows", False, 8): Work(2, across=256),
    # A column's partial sum stands for all rows of a program: tall tiles, and the least number of programs that fills
    # a large device, have the fewest to write. Wide ones take up to twice as long in 16 bits.
    ("rows", True, 2): Work(2, warps=8, across=64, programs=528),
    ("rows", True, 4): Work(8, across=64, programs=528),
    ("rows", True, 8): Work(2, across=128, programs=528),
    ("planes", False, 2): Work(2),
    ("planes", False, 4): Work(2),
    ("planes", False, 8): Work(2),
    ("planes", True, 2): Work(2),
    ("planes", True, 4): Work(2),
    ("planes", True, 8): Work(2),
}
MOST_TRIPS = 64  # tiles, one below the other, to one program

# The second stage: a program sums so many channels, a sector of 32 bytes of fp32 in each partial row, and so many
# numbers at a time, 32 to a thread, so that it waits for memory a few times only: there are few such programs.
SUM_CHANNELS, SUM_ELEMENTS, SUM_WARPS = 8, 4096, 4

# The same by architecture, where one needs its own. None does by what is known now: sm_80 to sm_120 have 64 Ki
# registers, and 4 warps of at most 64 registers are an eighth of them.
_BY_ARCH: dict[tuple[str, str, int], Work] = {}

# Below this many programs a tensor is cut smaller. 1024 programs of 4 warps are about 7 on each of the 132 to 148
# multiprocessors of the largest devices, which is half of what they can hold: enough to hide memory, in one wave. Where
# programs have sums to write, two on each are enough.
ENOUGH_PROGRAMS = 1024
ENOUGH_WITH_SUMS = 2 * 148


def elementwise(mix: str, item_bytes: int, elements: int, arch: str = "") -> Work:
    """Work for a dense pass over `elements` elements; mix: "1+1" or "2+1", the tensors read and written."""
    work = _BY_ARCH.get((arch, mix, item_bytes), _TABLE[mix, item_bytes])
    return _small_enough(work, item_bytes, elements, ENOUGH_PROGRAMS)


def vector(kind: str, has_sums: bool, item_bytes: int, elements: int) -> Work:
    """Work for a tile ("rows" or "planes") of x and a vector, or, with sums, for one of its backward, of `elements`."""
    enough = ENOUGH_WITH_SUMS if has_sums else ENOUGH_PROGRAMS
    return _small_enough(_VECTOR[kind, has_sums, item_bytes], item_bytes, elements, enough)


def _small_enough(work: Work, item_bytes: int, elements: int, enough: int) -> Work:
    """The work, or less of it to each of more programs."""
    while work.vectors > 1 and triton.cdiv(elements, work.elements(item_bytes)) < enough:
        work = replace(work, vectors=work.vectors // 2)
    return work

"""Block sizes and warps of a program, from a table with reasons. Nothing is searched at run time.

Chosen by what the machine code costs per element (`elubench inspect`). A device's own measurements may change a line;
a change is a change of the table, seen by everyone, and never the outcome of a search inside a timed region.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import triton

VECTOR_BYTES = 16  # of one global memory access of a thread, the widest that every architecture has
WARP = 32  # threads; AMD's 64 make the same program of half as many


@dataclass(frozen=True)
class Work:
    """`vectors` accesses of 16 bytes by each thread to each tensor of the main traffic, by `warps` warps.

    Where a tile has rows, it has at most `across` columns, and rows are shared out to about `programs` programs: by
    default three times what a large device holds at once. Fewer would end in a last wave that leaves most of it idle,
    and more would each have fewer rows to share a bias and a partial sum.
    """

    vectors: int
    warps: int = 4
    across: int = 0
    programs: int = 2048

    def elements(self, item_bytes: int) -> int:
        return self.vectors * self.warps * WARP * VECTOR_BYTES // item_bytes


# (traffic mix, bytes per element) -> work. A program has some 20 instructions of its own for each thread (numbers,
# addresses, parameters): the more elements they are spread over, the less each costs. What speaks against more is
# registers, since the compiler loads ahead all that it can, and programs too few to fill the device. Four warps leave
# the scheduler free to mix programs that load with programs that compute.
_TABLE = {
    # One tensor in, one out. 32 elements a thread cost 0.4 instructions less for each than 16, 64 only 0.15 less again.
    ("1+1", 2): Work(4),
    ("1+1", 4): Work(4),  # 16 elements: what the polynomial needs in constants is loaded once
    ("1+1", 8): Work(2),  # fp64 is bound by arithmetic, and its numbers take two registers
    # Two in, one out: as many bytes in flight, with fewer accesses to each.
    ("2+1", 2): Work(4),
    ("2+1", 4): Work(8),
    ("2+1", 8): Work(2),
}
# x and a vector along one dimension (elu(x + bias), prelu), and the backward, by (whether there are partial sums, bytes
# per element): every row costs an address, and every column a number of the vector, which stays in registers.
_VECTOR = {
    # Four accesses in one row share its address, or two, where numbers are wider.
    (False, 2): Work(8, across=4096),
    (False, 4): Work(4, across=1024),
    (False, 8): Work(2, across=256),
    # A column's partial sum stands for all rows of a program. At (8192, 8192) these are 128 in 16 bits and 64 in 32,
    # and writing and reading the sums is 1.04% more traffic; a wider tile has fewer rows. In 32 bits two accesses to a
    # row save an instruction of 16, and half the programs, which is one wave of them, give the rows back.
    (True, 2): Work(4, across=256),
    (True, 4): Work(4, across=1024, programs=1024),
    (True, 8): Work(2, across=128),
}
MOST_TRIPS = 64  # tiles, one below the other, to one program

# The second stage: a program sums so many channels, a sector of 32 bytes of fp32 in each partial row, and so many
# numbers at a time, 32 to a thread, so that it waits for memory a few times only: there are few such programs.
SUM_CHANNELS, SUM_ELEMENTS, SUM_WARPS = 8, 4096, 4

# The same by architecture, where one needs its own. None does by what is known now: sm_80 to sm_120 have 64 Ki
# registers, and 4 warps of at most 64 registers are an eighth of them.
_BY_ARCH: dict[tuple[str, str, int], Work] = {}

# Below this many programs a tensor is cut smaller. 1024 programs of 4 warps are about 7 on each of the 132 to 148
# multiprocessors of the largest devices, which is half of what they can hold: enough to hide memory, in one wave.
ENOUGH_PROGRAMS = 1024


def elementwise(mix: str, item_bytes: int, elements: int, arch: str = "") -> Work:
    """Work for a dense pass over `elements` elements; mix: "1+1" or "2+1", the tensors read and written."""
    return _small_enough(_BY_ARCH.get((arch, mix, item_bytes), _TABLE[mix, item_bytes]), item_bytes, elements)


def vector(has_sums: bool, item_bytes: int, elements: int) -> Work:
    """Work for a tile of x and a vector, or, with sums, for one of its backward, of `elements` in all."""
    return _small_enough(_VECTOR[has_sums, item_bytes], item_bytes, elements)


def _small_enough(work: Work, item_bytes: int, elements: int) -> Work:
    """The work, or less of it to each of more programs."""
    while work.vectors > 1 and triton.cdiv(elements, work.elements(item_bytes)) < ENOUGH_PROGRAMS:
        work = replace(work, vectors=work.vectors // 2)
    return work

"""How much one program does: block sizes and warps, from a table with reasons, and no search at run time.

Chosen by what the machine code costs per element (`elubench inspect`). A device's own measurements may change a line;
a change is a change of the table, seen by everyone, and never the outcome of a search inside a timed region.
"""

from __future__ import annotations

from dataclasses import dataclass

import triton

VECTOR_BYTES = 16  # of one global memory access of a thread, the widest that every architecture has
WARP = 32  # threads; AMD's 64 make the same program of half as many


@dataclass(frozen=True)
class Work:
    """`vectors` accesses of 16 bytes by each thread to each tensor of the main traffic, by `warps` warps."""

    vectors: int
    warps: int = 4

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
# The same by architecture, where one needs its own. None does by what is known now: sm_80 to sm_120 have 64 Ki
# registers, and 4 warps of at most 64 registers are an eighth of them.
_BY_ARCH: dict[tuple[str, str, int], Work] = {}

# Below this many programs a tensor is cut smaller. 1024 programs of 4 warps are about 7 on each of the 132 to 148
# multiprocessors of the largest devices, which is half of what they can hold: enough to hide memory, in one wave.
ENOUGH_PROGRAMS = 1024


def elementwise(mix: str, item_bytes: int, elements: int, arch: str = "") -> Work:
    """Work for a dense pass over `elements` elements; mix: "1+1" or "2+1", the tensors read and written."""
    work = _BY_ARCH.get((arch, mix, item_bytes), _TABLE[mix, item_bytes])
    vectors = work.vectors
    while vectors > 1 and triton.cdiv(elements, work.elements(item_bytes)) < ENOUGH_PROGRAMS:
        vectors //= 2
        work = Work(vectors, work.warps)
    return work

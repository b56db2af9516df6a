"""How often warps execute each line of machine code: what the machine runs is PTX, and a line is none or many of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.flow import Block
from harness.emulator.layout import WARP
from harness.emulator.observers import Observer
from harness.emulator.ptx import Instruction
from harness.emulator.sass.lift import Lifted
from harness.emulator.sass.reader import Target
from harness.emulator.spaces import Spaces


@dataclass(frozen=True)
class LineCounts:
    """Of each line of a listing, in order: warps that executed it; and threads in a warp, in the mean over all."""

    warps: tuple[int, ...]
    active_threads: float


class LineCounting(Observer):
    """Counts by lines. Both ways of a branch count for a warp that parts, each once.

    Where a warp's threads meet again (BSYNC), the line is executed by each part of it that arrives.
    """

    def __init__(self, lifted: Lifted) -> None:
        self._lifted = lifted
        self._warps: Counter[Block] = Counter()
        self._threads: Counter[Block] = Counter()
        self._taken: Counter[int] = Counter()  # by the instruction of a branch: warps with a thread that takes it
        self._passed: Counter[int] = Counter()  # and warps with one that does not

    def batch(self, spaces: Spaces, blocks: int) -> None:
        per_block = -(-spaces.threads // WARP)
        self._warp = spaces.block * per_block + spaces.thread // WARP

    def executed(self, block: Block, mask: Array) -> None:
        self._warps[block] += self._of(mask)
        self._threads[block] += int(np.count_nonzero(mask))

    def branched(self, instruction: Instruction, mask: Array, taken: Array) -> None:
        self._taken[instruction.index] += self._of(mask & taken)
        self._passed[instruction.index] += self._of(mask & ~taken)

    def _of(self, mask: Array) -> int:
        return int(np.unique(self._warp[mask]).size)

    def counts(self) -> LineCounts:
        """What was counted so far."""
        size = len(self._lifted.kernel.instructions)
        warps, threads = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
        for block, number in self._warps.items():
            warps[block.first : block.end] = number
            threads[block.first : block.end] = self._threads[block]
        # A line that is nothing in PTX is executed as often as the one behind it.
        places = [slice(first, max(stop, first + 1)) for first, stop in pairwise(self._lifted.starts)]
        found, at = ([int(each[place].max()) for place in places] for each in (warps, threads))
        for place, line in enumerate(self._lifted.listing.lines):
            if line.name == "BSYNC" and found[place]:
                found[place] = max(found[place], self._arriving(place, warps))
        return LineCounts(tuple(found), sum(at) / max(1, sum(found)))

    def _arriving(self, place: int, warps: Array) -> int:
        """Parts of warps that come to a line: from the one before it, and from branches."""
        lines, starts = self._lifted.listing.lines, self._lifted.starts
        labels = {name for name, where in self._lifted.listing.labels.items() if where == place}
        came = 0
        for source, line in enumerate(lines):
            last = starts[source + 1] - 1
            goes = any(isinstance(each, Target) and each.label in labels for each in line.operands)
            is_sure = last not in self._taken and last not in self._passed
            if goes and line.name == "BRA":
                came += int(warps[last]) if is_sure else self._taken[last]
            if source == place - 1 and last >= starts[source]:
                ends = line.name in ("BRA", "EXIT", "RET")
                came += self._passed[last] if not is_sure else 0 if ends else int(warps[last])
        return came

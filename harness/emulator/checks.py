"""Detects uninitialised reads, races in shared memory and blocks that write the same bytes (PTX ISA, section 8).

Accesses outside of every tensor and misaligned ones are noted by the memories themselves, since they cannot be made.
"""

from __future__ import annotations

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.faults import Faults
from harness.emulator.flow import Block
from harness.emulator.fresh import FreshTensors
from harness.emulator.layout import WARP
from harness.emulator.memory import Memory, Segment
from harness.emulator.observers import Access, Observer
from harness.emulator.ptx import SIZES, Kernel
from harness.emulator.spaces import Spaces


class Checks(Observer):
    """Notes reads of what nobody wrote, races in shared memory, and what two blocks of one launch write.

    Shared memory is looked at byte by byte: who wrote and who read it last, and in which epoch. An epoch ends for a
    block at a barrier, and for a warp at one of its own. Two accesses of one epoch by two threads, of which one
    writes, are a race.
    """

    def __init__(self, kernel: Kernel, memory: Memory, faults: Faults, fresh: FreshTensors) -> None:
        self._kernel, self._memory, self._fresh = kernel, memory, fresh
        self._grain = _least_store(kernel)
        self._owners: dict[int, Array] = {}  # of each grain of a segment, by its start: 1 + the block that wrote it
        self._spaces: Spaces | None = None
        self._ended: Array | None = None  # threads that are at a barrier of their warp

    def batch(self, spaces: Spaces, blocks: int) -> None:
        size = spaces.shared.data.size
        if self._spaces is None:
            lanes = spaces.thread.size
            self._spaces = spaces
            self._warp = spaces.block * (-(-spaces.threads // WARP)) + spaces.thread // WARP
            self._epoch, self._warp_epoch = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
            self._written = np.zeros(size, bool)
            self._by, self._when, self._when_in_warp = (np.full(size, -1, np.int64) for _ in range(3))
            self._reader, self._read, self._read_in_warp = (np.full(size, -1, np.int64) for _ in range(3))
        self._written[...] = False
        self._epoch += 1

    def executed(self, block: Block, mask: Array) -> None:
        if self._ended is not None:
            self._warp_epoch[self._ended] += 1
            self._ended = None
        last = self._kernel.instructions[block.end - 1]
        if last.name in ("bar", "barrier") and "warp" in last.modifiers:
            self._ended = np.flatnonzero(mask)

    def barrier(self, mask: Array) -> None:
        self._epoch[mask] += 1

    def accessed(self, access: Access) -> None:
        if access.space == "global":
            self._in_tensors(access)
        elif access.space == "shared":
            self._in_shared(access)

    def _in_tensors(self, access: Access) -> None:
        first, last = int(access.addresses.min()), int(access.addresses.max())
        segment = self._memory.segment(first)
        if segment is None or last + access.bytes > segment.end:
            return  # of several tensors, or outside of all, which is noted elsewhere
        if access.kind == "store":
            self._by_two_blocks(access, segment)
        if self._fresh.has(segment):
            self._of_fresh(access, segment)

    def _by_two_blocks(self, access: Access, segment: Segment) -> None:
        assert self._spaces is not None
        grain, start = self._grain, segment.start - segment.start % self._grain
        if segment.start not in self._owners:
            self._owners[segment.start] = np.zeros(-(-(segment.end - start) // grain), np.int32)
        owners = self._owners[segment.start]
        mine = (1 + self._spaces.first_block + self._spaces.block[access.lanes]).astype(np.int32)
        place = ((access.addresses - np.uint64(start)) // np.uint64(grain)).astype(np.int64)
        for step in range(max(1, access.bytes // grain)):
            where = place + step
            before = owners.take(where)
            # Two blocks of this very batch meet where what is read back is not what was written.
            owners[where] = mine
            others = np.flatnonzero(((before != 0) & (before != mine)) | (owners.take(where) != mine))
            if others.size:
                lane = others[0]
                other = before[lane] if before[lane] not in (0, mine[lane]) else owners[where[lane]]
                self._note("two blocks", access, others, f"block {other - 1} has written there")

    def _of_fresh(self, access: Access, segment: Segment) -> None:
        offsets = (access.addresses - np.uint64(segment.start)).astype(np.int64)
        if access.kind != "load":
            self._fresh.write(segment, offsets, access.bytes)
        if access.kind != "store":
            unwritten = np.flatnonzero(~self._fresh.written(segment, offsets, access.bytes))
            if unwritten.size:
                self._note("unwritten", access, unwritten)

    def _in_shared(self, access: Access) -> None:
        assert self._spaces is not None
        own = self._spaces.shared
        good = access.addresses + np.uint64(access.bytes) <= own.bytes
        lanes = access.lanes[good]
        start = self._spaces.block[lanes] * own.pitch + access.addresses[good].astype(np.int64)
        places = (start[:, None] + np.arange(access.bytes)).reshape(-1)
        who = np.repeat(lanes, access.bytes)
        if access.kind == "load":
            bad = ~self._written[places]
            if bad.any():
                self._note("unwritten", access, np.unique(np.flatnonzero(bad) // access.bytes))
        if access.kind == "atomic":  # these take turns
            self._written[places] = True
            return
        raced = self._conflicts(places, who, self._by, self._when, self._when_in_warp)
        if access.kind == "store":
            raced |= self._conflicts(places, who, self._reader, self._read, self._read_in_warp)
        if raced.any():
            which = np.flatnonzero(raced)
            other = self._by[places[which[0]]]
            detail = f"thread {self._spaces.thread[other]} has written it" if other >= 0 else ""
            self._note("race", access, np.unique(which // access.bytes), detail)
        if access.kind == "store":
            self._written[places] = True
            self._by[places], self._when[places] = who, self._epoch[who]
            self._when_in_warp[places] = self._warp_epoch[who]
        else:
            # Where many read, one stays on record: any other thread that writes meets it.
            known = (self._read[places] == self._epoch[who]) & (self._reader[places] != who)
            kept = np.where(known, self._reader[places], who)
            self._reader[places], self._read[places] = kept, self._epoch[who]
            self._read_in_warp[places] = self._warp_epoch[who]

    def _conflicts(self, places: Array, who: Array, other: Array, when: Array, in_warp: Array) -> Array:
        """Where another thread was in the same epoch."""
        same = when[places] == self._epoch[who]
        if not same.any():  # as behind a barrier
            return same
        before = other[places]
        same &= (before >= 0) & (before != who)
        if not same.any():
            return same
        ordered = (self._warp[before] == self._warp[who]) & (in_warp[places] != self._warp_epoch[who])
        return np.asarray(same & ~ordered)

    def _note(self, kind: str, access: Access, which: Array, detail: str = "") -> None:
        assert self._spaces is not None
        lane = int(access.lanes[which[0]])
        tensor, offset = self._spaces.name_at(access.space, int(access.addresses[which[0]]))
        self._spaces.fault(
            access.instruction, kind, tensor, lane, offset, access.bytes, access.kind != "load", detail, which.size
        )


def _least_store(kernel: Kernel) -> int:
    """Bytes of the smallest piece that the kernel stores, of which all others are multiples."""
    sizes = []
    for step in kernel.instructions:
        if step.name == "st" and step.types:
            count = next((int(each[1:]) for each in step.modifiers if each in ("v2", "v4", "v8")), 1)
            sizes.append(SIZES[step.types[-1]] * count)
    return min(sizes, default=1)

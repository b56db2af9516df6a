"""The state spaces of PTX: parameters, global memory (the tensors of a launch), shared and local memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.faults import Fault, Faults
from harness.emulator.memory import LOCAL, SHARED, WORDS, Memory, OwnMemory, Told
from harness.emulator.observers import Access, Observer
from harness.emulator.ptx import Instruction

_MOST_PARAMETERS = 32768  # bytes; section 5.1.6.1 allows 32764


class Spaces:
    """The memories of a batch of blocks. `block` and `thread` tell of each thread of the batch where it belongs."""

    def __init__(self, kernel: str, threads: int, blocks: int, shared_bytes: int, local_bytes: int) -> None:
        self.kernel, self.threads, self.blocks = kernel, threads, blocks
        self.block = np.repeat(np.arange(blocks), threads)  # in the batch
        self.thread = np.tile(np.arange(threads), blocks)  # in the block
        self.first_block = 0  # of the batch, in the grid
        self.parameters = np.zeros(_MOST_PARAMETERS, np.uint8)
        self.memory = Memory()
        self.shared = OwnMemory(blocks, shared_bytes)
        self.local = OwnMemory(threads * blocks, local_bytes)
        self.observers: Sequence[Observer] = ()
        self.faults = Faults()
        self._lanes = np.arange(threads * blocks)

    def begin(self, parameters: bytes, memory: Memory, observers: Sequence[Observer], faults: Faults) -> None:
        """A launch begins."""
        self.parameters[: len(parameters)] = np.frombuffer(parameters, np.uint8)
        self.memory, self.observers, self.faults = memory, observers, faults

    def batch(self, first: int, count: int) -> None:
        """`count` blocks begin, from the one of index `first`."""
        self.first_block = first
        self.shared.clear()
        for observer in self.observers:
            observer.batch(self, count)

    def load(self, step: Instruction, space: str, lanes: Array | None, addresses: Array, size: int) -> Array:
        """Words of `size` bytes (at most 16) for the threads `lanes` (all for None); 0 where there is none."""
        if space == "generic":
            return self._load_generic(step, self._all(lanes), addresses, size)
        self._tell(step, space, "load", lanes, addresses, size)
        told = self._teller(step, space, lanes, size, False)
        if space == "global":
            return self.memory.load(addresses, size, told)
        own = self._own(space)
        which, places = own.places(self._owners(space, lanes), addresses, size, told)
        words = own.words(size).take(places)
        if which.size == addresses.size:
            return words
        result = np.zeros(addresses.size, WORDS[size])
        result[which] = words
        return result

    def store(
        self, step: Instruction, space: str, lanes: Array | None, addresses: Array, values: Array, size: int
    ) -> None:
        """Write rows of `size` bytes."""
        words = values.reshape(-1).view(np.uint8).view(WORDS[size])
        if space == "generic":
            self._store_generic(step, self._all(lanes), addresses, words, size)
            return
        self._tell(step, space, "store", lanes, addresses, size)
        told = self._teller(step, space, lanes, size, True)
        if space == "global":
            self.memory.store(addresses, words, size, told)
            return
        own = self._own(space)
        which, places = own.places(self._owners(space, lanes), addresses, size, told)
        own.words(size)[places] = words[which]

    def locate(
        self, step: Instruction, space: str, lanes: Array, addresses: Array, size: int
    ) -> list[tuple[Array, Array, Array]]:
        """(words, which of the addresses, their places among the words), for atomics."""
        if space == "generic":
            found = []
            for part, which, moved in self._by_space(addresses):
                for words, some, places in self.locate(step, part, lanes[which], moved, size):
                    found.append((words, which[some], places))
            return found
        self._tell(step, space, "atomic", lanes, addresses, size)
        told = self._teller(step, space, lanes, size, True)
        if space == "global":
            return self.memory.locate(addresses, size, told)
        own = self._own(space)
        which, places = own.places(self._owners(space, lanes), addresses, size, told)
        return [(own.words(size), which, places)]

    def divergent(self, step: Instruction, lanes: Array) -> None:
        """Threads take a value from others that do not take part: what they get is not defined."""
        lane = int(lanes[0])
        self.fault(step, "divergent", "a register", lane, 0, 4, False, threads=lanes.size)

    def fault(
        self, step: Instruction, kind: str, tensor: str, lane: int, offset: int, size: int, is_store: bool,
        detail: str = "", threads: int = 1,
    ) -> None:  # fmt: skip
        block, thread = int(self.first_block + self.block[lane]), int(self.thread[lane])
        self.faults.add(
            step,
            Fault(
                kind, self.kernel, block, thread, tensor, offset, size, is_store, step.place, step.text, detail, threads
            ),
        )

    def name_at(self, space: str, address: int) -> tuple[str, int]:
        return self.memory.name_at(address) if space == "global" else (space, address)

    def _all(self, lanes: Array | None) -> Array:
        return self._lanes if lanes is None else lanes

    def _own(self, space: str) -> OwnMemory:
        return self.shared if space == "shared" else self.local

    def _owners(self, space: str, lanes: Array | None) -> Array:
        owners = self.block if space == "shared" else self._lanes
        return owners if lanes is None else owners[lanes]

    def _tell(self, step: Instruction, space: str, kind: str, lanes: Array | None, addresses: Array, size: int) -> None:
        if self.observers:
            access = Access(step, space, kind, self._all(lanes), addresses, size)
            for observer in self.observers:
                observer.accessed(access)

    def _teller(self, step: Instruction, space: str, lanes: Array | None, size: int, is_store: bool) -> Told:
        def tell(kind: str, which: Array, addresses: Array) -> None:
            tensor, offset = self.name_at(space, int(addresses[0]))
            lane = int(self._all(lanes)[which[0]])
            self.fault(step, kind, tensor, lane, offset, size, is_store, threads=which.size)

        return tell

    def _by_space(self, addresses: Array) -> list[tuple[str, Array, Array]]:
        """(space, which, addresses in it) of generic addresses."""
        local, shared = addresses >= np.uint64(LOCAL), addresses >= np.uint64(SHARED)
        found = []
        for space, mask, start in (
            ("local", local, LOCAL),
            ("shared", shared & ~local, SHARED),
            ("global", ~shared, 0),
        ):
            which = np.flatnonzero(mask)
            if which.size:
                found.append((space, which, addresses[which] - np.uint64(start)))
        return found

    def _load_generic(self, step: Instruction, lanes: Array, addresses: Array, size: int) -> Array:
        result = np.zeros(addresses.size, WORDS[size])
        for space, which, moved in self._by_space(addresses):
            result[which] = self.load(step, space, lanes[which], moved, size)
        return result

    def _store_generic(self, step: Instruction, lanes: Array, addresses: Array, words: Array, size: int) -> None:
        for space, which, moved in self._by_space(addresses):
            self.store(step, space, lanes[which], moved, words[which], size)

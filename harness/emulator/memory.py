"""The memory of a launch: its tensors at their addresses on the host, and shared and local memory of each block.

Nothing outside of them is ever touched: what a kernel reads there is 0, what it writes there is lost, and the access
is a fault.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.emulator.arithmetic import Array

if TYPE_CHECKING:
    from torch import Tensor

# A number of 16 bytes, moved in one piece: numpy copies it without a look at its bits.
WORDS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}
# Where generic addresses of shared and local memory begin: no host has memory there.
SHARED, LOCAL = 1 << 60, 1 << 61

Told = Callable[[str, Array, Array], None]  # ("outside" or "misaligned", which of the lanes, their addresses)


@dataclass(frozen=True)
class Extent:
    """A tensor's bytes, from its first element to its last."""

    name: str
    start: int
    bytes: int
    owner: Any = field(repr=False, compare=False)  # keeps the memory alive

    @property
    def end(self) -> int:
        return self.start + self.bytes


@dataclass
class Segment:
    """Memory without gaps: one tensor's, or that of several which overlap."""

    start: int
    data: Array  # bytes
    _views: dict[int, tuple[int, Array]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + self.data.size

    def words(self, size: int) -> tuple[int, Array]:
        """(the address of the first, all words of `size` bytes that lie at multiples of it)"""
        if size not in self._views:
            skipped = -self.start % size
            whole = max(0, (self.data.size - skipped) // size)
            self._views[size] = (self.start + skipped, self.data[skipped : skipped + whole * size].view(WORDS[size]))
        return self._views[size]


class Memory:
    """Global memory: the tensors that a launch may access."""

    def __init__(self) -> None:
        self.extents: list[Extent] = []
        self.segments: list[Segment] = []
        self._starts: list[int] = []

    def add(self, name: str, tensor: Tensor) -> None:
        """Let kernels access a tensor of the CPU, all bytes from its first element to its last.

        Raises ValueError for a tensor of another device.
        """
        if tensor.device.type != "cpu":
            raise ValueError(f"{name} is on {tensor.device}: the emulated GPU computes with tensors of the CPU")
        span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        size = 0 if tensor.numel() == 0 else span * tensor.element_size()
        self._insert(Extent(name, tensor.data_ptr(), size, tensor))

    def add_array(self, name: str, data: Array) -> None:
        self._insert(Extent(name, data.ctypes.data, data.nbytes, data))

    def _insert(self, extent: Extent) -> None:
        if extent.bytes == 0 or extent in self.extents:
            return
        self.extents.append(extent)
        merged: list[list[int]] = []
        for each in sorted(self.extents, key=lambda each: each.start):
            if merged and each.start < merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], each.end)
            else:
                merged.append([each.start, each.end])
        self.segments = [Segment(start, _host(start, end - start)) for start, end in merged]
        self._starts = [each.start for each in self.segments]

    def name_at(self, address: int) -> tuple[str, int]:
        """(the tensor, the offset in it) of an address; outside of all, of the nearest tensor."""
        if not self.extents:
            return "", address
        inside = [each for each in self.extents if each.start <= address < each.end]
        if inside:
            nearest = min(inside, key=lambda each: each.bytes)
        else:
            nearest = min(self.extents, key=lambda each: max(each.start - address, address - each.end + 1))
        return nearest.name, address - nearest.start

    def segment(self, address: int) -> Segment | None:
        """Where the address is, or the nearest memory below it."""
        index = bisect_right(self._starts, address) - 1
        return self.segments[index] if index >= 0 else None

    def load(self, addresses: Array, size: int, told: Told) -> Array:
        """Words of `size` bytes; 0 where there is none."""
        segment = self.segment(int(addresses[0]))
        if segment is not None:
            first, words = segment.words(size)
            places = _places(addresses, first, size, words.size)
            if places is not None:
                return words.take(places)
        result = np.zeros(addresses.size, WORDS[size])
        for words, which, places in self.locate(addresses, size, told):
            result[which] = words[places]
        return result

    def store(self, addresses: Array, values: Array, size: int, told: Told) -> None:
        """Write words; of several to one address, which of them stays is not said (here it is the last)."""
        segment = self.segment(int(addresses[0]))
        if segment is not None:
            first, words = segment.words(size)
            places = _places(addresses, first, size, words.size)
            if places is not None:
                words[places] = values
                return
        for words, which, places in self.locate(addresses, size, told):
            words[places] = values[which]

    def locate(self, addresses: Array, size: int, told: Told) -> list[tuple[Array, Array, Array]]:
        """(words, which of the addresses, their places among the words) for each segment that is met.

        It tells of the addresses that are in none, and of those that are no multiple of the size.
        """
        index = np.searchsorted(np.array(self._starts, np.uint64), addresses, side="right") - 1
        found = []
        good = np.zeros(addresses.size, bool)
        misaligned = (addresses & np.uint64(size - 1)) != 0
        for number in np.unique(index[index >= 0]):
            segment = self.segments[number]
            inside = (index == number) & (addresses - np.uint64(segment.start) + np.uint64(size) <= segment.data.size)
            good |= inside
            which = np.flatnonzero(inside & ~misaligned)
            if which.size:
                first, words = segment.words(size)
                places = ((addresses[which] - np.uint64(first)) // np.uint64(size)).astype(np.int64)
                found.append((words, which, places))
        for kind, bad in (("outside", ~good), ("misaligned", good & misaligned)):
            if bad.any():
                which = np.flatnonzero(bad)
                told(kind, which, addresses[which])
        return found


class OwnMemory:
    """Shared memory of the blocks of a batch, or local memory of its threads: `count` pieces of so many bytes."""

    def __init__(self, count: int, size: int) -> None:
        self.bytes = size
        self.pitch = -(-size // 16) * 16
        memory = np.zeros(count * self.pitch + 16, np.uint8)
        start = -memory.ctypes.data % 16
        self.data = memory[start : start + count * self.pitch]
        self._words = {each: self.data.view(WORDS[each]) for each in WORDS}

    def clear(self) -> None:
        self.data[...] = 0

    def places(self, owners: Array, addresses: Array, size: int, told: Told) -> tuple[Array, Array]:
        """(which accesses are good, their places among the words); it tells of the others."""
        outside = (addresses > np.uint64(max(0, self.bytes - size))) | (size > self.bytes)
        misaligned = (addresses & np.uint64(size - 1)) != 0
        for kind, bad in (("outside", outside), ("misaligned", misaligned & ~outside)):
            if bad.any():
                told(kind, np.flatnonzero(bad), addresses[bad])
        which = np.flatnonzero(~(outside | misaligned))
        places = (owners[which] * self.pitch + addresses[which].astype(np.int64)) // size
        return which, places

    def words(self, size: int) -> Array:
        return self._words[size]


def _places(addresses: Array, first: int, size: int, count: int) -> Array | None:
    """Which words, or None where one address is none of theirs."""
    offset = addresses - np.uint64(first)
    if count == 0 or np.maximum.reduce(offset) > (count - 1) * size:
        return None
    if size > 1 and np.bitwise_or.reduce(offset) & np.uint64(size - 1):
        return None
    return (offset >> np.uint64(size.bit_length() - 1)).view(np.int64)


def _host(start: int, size: int) -> Array:
    """The host's memory itself."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(start))


# A process that flushes subnormal numbers cannot stand for a device that does not.
if (np.array([1e-40], np.float32) * np.float32(1.0))[0] == 0:
    raise RuntimeError("this process flushes subnormal numbers to 0: call torch.set_flush_denormal(False) first")

"""Tracks uninitialised bytes of tensors: those of torch.empty, until PyTorch or a kernel writes them."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from harness.emulator.arithmetic import Array
from harness.emulator.memory import Memory, Segment

_EMPTY = {
    torch.empty, torch.empty_like, torch.empty_strided, torch.Tensor.new_empty, torch.Tensor.new_empty_strided,
    torch.empty_permuted,
}  # fmt: skip


@dataclass
class _Storage:
    """A storage of which some bytes are not written."""

    alive: Any  # a weak reference to it
    start: int
    written: Array  # of each byte
    version: int  # of the tensor when it was made: PyTorch counts what it writes


class FreshTensors(TorchFunctionMode):
    """While it is entered it sees what torch.empty and its like make; `mark` adds a tensor by hand."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, _Storage] = {}
        self._segments: dict[int, list[_Storage]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in _EMPTY and type(made) is Tensor and made.device.type == "cpu" and made.layout == torch.strided:
            self.mark(made)
        return made

    def mark(self, tensor: Tensor) -> None:
        """Nobody wrote this tensor's storage: its values are what was in memory."""
        if tensor.is_inference() or tensor.numel() == 0:
            return
        storage = tensor.untyped_storage()
        written = np.zeros(storage.nbytes(), bool)
        self._storages[storage.data_ptr()] = _Storage(
            weakref.ref(storage), storage.data_ptr(), written, tensor._version
        )

    def begin(self, memory: Memory) -> None:
        """A launch begins: which of its tensors are fresh, and not written by PyTorch since they were made."""
        self._segments = {}
        for extent in memory.extents:
            if not isinstance(extent.owner, Tensor):
                continue
            start = extent.owner.untyped_storage().data_ptr()
            found = self._storages.get(start)
            if found is None:
                continue
            if found.alive() is None or extent.owner._version != found.version or found.written.all():
                del self._storages[start]
                continue
            segment = memory.segment(extent.start)
            if segment is not None:
                self._segments.setdefault(segment.start, []).append(found)

    def has(self, segment: Segment) -> bool:
        return segment.start in self._segments

    def write(self, segment: Segment, offsets: Array, size: int) -> None:
        for storage, which, places in self._places(segment, offsets, size):
            for step in range(size):
                storage.written[places[which] + step] = True

    def written(self, segment: Segment, offsets: Array, size: int) -> Array:
        """Of each access whether all of its bytes are written."""
        good = np.ones(offsets.size, bool)
        for storage, which, places in self._places(segment, offsets, size):
            for step in range(size):
                good[which] &= storage.written[places[which] + step]
        return good

    def _places(self, segment: Segment, offsets: Array, size: int) -> list[tuple[_Storage, Array, Array]]:
        found = []
        for storage in self._segments[segment.start]:
            places = offsets + (segment.start - storage.start)
            which = np.flatnonzero((places >= 0) & (places + size <= storage.written.size))
            if which.size:
                found.append((storage, which, places))
        return found

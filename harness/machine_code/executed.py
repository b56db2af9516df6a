"""Executes one block of a noted launch on the emulated GPU, on tensors that take no memory where it does not go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.emulator.counts import Counting
from harness.emulator.driver import parameters, tensor_of
from harness.emulator.faults import Faults
from harness.emulator.layout import WARP
from harness.emulator.machine import DeadlockError, Program
from harness.emulator.memory import Memory
from harness.emulator.observers import Access, Observer
from harness.emulator.operands import Options
from harness.emulator.ptx import PtxError, UnsupportedInstruction
from harness.emulator.reader import parse
from harness.machine_code.driver import NotedLaunch
from harness.machine_code.known import Execution

_PAGE = 512  # bytes: data are made where they are read, so many at a time
_ALIGNMENT = 256  # of a tensor's first byte, as CUDA's allocations have it at least


class NotExecutedError(Exception):
    """The emulated GPU cannot execute a kernel; the message says why."""


def execute(launch: NotedLaunch, lines: Sequence[int | None]) -> Execution:
    """What the block in the middle of the grid executes: a full one, unless there is none.

    Tensors of floats hold random normal numbers, all others zeros. `lines` are those of the PTX that the launch's
    machine code comes from. Raises NotExecutedError.
    """
    if "ptx" not in launch.files:
        raise NotExecutedError("the emulated GPU runs PTX, and this architecture has none")
    if not any(lines):
        raise NotExecutedError("its machine code does not say which line of PTX it comes from")
    try:
        kernel = parse(launch.files["ptx"].read_text(encoding="utf-8"))
        memory, faults = Memory(), Faults()
        data = LaunchData()
        values = [(kind, data.address(value, memory)) for _, kind, value in launch.arguments]
        programs = math.prod(launch.grid)
        for size in launch.scratch_bytes:
            values.append(("i64", data.scratch(size * programs, memory) if size else 0))
        counting = Counting(kernel, memory)
        program = Program(kernel, launch.threads, 1, launch.shared_bytes, Options())
        middle = programs // 2
        program.run(
            launch.grid, parameters(kernel, values), memory, (data, counting), faults, range(middle, middle + 1)
        )
    except (UnsupportedInstruction, DeadlockError, PtxError, ValueError) as error:
        raise NotExecutedError(str(error)) from error
    return Execution(kernel, counting.counts(), launch.threads // WARP, lines)


class LaunchData(Observer):
    """The tensors of a launch. A page of them is filled when it is read first, so that large ones cost nothing."""

    def __init__(self) -> None:
        self._bases: dict[int, tuple[int, Tensor]] = {}  # by storage: (address, its bytes)
        self._floats: list[tuple[int, Tensor]] = []  # (address, elements)
        self._filled: set[int] = set()
        self._random = torch.Generator().manual_seed(0)

    def address(self, value: Any, memory: Memory) -> Any:
        """What a kernel is given for an argument: a tensor's address, or the number itself."""
        tensor = tensor_of(value)
        if tensor is None:
            return value
        storage = tensor.untyped_storage()
        key = int(storage._cdata)
        if key not in self._bases:
            start, data = self._allocate(f"tensor {len(self._bases)}", storage.nbytes(), memory)
            self._bases[key] = (start, data)
            if tensor.dtype.is_floating_point:
                size = tensor.element_size()
                self._floats.append((start, data[: data.numel() // size * size].view(tensor.dtype)))
        return self._bases[key][0] + tensor.storage_offset() * tensor.element_size()

    def elements(self, tensor: Tensor) -> Tensor:
        """What memory holds of a tensor that was given an address, as a flat tensor."""
        _, data = self._bases[int(tensor.untyped_storage()._cdata)]
        size = tensor.element_size()
        return data[: data.numel() // size * size].view(tensor.dtype)[tensor.storage_offset() :]

    def scratch(self, size: int, memory: Memory) -> int:
        return self._allocate("scratch", size, memory)[0]

    def _allocate(self, name: str, size: int, memory: Memory) -> tuple[int, Tensor]:
        room = np.zeros(size + _ALIGNMENT, np.uint8)  # of zeros that the system makes when they are touched
        skipped = -room.ctypes.data % _ALIGNMENT
        data = room[skipped : skipped + size]
        memory.add_array(name, data)
        return data.ctypes.data, torch.from_numpy(data)

    def accessed(self, access: Access) -> None:
        if access.space == "global" and access.kind == "load":
            for page in set(np.unique(access.addresses // _PAGE).tolist()) - self._filled:
                self._filled.add(page)
                self._fill(page * _PAGE)

    def _fill(self, start: int) -> None:
        for address, elements in self._floats:
            size = elements.element_size()
            first, stop = max(0, start - address) // size, max(0, start + _PAGE - address) // size
            if elements[first:stop].numel():
                elements[first:stop].normal_(generator=self._random)

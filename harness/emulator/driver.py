"""Triton's driver for the emulated GPU: compiles kernels for a real architecture, runs them on host tensors."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from harness.emulator.counts import Counting, Counts
from harness.emulator.faults import Fault, Faults
from harness.emulator.fresh import FreshTensors
from harness.emulator.layout import place
from harness.emulator.machine import Program
from harness.emulator.memory import Memory
from harness.emulator.observers import Observer
from harness.emulator.operands import Options
from harness.emulator.ptx import Kernel
from harness.emulator.reader import parse

# So many threads at once: numpy's cost per call is spread over them, and their registers still fit the cache.
LANES = 8192
_FORMATS = {"fp32": "<f", "f32": "<f", "fp64": "<d", "f64": "<d"}


class StandInDriver:
    """The part of Triton's driver interface that launching needs, for a `target` that no device stands behind.

    What is launched is for a subclass to say, in `launcher_cls`; `loaded` makes what stands for a function in a
    device's memory.
    """

    def __init__(self, target: GPUTarget, multiprocessors: int = 132) -> None:
        self.target = target
        properties = {
            "max_shared_mem": 1 << 20,  # what is too much for the device is said by occupancy, not here
            "multiprocessor_count": multiprocessors,
            "warpSize": target.warp_size,
            "max_num_regs": 65536,
            "sm_clock_rate": 0,
            "mem_clock_rate": 0,
            "mem_bus_width": 0,
        }
        self.utils = SimpleNamespace(load_binary=self._load, get_device_properties=lambda device: properties)

    @classmethod
    def is_active(cls) -> bool:
        return True

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        """A number for each target: Triton keeps by it what it compiled, and for which target it compiles."""
        return int(re.sub(r"\D", "", str(self.target.arch)) or 0)

    def set_current_device(self, device: int) -> None:
        pass

    def get_current_stream(self, device: int | None = None) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")

    def get_device_capability(self, device: int | None = None) -> tuple[int, int]:
        arch = self.target.arch
        return (arch // 10, arch % 10) if isinstance(arch, int) else (9, 4)

    def map_python_to_cpp_type(self, kind: str) -> str:
        return kind

    def get_benchmarker(self) -> Callable[..., Sequence[float]]:
        """Autotuning launches every configuration once, and takes the first."""

        def call_once(kernel_call: Callable[[], Any], *, quantiles: Sequence[float], **_: Any) -> list[float]:
            kernel_call()
            return [1.0] * len(quantiles)

        return call_once

    def get_empty_cache_for_benchmark(self) -> None:
        return None

    def clear_cache(self, cache: Any) -> None:
        pass

    def loaded(self) -> Any:
        return SimpleNamespace()

    def _load(self, name: str, binary: bytes, shared: int, device: int) -> tuple[Any, ...]:
        """(module, function, registers, spills, the most threads of a block), as a real driver gives them."""
        function = self.loaded()
        return function, function, 0, 0, 1024

    def launcher_cls(self, source: Any, metadata: Any) -> Callable[..., None]:
        raise NotImplementedError


@dataclass(frozen=True)
class EmulatedLaunch:
    """One kernel that was launched and run."""

    kernel: str
    grid: tuple[int, int, int]
    threads: int  # per block
    faults: tuple[Fault, ...]
    counts: Counts | None = None  # where they were asked for
    ptx: str = field(default="", repr=False)
    parameters: bytes = field(default=b"", repr=False)


class EmulatingDriver(StandInDriver):
    """Runs what is launched. `observers` makes the listeners of a launch: (kernel, memory) -> listeners."""

    def __init__(
        self, target: GPUTarget, options: Options, observers: Callable[[Kernel, Memory, Faults], Sequence[Observer]],
        fresh: FreshTensors,
    ) -> None:  # fmt: skip
        super().__init__(target)
        self._fresh = fresh
        self.launches: list[EmulatedLaunch] = []
        self.is_asked = False  # somebody began to launch, if only to fail at compiling
        self._options = options
        self._observers = observers
        self._programs: dict[tuple[Any, ...], Program] = {}
        self._known: list[tuple[str, Tensor]] = []

    def get_current_device(self) -> int:
        self.is_asked = True
        return super().get_current_device()

    def know(self, name: str, tensor: Tensor) -> None:
        """Let kernels access a tensor that reaches them as a bare address."""
        self._known.append((name, tensor))

    def unwritten(self, tensor: Tensor) -> None:
        """Say that nobody wrote this tensor yet, as torch.empty does by itself: a kernel that reads it is at fault."""
        self._fresh.mark(tensor)

    def launcher_cls(self, source: Any, metadata: Any) -> Callable[..., None]:
        names = list(source.fn.arg_names)
        kinds = list(source.signature.values())

        def launch(
            grid_x: int, grid_y: int, grid_z: int, stream: int, function: Any, packed: Any, launch_metadata: Any,
            enter: Any, leave: Any, *arguments: Any,
        ) -> None:  # fmt: skip
            if enter is not None:
                enter(launch_metadata)
            given = list(flat(names, kinds, arguments))
            # Triton keeps launchers for as long as the process lives: the driver of now may be another one.
            driver = triton.runtime.driver.active
            driver.launched(function, (grid_x, grid_y, grid_z), metadata, given)
            if leave is not None:
                leave(launch_metadata)

        return launch

    def launched(
        self, function: Any, grid: tuple[int, int, int], metadata: Any, given: list[tuple[str, str, Any]]
    ) -> None:
        """A kernel is launched on arguments of (name, type, value); `function` has the paths of what was compiled."""
        self.execute(grid, function.ptx, metadata, given)

    def execute(self, grid: tuple[int, int, int], text: str, metadata: Any, given: list[tuple[str, str, Any]]) -> None:
        """Run a kernel, its PTX as text, and note the launch.

        Raises UnsupportedInstruction, DeadlockError, PtxError, ValueError for an argument that no kernel can take here.
        """
        kernel = parse(text)
        memory, faults = Memory(), Faults()
        values = self.arguments(memory, grid, metadata, given)
        observers = self._observers(kernel, memory, faults)
        threads = metadata.num_warps * self.target.warp_size
        blocks = grid[0] * grid[1] * grid[2]
        given_bytes = parameters(kernel, values)
        if blocks:
            program = self._program(kernel, text, threads, blocks, metadata.shared)
            program.run(grid, given_bytes, memory, observers, faults)
        counts = next((each.counts() for each in observers if isinstance(each, Counting)), None)
        self.launches.append(EmulatedLaunch(kernel.name, grid, threads, faults.all(), counts, text, given_bytes))

    def arguments(
        self, memory: Memory, grid: tuple[int, int, int], metadata: Any, given: list[tuple[str, str, Any]]
    ) -> list[tuple[str, Any]]:
        """(type, number or address) of what a kernel is given and of its scratch; their tensors are added to memory."""
        for name, tensor in self._known:
            memory.add(name, tensor)
        values = []
        for name, kind, value in given:
            if (kept := tensor_of(value)) is not None:
                memory.add(name, kept)
                value = value.data_ptr()
            values.append((kind, value))
        for size in (metadata.global_scratch_size, metadata.profile_scratch_size):
            scratch = torch.zeros(max(1, size) * grid[0] * grid[1] * grid[2], dtype=torch.uint8) if size else None
            if scratch is not None:
                memory.add("scratch", scratch)
            values.append(("i64", 0 if scratch is None else scratch.data_ptr()))
        return values

    def _program(self, kernel: Kernel, text: str, threads: int, blocks: int, shared: int) -> Program:
        at_once = max(1, min(blocks, LANES // threads))
        key = (text, threads, at_once, shared)
        if key not in self._programs:
            if len(self._programs) >= 64:
                self._programs.pop(next(iter(self._programs)))
            self._programs[key] = Program(kernel, threads, at_once, shared, self._options)
        return self._programs[key]


def tensor_of(value: Any) -> Tensor | None:
    """The tensor that an argument is or stands for: Triton's and others' wrappers keep theirs as `base` or `_base`."""
    kept = (value, getattr(value, "base", None), getattr(value, "_base", None))
    return next((each for each in kept if isinstance(each, Tensor)), None)


def flat(names: list[str], kinds: list[Any], arguments: tuple[Any, ...]) -> Iterator[tuple[str, str, Any]]:
    """(name, type, value) of what a kernel takes while it runs: no constants; tuples one by one."""
    for name, kind, value in zip(names, kinds, arguments, strict=True):
        if isinstance(kind, tuple):
            yield from flat([f"{name}[{index}]" for index in range(len(kind))], list(kind), tuple(value))
        elif kind != "constexpr":
            yield name, kind, value


def parameters(kernel: Kernel, values: list[tuple[str, Any]]) -> bytes:
    """The parameters as bytes, of (type, number or address) each: the launch's, then the addresses of scratch.

    Raises ValueError for more values than the kernel has parameters.
    """
    offsets, size = place(kernel.parameters)
    data = bytearray(size)
    if len(values) - 2 > len(kernel.parameters):
        raise ValueError(f"{kernel.name} takes {len(kernel.parameters)} parameters, not {len(values)}")
    for parameter, (kind, value) in zip(kernel.parameters, values, strict=False):
        if kind.startswith(("tensordesc", "nvTmaDesc")):
            raise ValueError(f"{kernel.name} takes a tensor descriptor: the emulated GPU has no TMA")
        start = offsets[parameter.name]
        data[start : start + parameter.size] = _raw(kind, value, parameter.size)
    return bytes(data)


def _raw(kind: str, value: Any, size: int) -> bytes:
    if kind in _FORMATS:
        return struct.pack(_FORMATS[kind], value).ljust(size, b"\0")
    if kind in ("fp16", "f16"):
        return struct.pack("<e", value).ljust(size, b"\0")
    if kind == "bf16":
        (bits,) = struct.unpack("<I", struct.pack("<f", value))
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).to_bytes(size, "little")
    number = int(value) if value is not None else 0
    return (number % (1 << 8 * size)).to_bytes(size, "little")

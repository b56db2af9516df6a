"""A driver for Triton that needs no GPU: it compiles kernels for a target, and notes launches instead of running them.

Triton lets the driver be replaced (`triton.runtime.driver.set_active`), so nothing of a kernel's own way to its
launch is imitated: the values it specialises on, its options, autotuning and kept handles are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget


@dataclass(frozen=True)
class NotedLaunch:
    """One kernel as it was launched: its files of every stage, its grid and its tensors."""

    kernel: str
    files: Mapping[str, Path]  # by what they end in: "cubin", "ptx", "amdgcn", …
    threads: int  # per block
    shared_bytes: int  # per block
    programs: int
    tensors: tuple[Tensor, ...]
    constants: str  # the compile-time numbers, as text: what tells autotuned configurations apart


@dataclass
class _Loaded:
    """What stands for a function in a device's memory."""

    files: Mapping[str, Path]


class NotingDriver:
    """The part of Triton's driver interface that launching needs, for a `target` that no device stands behind."""

    def __init__(self, target: GPUTarget, multiprocessors: int) -> None:
        self._launches: list[NotedLaunch] = []
        self._target = target
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

    def take(self) -> list[NotedLaunch]:
        """What was launched since the last call."""
        taken, self._launches = self._launches, []
        return taken

    @classmethod
    def is_active(cls) -> bool:
        return True

    def get_current_target(self) -> GPUTarget:
        return self._target

    def get_current_device(self) -> int:
        return 0

    def set_current_device(self, device: int) -> None:
        pass

    def get_current_stream(self, device: int | None = None) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("meta")

    def get_device_capability(self, device: int | None = None) -> tuple[int, int]:
        arch = self._target.arch
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

    def _load(self, name: str, binary: bytes, shared: int, device: int) -> tuple[Any, ...]:
        """(module, function, registers, spills, the most threads of a block), as a real driver gives them."""
        loaded = _Loaded({})
        return loaded, loaded, 0, 0, 1024

    def launcher_cls(self, source: Any, metadata: Any) -> Callable[..., None]:
        constants = ", ".join(
            [f"{source.fn.arg_names[path[0]]}={value}" for path, value in source.constants.items() if len(path) == 1]
            + [f"num_warps={metadata.num_warps}"]
        )

        def note(grid_0: int, grid_1: int, grid_2: int, stream: int, function: _Loaded, *rest: Any) -> None:
            # Packed metadata, launch metadata and two hooks come before the kernel's own arguments.
            bases = (getattr(each, "base", each) for each in rest)  # of a tensor's descriptor, the tensor
            tensors = tuple(each for each in bases if isinstance(each, Tensor))
            programs = grid_0 * grid_1 * grid_2
            threads = metadata.num_warps * self._target.warp_size
            self._launches.append(
                NotedLaunch(metadata.name, function.files, threads, metadata.shared, programs, tensors, constants)
            )

        return note


@contextmanager
def noting(target: GPUTarget, multiprocessors: int) -> Iterator[NotingDriver]:
    """Within it, kernels are compiled for `target` when they are launched, and launches are noted."""
    driver = NotingDriver(target, multiprocessors)

    def keep_files(module: Any, function: _Loaded, name: str, metadata_group: Mapping[str, str], hash: str) -> None:
        function.files = {Path(path).suffix[1:]: Path(path) for path in metadata_group.values()}

    triton.runtime.driver.set_active(driver)
    triton.knobs.runtime.kernel_load_end_hook.add(keep_files)
    try:
        yield driver
    finally:
        triton.knobs.runtime.kernel_load_end_hook.remove(keep_files)

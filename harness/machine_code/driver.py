"""A driver for Triton that needs no GPU: it compiles kernels for a target, and notes launches instead of running them.

Triton lets the driver be replaced (`triton.runtime.driver.set_active`), so nothing of a kernel's own way to its
launch is imitated: the values it specialises on, its options, autotuning and kept handles are the real ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from harness.emulator.driver import StandInDriver, flat, tensor_of


@dataclass(frozen=True)
class NotedLaunch:
    """One kernel as it was launched: its files of every stage, its grid and its tensors."""

    kernel: str
    files: Mapping[str, Path]  # by what they end in: "cubin", "ptx", "amdgcn", …
    threads: int  # per block
    shared_bytes: int  # per block
    grid: tuple[int, int, int]
    arguments: tuple[tuple[str, str, Any], ...]  # (name, type, value) of what it takes while it runs
    scratch_bytes: tuple[int, ...]  # of global memory that each block is given, for itself and for a profiler
    constants: str  # the compile-time numbers, as text: what tells autotuned configurations apart

    @property
    def programs(self) -> int:
        return math.prod(self.grid)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        bases = (tensor_of(value) for _, _, value in self.arguments)  # of a tensor's descriptor, the tensor
        return tuple(each for each in bases if each is not None)


class NotingDriver(StandInDriver):
    """Compiles what is launched for its target, and notes the launch."""

    def __init__(self, target: GPUTarget, multiprocessors: int) -> None:
        super().__init__(target, multiprocessors)
        self._launches: list[NotedLaunch] = []

    def take(self) -> list[NotedLaunch]:
        """What was launched since the last call."""
        taken, self._launches = self._launches, []
        return taken

    def get_active_torch_device(self) -> torch.device:
        return torch.device("meta")

    def launcher_cls(self, source: Any, metadata: Any) -> Callable[..., None]:
        constants = ", ".join(
            [f"{source.fn.arg_names[path[0]]}={value}" for path, value in source.constants.items() if len(path) == 1]
            + [f"num_warps={metadata.num_warps}"]
        )

        names, kinds = list(source.fn.arg_names), list(source.signature.values())

        def note(
            grid_x: int, grid_y: int, grid_z: int, stream: int, function: Any, packed: Any, launch_metadata: Any,
            enter: Any, leave: Any, *arguments: Any,
        ) -> None:  # fmt: skip
            threads = metadata.num_warps * self.target.warp_size
            given = tuple(flat(names, kinds, arguments))
            scratch = tuple(getattr(metadata, name, 0) for name in ("global_scratch_size", "profile_scratch_size"))
            grid = (grid_x, grid_y, grid_z)
            self._launches.append(
                NotedLaunch(metadata.name, function.files, threads, metadata.shared, grid, given, scratch, constants)
            )

        return note


@contextmanager
def noting(target: GPUTarget, multiprocessors: int) -> Iterator[NotingDriver]:
    """Within it, kernels are compiled for `target` when they are launched, and launches are noted."""
    driver = NotingDriver(target, multiprocessors)

    def keep_files(module: Any, function: Any, name: str, metadata_group: Mapping[str, str], hash: str) -> None:
        function.files = {Path(path).suffix[1:]: Path(path) for path in metadata_group.values()}

    triton.runtime.driver.set_active(driver)
    triton.knobs.runtime.kernel_load_end_hook.add(keep_files)
    try:
        yield driver
    finally:
        triton.knobs.runtime.kernel_load_end_hook.remove(keep_files)

"""A driver for Triton that needs no GPU: it compiles kernels for a target, and notes launches instead of running them.

Triton lets the driver be replaced (`triton.runtime.driver.set_active`), so nothing of a kernel's own way to its
launch is imitated: the values it specialises on, its options, autotuning and kept handles are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget

from harness.emulator.driver import StandInDriver


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

        def note(grid_0: int, grid_1: int, grid_2: int, stream: int, function: Any, *rest: Any) -> None:
            # Packed metadata, launch metadata and two hooks come before the kernel's own arguments.
            bases = (getattr(each, "base", each) for each in rest)  # of a tensor's descriptor, the tensor
            tensors = tuple(each for each in bases if isinstance(each, Tensor))
            programs = grid_0 * grid_1 * grid_2
            threads = metadata.num_warps * self.target.warp_size
            self._launches.append(
                NotedLaunch(metadata.name, function.files, threads, metadata.shared, programs, tensors, constants)
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

"""Triton with scripted GPUs: kernels are compiled for sm_90, launched there, and run by the emulated GPU when seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

from harness.emulator.driver import EmulatingDriver
from harness.emulator.fresh import FreshTensors
from harness.emulator.operands import Options
from tests.harness.scripted_gpu import torch_side
from tests.harness.scripted_gpu.devices import Work, current, gpu, values

_OUTPUTS = ("out", "partial")  # how the names of pointers begin that a kernel writes to


class ScriptedDriver(EmulatingDriver):
    """Triton's driver of the current GPU."""

    def __init__(self) -> None:
        super().__init__(GPUTarget("cuda", 90, 32), Options("nearest"), lambda *_: (), FreshTensors())
        self._sizes: dict[tuple[str, str], int] = {}  # of what a kernel is given, by its name and the parameter's

    def get_current_device(self) -> int:
        return current.index

    def set_current_device(self, device: int) -> None:
        current.index = device

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cuda", current.index)

    def launched(self, function: Any, grid: Any, metadata: Any, given: list[tuple[str, str, Any]]) -> None:
        with torch._C.DisableTorchFunction():
            self._launched(function, grid, metadata, given)

    def _launched(self, function: Any, grid: Any, metadata: Any, given: list[tuple[str, str, Any]]) -> None:
        cuda, pointers, arguments = gpu(), {}, []
        for name, kind, value in given:
            if isinstance(value, torch.Tensor):
                self._sizes[function.name, name] = value.nbytes
                value = value.data_ptr()
            if kind.startswith("*"):
                pointers[name] = value
            arguments.append((name, kind, value))
        storages = {name: _storage(address) for name, address in pointers.items()}
        if any(each is None or each.cuda != current.index for each in storages.values()):
            cuda.check()
            cuda.error = "an illegal memory access was encountered"
            return
        memory = {each.data_ptr(): each for each in storages.values()}
        touched, reads, writes = {}, [], []
        for name, address in pointers.items():
            size, is_out = self._sizes[function.name, name], name.startswith(_OUTPUTS)
            touched[f"{address}.{'out' if is_out else 'x'}"] = size
            (writes if is_out else reads).append((address, size))
        work = Work(partial(self._run, function.ptx, grid, metadata, arguments, memory), tuple(reads), tuple(writes))
        key = (id(function), grid, tuple(value for *_, value in arguments))
        cuda.launch(f"triton {function.name} {id(function)}", touched, partial(values.later, key, work))

    def _run(self, ptx: str, grid: Any, metadata: Any, arguments: Any, memory: dict[int, Any]) -> None:
        self._known = [(str(at), torch.empty(0, dtype=torch.uint8).set_(storage)) for at, storage in memory.items()]
        self.execute(grid, ptx, metadata, arguments)
        self.launches.clear()


def _storage(address: int) -> Any:
    """The memory of a GPU that an address lies in."""
    for start, found in list(torch_side.storages.items()):
        storage = found()
        if storage is None:
            del torch_side.storages[start]
        elif start <= address < start + max(1, storage.nbytes()):
            return storage
    return None


def _keep(module: Any, function: Any, name: str, metadata_group: Mapping[str, str], hash: str) -> None:
    function.name = name
    function.ptx = next(Path(path) for path in metadata_group.values() if path.endswith(".ptx")).read_text("utf-8")


def install() -> None:
    """Put the scripted GPUs behind Triton."""
    triton.runtime.driver.set_active(ScriptedDriver())
    triton.knobs.runtime.kernel_load_end_hook.add(_keep)

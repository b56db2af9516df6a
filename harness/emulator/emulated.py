"""The interface of the emulated GPU: a context manager in which Triton's kernels run on tensors of the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import triton
from triton.backends.compiler import GPUTarget

from harness.emulator.checks import Checks
from harness.emulator.counts import Counting
from harness.emulator.driver import EmulatingDriver
from harness.emulator.faults import Faults
from harness.emulator.fresh import FreshTensors
from harness.emulator.memory import Memory
from harness.emulator.observers import Observer
from harness.emulator.operands import Options
from harness.emulator.ptx import Kernel

ARCH = "sm_90"  # what kernels are compiled for where nobody says it
End = Literal["nearest", "low", "high"]


@contextmanager
def emulated(
    arch: str = ARCH, ex2: End = "nearest", checks: bool = True, counts: bool = False
) -> Iterator[EmulatingDriver]:
    """Within it `kernel[grid](...)` compiles for `arch` and runs on tensors of the CPU; `.launches` says what ran.

    The process must have imported its kernels without TRITON_INTERPRET=1. What one launch reads and writes must not be
    touched by others meanwhile.

    Args:
        arch: "sm_80", "sm_90", "sm_100", "sm_120", …
        ex2: where in the ISA's bound the results of ex2 and the other approximations lie.
        checks: note what is read before it was written, races in shared memory, and what two blocks write. Accesses
            outside of every tensor and misaligned ones are noted always: they are never made.
        counts: count instructions, bytes, sectors and bank conflicts.

    Raises ValueError for an architecture that is not NVIDIA's.
    """
    if not arch.startswith("sm_") or not arch[3:].isdigit():
        raise ValueError(f"the emulated GPU runs PTX, which is for architectures like sm_90, not {arch}")

    fresh = FreshTensors()

    def observers(kernel: Kernel, memory: Memory, faults: Faults) -> Sequence[Observer]:
        fresh.begin(memory)
        return [
            *([Checks(kernel, memory, faults, fresh)] if checks else []),
            *([Counting(kernel, memory)] if counts else []),
        ]

    driver = EmulatingDriver(GPUTarget("cuda", int(arch[3:]), 32), Options(ex2), observers, fresh)
    with active(driver), fresh if checks else nullcontext():
        yield driver


@contextmanager
def active(driver: EmulatingDriver) -> Iterator[None]:
    """Within it Triton launches by this driver; what it loads keeps its PTX and the path of its machine code."""

    def keep(module: Any, function: Any, name: str, metadata_group: Mapping[str, str], hash: str) -> None:
        paths = {Path(path).suffix: Path(path) for path in metadata_group.values()}
        function.ptx, function.cubin = paths[".ptx"].read_text(encoding="utf-8"), paths[".cubin"]

    config = triton.runtime.driver
    before = config._active
    config.set_active(driver)
    triton.knobs.runtime.kernel_load_end_hook.add(keep)
    try:
        yield
    finally:
        triton.knobs.runtime.kernel_load_end_hook.remove(keep)
        config._active = before

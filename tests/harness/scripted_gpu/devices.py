"""The scripted GPUs of a process, as the environment has them, and what of their values is still to be computed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.harness.scripted_device import ScriptedCuda

VARIABLE = "TESTS_SCRIPTED_GPU"  # the script, as JSON


@dataclass(frozen=True)
class Script:
    """What the GPUs of a test are like."""

    count: int = 1
    l2_bytes: int = 2**17
    kernel_s: float = 30e-6  # so that graphs of 5 ms are small
    memory_bytes: int = 2**31
    free_bytes: int = 2**31  # of it: others may have the rest
    slowdown: float = 1.0
    reasons: int = 0  # NVML's bits of what slows it down


SCRIPT = Script()
FIRST = 0  # the GPU that this process has as 0
GPUS: list[ScriptedCuda] = []
current = SimpleNamespace(index=0)


def begin() -> None:
    """The GPUs as the environment has them now: a process that begins in a warm one has another script."""
    global SCRIPT, FIRST
    SCRIPT = Script(**json.loads(os.environ.get(VARIABLE, "{}")))
    FIRST = int((os.environ.get("CUDA_VISIBLE_DEVICES") or "0").partition(",")[0])
    GPUS[:] = [_gpu(SCRIPT) for _ in range(SCRIPT.count)]


def _gpu(script: Script) -> ScriptedCuda:
    cuda = ScriptedCuda(l2_bytes=script.l2_bytes, kernel_s=script.kernel_s, slowdown=lambda time_s: script.slowdown)
    cuda.free_bytes = min(script.free_bytes, script.memory_bytes)
    return cuda


begin()


def gpu() -> ScriptedCuda:
    """The current one."""
    return GPUS[current.index]


def properties(index: int) -> SimpleNamespace:
    """As torch.cuda.get_device_properties has them."""
    return SimpleNamespace(
        name=f"Scripted {FIRST + index}", L2_cache_size=SCRIPT.l2_bytes, total_memory=SCRIPT.memory_bytes,
        multi_processor_count=100, major=9, minor=0, uuid=f"scripted-{FIRST + index}",
    )  # fmt: skip


Place = tuple[Any, ...]  # an address, and how much of what is there


@dataclass(frozen=True)
class Work:
    """What a kernel does to values. Done again on the same inputs, it gives the same."""

    do: Callable[[], object]
    reads: tuple[Place, ...]
    writes: tuple[Place, ...]


@dataclass
class Values:
    """What kernels are still to do: it is done when somebody looks, and what nobody sees is not done at all.

    So a kernel that is launched a thousand times on the same tensors is computed once.
    """

    MOST = 2048
    _left: dict[Any, Work] = field(default_factory=dict)

    def later(self, key: Any, work: Work) -> None:
        self._left.pop(key, None)
        self._left[key] = work
        if len(self._left) > self.MOST:
            self.settle()

    def settle(self) -> None:
        """Do what is left, but for what is written over before it is read."""
        overwritten: set[Place] = set()
        seen = []
        for work in reversed(self._left.values()):
            if not work.writes or not overwritten.issuperset(work.writes):
                seen.append(work)
                overwritten.update(work.writes)
                overwritten.difference_update(work.reads)
        self._left.clear()
        for work in reversed(seen):
            work.do()


values = Values()

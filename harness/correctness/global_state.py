"""Reads and restores the process-wide state that every time depends on: threads, default dtype, grad mode and the like.

A provider's code runs in the process that measures everybody. `torch.set_num_threads(1)` in one provider would slow
down all of them, and the roofs, with no mark. So the state is read before any provider's code is loaded, looked at
again after its import and its calls, and put back.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from harness.device import l2

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
# Halved, it is a subnormal fp32 number, or 0 where the processor was told to flush those.
_LEAST_NORMAL = torch.tensor(torch.finfo(torch.float32).tiny)


@dataclass(frozen=True)
class ProcessSetting:
    """One thing that code can set for the whole process: what it is called, how it is read and how it is set."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _set_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _flushes_subnormals() -> bool:
    return not bool(_LEAST_NORMAL * 0.5)


SETTINGS = (
    ProcessSetting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    ProcessSetting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ProcessSetting("torch's default device", torch.get_default_device, lambda _: torch.set_default_device(None)),
    ProcessSetting("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    ProcessSetting(
        "torch's deterministic algorithms",
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        _set_deterministic,
    ),
    ProcessSetting(
        "torch's precision of fp32 products",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    ProcessSetting("torch's seed", torch.initial_seed, torch.manual_seed),
    ProcessSetting("the carve-out of the GPU's L2", l2.carve_out_bytes, l2.set_carve_out),
    ProcessSetting("the processor's flush of subnormal numbers", _flushes_subnormals, torch.set_flush_denormal),
    *(
        ProcessSetting(
            f"the handler of {each.name}",
            partial(signal.getsignal, each),
            partial(signal.signal, each),
        )
        for each in _SIGNALS
    ),
)


class GlobalState:
    """The settings as they were when this was made."""

    def __init__(self) -> None:
        self._values = [setting.read() for setting in SETTINGS]

    def put_back(self) -> list[str]:
        """Set again what has changed since; its names."""
        changed = []
        for setting, value in zip(SETTINGS, self._values, strict=True):
            if setting.read() != value:
                setting.write(value)
                changed.append(setting.name)
        return changed

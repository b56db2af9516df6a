"""Warm: a call that finds its data in the last-level cache, on purpose, as right after the layer that made it.

One buffer set is used again and again; on a GPU in a CUDA graph, since such calls are short.
"""

from __future__ import annotations

from typing import Any

from harness.device.devices import Device
from harness.store.vocabulary import Flag, Regime
from harness.timing.clocks import Clock, CpuClock
from harness.timing.regimes.graph import captured
from harness.timing.regimes.setting import Setting, mib
from harness.timing.sampler import Calls


def sets(working_set_bytes: int, device: Device) -> int:
    return 1


def setting(calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None) -> Setting:
    fits = working_set_bytes <= device.last_level_cache_bytes
    why = (
        f"one buffer set of {mib(working_set_bytes)}, again and again: "
        f"it {'fits into' if fits else 'exceeds'} the last-level cache of {mib(device.last_level_cache_bytes)}"
    )
    one_set: Calls = {name: bound[:1] for name, bound in calls.items()}
    clock: Clock = CpuClock()
    calls_per_sample: dict[str, int] = {}
    if device.kind == "cuda":
        clock, batches = captured(one_set, device, cuda)
        one_set = {name: [batch] for name, batch in batches.items()}
        calls_per_sample = {name: batch.calls for name, batch in batches.items()}
    flags = () if fits else (Flag.NOT_RESIDENT,)
    return Setting(Regime.WARM, why, one_set, clock, 1, flags=flags, calls_per_sample=calls_per_sample)

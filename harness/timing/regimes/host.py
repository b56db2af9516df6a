"""Host: what a call costs its caller, from Python until the launch returns. Most of the time of a small layer."""

from __future__ import annotations

from typing import Any

from harness.device.devices import Device
from harness.store.vocabulary import Regime
from harness.timing.clocks import HostClock
from harness.timing.regimes.setting import NotPossible, Setting
from harness.timing.sampler import Calls


def sets(working_set_bytes: int, device: Device) -> int:
    return 1


def setting(calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None) -> Setting:
    if device.kind != "cuda":
        raise NotPossible("on a CPU the call is the computation: there is no launch to be timed apart from it")
    why = "the wall time of the call, on a device that has nothing queued"
    first = {name: bound[:1] for name, bound in calls.items()}
    return Setting(Regime.HOST, why, first, HostClock(device.torch_device, cuda), 1)

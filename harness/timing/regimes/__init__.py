"""Regimes: the cache and launch conditions of a timing. Each has its own file; `choose` picks the one for a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.device.devices import Device
from harness.store.vocabulary import AUTO, Flush, Regime
from harness.timing.clocks import CudaClock
from harness.timing.regimes import cold, graph, host, warm
from harness.timing.regimes.setting import CaptureFailed, NotPossible, RegimeModule, Setting
from harness.timing.sampler import Calls

__all__ = ["AUTO", "CaptureFailed", "NotPossible", "Setting", "choose", "sets", "setting"]

_MODULES: Mapping[str, RegimeModule] = {
    Regime.COLD: cold,
    Regime.GRAPH: graph,
    Regime.WARM: warm,
    Regime.HOST: host,
}

# Events are told to 1% from here on.
SHORTEST_EVENT_S = 100 * CudaClock.resolution_s


def choose(time_s: float, working_set_bytes: int, device: Device) -> tuple[Regime, str]:
    """The regime that tells a cold time of a call of about `time_s`, and why it is that one."""
    if device.kind != "cuda":
        return Regime.COLD, "a CPU's counter resolves single calls"
    us, least_us = time_s * 1e6, SHORTEST_EVENT_S * 1e6
    if time_s >= SHORTEST_EVENT_S:
        return Regime.COLD, f"a call takes {us:.3g} µs, and events tell {least_us:.0f} µs and more to 1%"
    if graph.sets(working_set_bytes, device) * working_set_bytes < 2 * device.last_level_cache_bytes:
        return Regime.COLD, f"a call takes {us:.3g} µs, and memory has no room for a rotation past the L2"
    return Regime.GRAPH, f"a call takes {us:.3g} µs, too short for events, which tell {least_us:.0f} µs and more to 1%"


def sets(names: Sequence[str], working_set_bytes: int, device: Device) -> int:
    """How many buffer sets these regimes need; "auto" is decided only after a call was timed."""
    wanted = {each for name in names for each in ((Regime.COLD, Regime.GRAPH) if name == AUTO else (name,))}
    return max(_MODULES[name].sets(working_set_bytes, device) for name in wanted)


def setting(
    name: str, calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None, flush: Flush = Flush.DIRTY
) -> Setting:
    """The entries made ready to be timed in a regime; `flush` is for cold calls on a GPU.

    Raises NotPossible, and CaptureFailed on a GPU.
    """
    if name == Regime.COLD:
        return cold.setting(calls, working_set_bytes, device, cuda, flush)
    return _MODULES[name].setting(calls, working_set_bytes, device, cuda)

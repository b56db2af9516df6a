"""Jobs: what a worker process is asked to do. Pure data; imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.device.devices import Device
from harness.ops.cases import Case
from harness.store.vocabulary import Flush
from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes

Stage = Callable[[str, "str | None"], None]


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do: one case, by some providers, timed or validated on the emulated GPU."""

    case: Case
    providers: tuple[str, ...]
    device: Device
    stop: StopRule
    seed: int
    timed: bool
    regimes: tuple[str, ...] = (regimes.AUTO,)
    is_repeat: bool = False  # a case before it in the sweep differs from it in the sizes of its shape only
    gate_only: bool = False  # every provider through the gate, and nothing is timed
    not_captured: tuple[tuple[str, str], ...] = ()  # entries that failed in a capture, and why: in an earlier process
    flush: Flush = Flush.DIRTY
    energy_s: float = 0.0  # how long each provider's calls are kept going for the device's counter of energy


@dataclass(frozen=True)
class RoofJob:
    """One point of a roof's curve (`roofs.curve_cases`), in cold and in warm."""

    case: Case
    device: Device
    stop: StopRule
    seed: int
    flush: Flush = Flush.DIRTY

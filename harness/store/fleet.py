"""The devices that a run was spread over, and what tells a slow one from the others of its model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.device.devices import Device
from harness.device.placement import Placement

SLOW = 0.05  # how far below the fastest of its model a device is to be seen as a slow one: a share of its bandwidth


@dataclass(frozen=True)
class StreamCheck:
    """What one device attained on a stream that every device of its model was given."""

    stream: str  # "copy of 256 MiB, cold, by torch.clone"; the same words are of the same work
    gbps: float  # attained; 1e9 bytes per second
    median_s: float
    ci95_s: tuple[float, float]


@dataclass(frozen=True)
class FleetDevice:
    """One physical device of a fleet. `device.name` is its model, as in `Record.device`."""

    device: Device
    placement: Placement
    check: StreamCheck | None = None  # None: not measured, as where a run timed nothing


@dataclass(frozen=True)
class SlowDevice:
    """A device that attained less than the fastest of its model did on the same stream."""

    member: FleetDevice
    behind: float  # 0.12: 12% less


def merged(before: Iterable[FleetDevice], now: Iterable[FleetDevice]) -> tuple[FleetDevice, ...]:
    """The fleet of a run that is gone on with: what is there now replaces what is known of the same devices."""
    now = tuple(now)
    again = {each.placement.identity for each in now}
    return (*(each for each in before if each.placement.identity not in again), *now)


def slow_devices(fleet: Sequence[FleetDevice]) -> list[SlowDevice]:
    """The devices of a fleet that are slower than the fastest of their model on the same stream, by more than SLOW."""
    best: dict[tuple[str, str], float] = {}
    for member in fleet:
        if member.check is not None:
            key = (member.device.name, member.check.stream)
            best[key] = max(best.get(key, 0.0), member.check.gbps)
    found = []
    for member in fleet:
        if member.check is not None:
            behind = 1 - member.check.gbps / best[member.device.name, member.check.stream]
            found += [SlowDevice(member, behind)] if behind > SLOW else []
    return found

"""An engine does the work of a sweep somewhere. Here are its interface and the engine of this process's own device."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.device.devices import Device
from harness.device.placement import Placement, placement_of
from harness.ops.cases import Case
from harness.run.bench import Bench, OnStage
from harness.run.job import Job, RoofJob
from harness.store.fleet import FleetDevice
from harness.store.provenance import driver_version
from harness.store.records import Record


@dataclass(frozen=True)
class WorkUnit:
    """What one physical device does alone: a case by all its providers, or (`points`) the curves of its roofs."""

    model: str
    timeout_s: float  # of one attempt at one job
    job: Job | None = None
    points: tuple[RoofJob, ...] = ()
    measured_on: Placement | None = None  # what measured another part of it in an earlier session

    @property
    def case(self) -> Case:
        """Of which it is told what is done."""
        return self.job.case if self.job is not None else self.points[0].case


@dataclass(frozen=True)
class Result:
    """Records of a unit, and whether they are its last."""

    unit: WorkUnit
    records: list[Record]
    is_last: bool


class Engine(Protocol):
    """Where units are done, on one device or on many."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """One of each model that there is: every case is measured once on each."""

    @property
    def fleet(self) -> tuple[FleetDevice, ...]:
        """The physical devices, where there may be several."""

    @property
    def settings(self) -> dict[str, Any] | None:
        """Of the first device (`harness.device.health.settings`), where it is not this machine's."""

    def compared(self, units: Sequence[WorkUnit]) -> tuple[FleetDevice, ...]:
        """The physical devices, held against each other where something is to be timed on them."""

    def results(
        self, units: Sequence[WorkUnit], log: Path, ends: float, on_stage: OnStage
    ) -> Generator[Result, None, None]:
        """The results of units as they are made; none is begun after `ends`, by the monotonic clock.

        What workers print goes to `log`. Leaving it early ends them. Raises RunError where units cannot be done.
        """


class LocalEngine:
    """One device of this machine: unit by unit, in their order."""

    fleet: tuple[FleetDevice, ...] = ()
    settings: dict[str, Any] | None = None

    def __init__(self, device: Device) -> None:
        self.devices = (device,)

    def compared(self, units: Sequence[WorkUnit]) -> tuple[FleetDevice, ...]:
        """One device is held against no other."""
        return ()

    def results(
        self, units: Sequence[WorkUnit], log: Path, ends: float, on_stage: OnStage
    ) -> Generator[Result, None, None]:
        """The results of units in their order; those of a roof's curve point by point."""
        (device,) = self.devices
        bench = Bench(log, placement_of(device, driver_version()), on_stage)
        try:
            for unit in units:
                if unit.job is None:
                    yield from _curve(unit, bench, ends)
                elif time.monotonic() >= ends:
                    return
                else:
                    yield Result(unit, bench.records_of(unit.job, unit.timeout_s), is_last=True)
        finally:
            bench.stop()


def _curve(unit: WorkUnit, bench: Bench, ends: float) -> Iterator[Result]:
    if time.monotonic() >= ends:
        return
    for records in bench.curve(unit.points, unit.timeout_s):
        yield Result(unit, records, is_last=False)
        if time.monotonic() >= ends:
            return
    yield Result(unit, [], is_last=True)

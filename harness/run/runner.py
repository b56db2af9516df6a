"""Runs a sweep: cuts it into units, has an engine do them, and appends their records to the store as they are made."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness import providers
from harness.device.devices import Device
from harness.device.placement import Placement
from harness.ops.cases import Case
from harness.run.bench import OnStage
from harness.run.engine import Engine, LocalEngine, WorkUnit
from harness.run.job import Job, RoofJob
from harness.run.recording import role_of
from harness.store.files import Store
from harness.store.manifest import add_fleet, add_time
from harness.store.records import Record, iter_records
from harness.store.time_account import Ledger
from harness.store.vocabulary import AUTO, Flag, Role, RunError
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.sweep import Sweep

# A curve is for figures: its points need not be known as well as a case's.
CURVE_STOP = StopRule(10, 300, max_seconds=0.1, relative_ci=0.01, warmup_seconds=0.02, max_warmup_seconds=0.3)


@dataclass(frozen=True)
class Progress:
    """What a caller is told as a sweep goes on. Both functions must be quick."""

    on_stage: OnStage
    on_case_done: Callable[[Case, list[Record]], None]


@dataclass(frozen=True)
class Summary:
    """How a sweep ended: cases it went through on each model of devices, those left, and whether by the budget."""

    done: int
    left: int
    out_of_budget: bool


def run_sweep(
    sweep: Sweep,
    device: Device,
    store: Store,
    progress: Progress,
    seed: int = 0,
    budget_s: float | None = None,
) -> Summary:
    """Measure on this device what the store does not hold yet."""
    return run_on(LocalEngine(device), sweep, store, progress, seed, budget_s)


def run_on(
    engine: Engine,
    sweep: Sweep,
    store: Store,
    progress: Progress,
    seed: int = 0,
    budget_s: float | None = None,
) -> Summary:
    """Measure what the store does not hold yet. On KeyboardInterrupt everything stored so far is kept."""
    for spec in sweep.providers:
        providers.check(spec)
    ledger = Ledger(devices=max(1, len(engine.fleet)))
    ends = math.inf if budget_s is None else time.monotonic() + budget_s
    try:
        return _run(engine, sweep, store, progress, ledger, seed, ends)
    finally:
        with contextlib.suppress(RunError):  # on a full disk, what ended the sweep is the message that counts
            add_time(store.path, ledger.content())


def _run(
    engine: Engine, sweep: Sweep, store: Store, progress: Progress, ledger: Ledger, seed: int, ends: float
) -> Summary:
    """Have the units done: what an engine gives is stored before it is asked for more."""

    def on_stage(case: Case, stage: str, provider: str | None) -> None:
        ledger.enter(stage)
        progress.on_stage(case, stage, provider)

    units = _units(engine.devices, sweep, store, seed)
    cases = len(sweep.cases) * len(engine.devices)
    left = sum(unit.job is not None for unit in units)
    for case in _stored(engine.devices, sweep, store):
        progress.on_case_done(case, [])
    if units and (fleet := engine.compared(units)):
        add_fleet(store.path, fleet)
    made: dict[int, list[Record]] = {}
    with contextlib.closing(engine.results(units, store.path / "worker.log", ends, on_stage)) as results:
        for result in results:
            ledger.enter("store")
            unit = result.unit
            if unit.job is not None:
                providers.check_unchanged(unit.job.providers, store.path)  # else these may be of neither version
            records = [_told_apart(record, unit) for record in result.records]
            store.append(records)
            ledger.add(records)
            made.setdefault(id(unit), []).extend(records)
            if result.is_last and unit.job is not None:
                left -= 1
                progress.on_case_done(unit.case, made.pop(id(unit)))
            ledger.enter("other")
    return Summary(cases - left, left, out_of_budget=left > 0)


def _units(devices: Sequence[Device], sweep: Sweep, store: Store, seed: int) -> list[WorkUnit]:
    """What the store does not hold yet: on each model of devices the roofs' curves, and case by case in their order."""
    earlier = _Earlier.of(store)
    units: list[WorkUnit] = []
    for device in devices:
        units += _curves(device, sweep, store, seed, earlier) if sweep.roof_curves else []
        kinds: set[tuple[str, str, str, str, int]] = set()
        for number, case in enumerate(sweep.cases):
            todo = _missing(store, case, sweep, device)
            job = Job(
                case, todo, device, sweep.stop, seed + number, True, sweep.regimes, _kind(case) in kinds,
                flush=sweep.flush, energy_s=sweep.energy_seconds,
            )  # fmt: skip
            kinds.add(_kind(case))
            if todo:
                measured_on = earlier.of_cases.get((case.key, device.name))
                units.append(WorkUnit(device.name, sweep.case_timeout_s, job, measured_on=measured_on))
    return units


def _curves(device: Device, sweep: Sweep, store: Store, seed: int, earlier: _Earlier) -> Iterator[WorkUnit]:
    """The points that the store does not hold, as one unit: the curves of a model are of one physical device."""
    from harness.timing.roofs import curve_cases, streams

    points = tuple(
        RoofJob(point, device, CURVE_STOP, seed, sweep.flush)
        for point in curve_cases(device)
        if not store.holds(point.key, Role.ROOF, streams(point.op, device.kind)[0], None, device.name)
    )
    if points:
        yield WorkUnit(device.name, sweep.case_timeout_s, points=points, measured_on=earlier.of_curves.get(device.name))


def _kind(case: Case) -> tuple[str, str, str, str, int]:
    return (case.op, str(case.params), case.dtype, case.layout, len(case.shape))


def _stored(devices: Sequence[Device], sweep: Sweep, store: Store) -> Iterator[Case]:
    """The cases of which nothing is left to measure, once for each model of devices that has it."""
    for device in devices:
        yield from (case for case in sweep.cases if not _missing(store, case, sweep, device))


def _missing(store: Store, case: Case, sweep: Sweep, device: Device) -> tuple[str, ...]:
    """The providers of which something is left to measure; for regimes chosen by a measurement, any record will do."""
    wanted = [None if regime == AUTO else regime for regime in sweep.regimes]

    def is_whole(spec: str) -> bool:
        name = providers.name_of(spec)
        return all(store.holds(case.key, role_of(case), name, regime, device.name) for regime in wanted)

    return tuple(spec for spec in sweep.providers if not is_whole(spec))


@dataclass(frozen=True)
class _Earlier:
    """Which physical devices measured what is stored, so that the rest is measured on the same ones where they are."""

    of_cases: dict[tuple[str, str], Placement] = field(default_factory=dict)  # by the case's key and the model
    of_curves: dict[str, Placement] = field(default_factory=dict)  # by the model

    @classmethod
    def of(cls, store: Store) -> _Earlier:
        earlier = cls()
        for record in iter_records(store.path, samples=False) if store.keys else ():
            if record.median_s is None or record.placement is None:
                continue
            if record.is_roof_curve:
                earlier.of_curves[record.device] = record.placement
            else:
                earlier.of_cases[record.case_key, record.device] = record.placement
        return earlier


def _told_apart(record: Record, unit: WorkUnit) -> Record:
    """A record, with a flag where another physical device has measured the other providers of its case."""
    before, now = unit.measured_on, record.placement
    if unit.job is None or record.median_s is None or before is None or now is None or before.identity == now.identity:
        return record
    return replace(record, flags=(*record.flags, Flag.NOT_INTERLEAVED))

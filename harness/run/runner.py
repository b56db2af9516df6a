"""Runs a sweep: sends each case to a worker process, and appends its records to the store before the next one."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from harness import providers
from harness.device.devices import Device
from harness.ops.cases import Case
from harness.run.job import Job, RoofJob
from harness.run.recording import blank_record
from harness.run.worker import Died, Poisoned, Worker
from harness.store.files import Store
from harness.store.manifest import add_time
from harness.store.records import Record
from harness.store.time_account import Ledger
from harness.store.vocabulary import AUTO, Flag, Outcome, Role, RunError
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.sweep import Sweep

# A curve is for figures: its points need not be known as well as a case's.
CURVE_STOP = StopRule(10, 300, max_seconds=0.1, relative_ci=0.01, warmup_seconds=0.02, max_warmup_seconds=0.3)

OnStage = Callable[[Case, str, "str | None"], None]


@dataclass(frozen=True)
class Progress:
    """What a caller is told as a sweep goes on. Both functions must be quick."""

    on_stage: OnStage
    on_case_done: Callable[[Case, list[Record]], None]


@dataclass(frozen=True)
class Summary:
    """How a sweep ended: cases it went through, those left, and whether the budget was what ended it."""

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
    """Measure what the store does not hold yet. On KeyboardInterrupt everything stored so far is kept."""
    for spec in sweep.providers:
        providers.check(spec)
    ledger = Ledger()
    ends = math.inf if budget_s is None else time.monotonic() + budget_s

    def on_stage(case: Case, stage: str, provider: str | None) -> None:
        ledger.enter(stage)
        progress.on_stage(case, stage, provider)

    log = store.path / "worker.log"
    # The emulated GPU has a process of its own: Triton's driver is another one there.
    workers = _Workers(Worker(log), Worker(log), sweep.case_timeout_s, on_stage)
    try:
        return _run_cases(sweep, device, store, workers, progress, ledger, seed, ends)
    finally:
        workers.timing.stop()
        workers.emulating.stop()
        with contextlib.suppress(RunError):  # on a full disk, what ended the sweep is the message that counts
            add_time(store.path, ledger.content())


@dataclass(frozen=True)
class _Workers:
    """The worker processes of a sweep, and what they have found out about its providers."""

    timing: Worker
    emulating: Worker
    timeout_s: float
    on_stage: OnStage
    launch_nothing: set[tuple[str, str]] = field(default_factory=set)  # providers and ops that are code for the CPU

    def records_of(self, job: Job) -> list[Record]:
        """The records of one case. Without a GPU, Triton's kernels are validated; everything else is timed."""
        records: list[Record] = []
        if job.device.kind == "cpu" and (maybe_triton := self._that_may_launch_triton(job)):
            records += self._run(self.emulating, replace(job, providers=maybe_triton, timed=False))
            done = {record.provider for record in records}
            self.launch_nothing.update(
                (spec, job.case.op) for spec in maybe_triton if providers.name_of(spec) not in done
            )
        done = {record.provider for record in records}
        if rest := tuple(spec for spec in job.providers if providers.name_of(spec) not in done):
            records += self._run(self.timing, replace(job, providers=rest))
        return records

    def _that_may_launch_triton(self, job: Job) -> tuple[str, ...]:
        return tuple(
            spec
            for spec in job.providers
            if (spec in providers.LAUNCH_TRITON or providers.file_of(spec) is not None)
            and (spec, job.case.op) not in self.launch_nothing
        )

    def _run(self, worker: Worker, job: Job) -> list[Record]:
        self.on_stage(job.case, "start", None)
        return run_in(worker, job, self.timeout_s, self.on_stage)


def _run_cases(
    sweep: Sweep,
    device: Device,
    store: Store,
    workers: _Workers,
    progress: Progress,
    ledger: Ledger,
    seed: int,
    ends: float,
) -> Summary:
    """Measure the roof curves, then case by case: what a case gave is stored before the next one starts.

    None of them starts after `ends`, by the monotonic clock.
    """
    if sweep.roof_curves:
        _measure_roof_curves(sweep, device, store, workers, seed, ledger, ends)
    for number, case in enumerate(sweep.cases):
        ledger.enter("other")
        todo = tuple(spec for spec in sweep.providers if _is_missing(store, case, spec, sweep.regimes, device.name))
        if todo and time.monotonic() >= ends:
            return Summary(number, len(sweep.cases) - number, out_of_budget=True)
        is_repeat = _kind(case) in map(_kind, sweep.cases[:number])
        job = Job(
            case, todo, device, sweep.stop, seed + number, True, sweep.regimes, is_repeat,
            flush=sweep.flush, energy_s=sweep.energy_seconds,
        )  # fmt: skip
        records = workers.records_of(job)
        ledger.enter("store")
        providers.check_unchanged(todo, store.path)  # else these records may be of neither version
        store.append(records)
        ledger.add(records)
        progress.on_case_done(case, records)
    return Summary(len(sweep.cases), 0, out_of_budget=False)


def _kind(case: Case) -> tuple[str, str, str, str, int]:
    return (case.op, str(case.params), case.dtype, case.layout, len(case.shape))


def _is_missing(store: Store, case: Case, spec: str, regimes: Sequence[str], device: str) -> bool:
    """Whether something is left to measure; for regimes that are chosen by a measurement, any record will do."""
    wanted = [None if regime == AUTO else regime for regime in regimes]
    return not all(store.holds(case.key, Role.PROVIDER, providers.name_of(spec), regime, device) for regime in wanted)


def _measure_roof_curves(
    sweep: Sweep, device: Device, store: Store, workers: _Workers, seed: int, ledger: Ledger, ends: float
) -> None:
    """The points that the store does not hold. One that cannot be measured is left out: it costs a figure a point.

    After two that the worker died of, the rest are left out: they would cost a run its time.
    """
    from harness.timing.roofs import curve_cases, streams

    deaths = 0
    for point in curve_cases(device):
        ledger.enter("other")
        if store.holds(point.key, Role.ROOF, streams(point.op, device.kind)[0], None, device.name):
            continue
        if time.monotonic() >= ends:
            return
        workers.on_stage(point, "start", None)
        job = RoofJob(point, device, CURVE_STOP, seed, sweep.flush)
        result = workers.timing.run(job, workers.timeout_s, partial(workers.on_stage, point))
        ledger.enter("store")
        if isinstance(result, list):
            store.append(result)
            ledger.add(result)
            continue
        deaths += 1
        if deaths == 2:
            return


def run_in(worker: Worker, job: Job, timeout_s: float, on_stage: OnStage) -> list[Record]:
    """The job's records. What kills the worker is recorded as such, and the others are measured without it."""

    def attempt() -> list[Record] | Died | Poisoned:
        return worker.run(job, timeout_s, partial(on_stage, job.case))

    result = attempt()
    if isinstance(result, Died) and result.from_outside:
        result = attempt()  # once more: who is killed twice has a part in it
    if isinstance(result, list):
        return result
    if isinstance(result, Poisoned):  # in a new process, where this entry is not captured again
        known = replace(job, not_captured=(*job.not_captured, (result.entry, result.reason)))
        return run_in(worker, known, timeout_s, on_stage)
    if result.stage == "start" and result.outcome is Outcome.CRASHED:
        raise RunError(f"a worker process cannot be started ({result.reason}); {worker.log} says why")
    reason = f"{result.reason} (at: {result.stage})"
    blamed = result.provider or (job.providers[0] if len(job.providers) == 1 else None)
    if blamed is None and result.stage == "allocate":  # nobody's fault, and the same for everybody
        return [_dead(job, spec, result.outcome, reason) for spec in job.providers]
    if blamed is None:
        # It died while providers took turns, so nobody can be blamed: each gets a process of its own.
        return [
            _alone(record)
            for spec in job.providers
            for record in run_in(worker, replace(job, providers=(spec,)), timeout_s, on_stage)
        ]
    name = providers.name_of(blamed)
    others = tuple(spec for spec in job.providers if providers.name_of(spec) != name)
    return [
        _dead(job, blamed, result.outcome, reason),
        *(run_in(worker, replace(job, providers=others), timeout_s, on_stage) if others else []),
    ]


def _dead(job: Job, spec: str, outcome: Outcome, reason: str) -> Record:
    return blank_record(job.case, providers.name_of(spec), job.device.name, outcome, reason)


def _alone(record: Record) -> Record:
    return replace(record, flags=(*record.flags, Flag.NOT_INTERLEAVED)) if record.median_s else record

"""A sweep, run: every case to a worker, every record to the store, in this order and no other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness import providers
from harness.cases import Case
from harness.devices import Device
from harness.isolation import Died, Worker
from harness.measure import Job
from harness.records import Record, RunError
from harness.results import blank_record
from harness.store import Store
from harness.sweep import Sweep

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
    log = store.path / "worker.log"
    timing = Worker(log)
    # Triton decides when kernels are imported whether it interprets them, so that needs its own process.
    interpreting = Worker(log, {"TRITON_INTERPRET": "1"})
    started = time.monotonic()
    try:
        for number, case in enumerate(sweep.cases):
            todo = [spec for spec in sweep.providers if not store.holds(case.key, "provider", providers.name_of(spec))]
            if budget_s is not None and todo and time.monotonic() - started > budget_s:
                return Summary(number, len(sweep.cases) - number, out_of_budget=True)
            records: list[Record] = []
            interpreted = [spec for spec in todo if device.kind == "cpu" and providers.uses_triton(spec)]
            timed = [spec for spec in todo if spec not in interpreted]
            for worker, specs in ((timing, timed), (interpreting, interpreted)):
                if specs:
                    job = Job(case, tuple(specs), device, sweep.stop, seed + number, worker is timing)
                    records += _run_job(worker, job, sweep.case_timeout_s, progress.on_stage)
            store.append(records)
            progress.on_case_done(case, records)
        return Summary(len(sweep.cases), 0, out_of_budget=False)
    finally:
        timing.stop()
        interpreting.stop()


def _run_job(worker: Worker, job: Job, timeout_s: float, on_stage: OnStage) -> list[Record]:
    """The job's records. What kills the worker is recorded as such, and the others are measured without it."""

    def attempt() -> list[Record] | Died:
        return worker.run(job, timeout_s, lambda stage, provider: on_stage(job.case, stage, provider))

    result = attempt()
    if isinstance(result, Died) and result.from_outside:
        result = attempt()  # once more: who is killed twice has a part in it
    if not isinstance(result, Died):
        return result
    if result.stage == "start" and result.outcome == "crashed":
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
            for record in _run_job(worker, replace(job, providers=(spec,)), timeout_s, on_stage)
        ]
    name = providers.name_of(blamed)
    others = tuple(spec for spec in job.providers if providers.name_of(spec) != name)
    return [
        _dead(job, blamed, result.outcome, reason),
        *(_run_job(worker, replace(job, providers=others), timeout_s, on_stage) if others else []),
    ]


def _dead(job: Job, spec: str, outcome: str, reason: str) -> Record:
    return blank_record(job.case, providers.name_of(spec), job.device.name, outcome, reason)


def _alone(record: Record) -> Record:
    return replace(record, flags=(*record.flags, "not_interleaved")) if record.median_s else record

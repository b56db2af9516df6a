"""The worker processes of one device, and the records that they make of jobs: the same code under every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import providers
from harness.device.placement import Placement
from harness.ops.cases import Case
from harness.run.job import Job, RoofJob
from harness.run.recording import blank_record
from harness.run.worker import Died, Poisoned, Worker
from harness.store.records import Record
from harness.store.vocabulary import Flag, Outcome, RunError

OnStage = Callable[[Case, str, "str | None"], None]


class Bench:
    """The worker processes of one device, and what they have found out about providers."""

    def __init__(self, log: Path, placement: Placement, on_stage: OnStage) -> None:
        # The emulated GPU has a process of its own: Triton's driver is another one there.
        self._timing, self._emulating = Worker(log), Worker(log)
        self._placement = placement
        self._on_stage = on_stage
        self._launch_nothing: set[tuple[str, str]] = set()  # providers and ops that are code for the CPU

    def records_of(self, job: Job, timeout_s: float) -> list[Record]:
        """The records of one case. Without a GPU, Triton's kernels are validated; everything else is timed."""
        records = self.validated(job, timeout_s)
        left = without(job, records)
        return [*records, *(self.timed(left, timeout_s) if left.providers else [])]

    def validated(self, job: Job, timeout_s: float) -> list[Record]:
        """The records of those providers that launch a Triton kernel, where there is no GPU."""
        maybe_triton = tuple(spec for spec in may_launch(job) if (spec, job.case.op) not in self._launch_nothing)
        if not maybe_triton:
            return []
        records = self._run(self._emulating, replace(job, providers=maybe_triton, timed=False), timeout_s)
        rest = without(replace(job, providers=maybe_triton), records).providers
        self._launch_nothing.update((spec, job.case.op) for spec in rest)
        return records

    def timed(self, job: Job, timeout_s: float) -> list[Record]:
        """The records of a job's providers, all of them timed."""
        return self._run(self._timing, job, timeout_s)

    def curve(self, points: Sequence[RoofJob], timeout_s: float) -> Iterator[list[Record]]:
        """The records of each point. One that cannot be measured is left out: it costs a figure a point.

        After two that the worker died of, the rest are left out: they would cost a run its time.
        """
        deaths = 0
        for job in points:
            self._on_stage(job.case, "start", None)
            found = self._timing.run(job, timeout_s, partial(self._on_stage, job.case))
            if isinstance(found, list):
                yield self._placed(found)
                continue
            deaths += 1
            if deaths == 2:
                return

    def stop(self) -> None:
        """End the processes."""
        self._timing.stop()
        self._emulating.stop()

    def _run(self, worker: Worker, job: Job, timeout_s: float) -> list[Record]:
        self._on_stage(job.case, "start", None)
        return self._placed(run_in(worker, job, timeout_s, self._on_stage))

    def _placed(self, records: list[Record]) -> list[Record]:
        return [replace(record, placement=self._placement) for record in records]


def may_launch(job: Job) -> tuple[str, ...]:
    """The providers of a job that may launch a Triton kernel where there is no GPU for it."""
    if job.device.kind != "cpu":
        return ()
    specs = (spec for spec in job.providers if spec in providers.LAUNCH_TRITON or providers.file_of(spec) is not None)
    return tuple(specs)


def without(job: Job, records: Sequence[Record]) -> Job:
    """What of a job is left to do, once these records are made."""
    done = {record.provider for record in records}
    return replace(job, providers=tuple(spec for spec in job.providers if providers.name_of(spec) not in done))


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
        return [dead(job, spec, result.outcome, reason) for spec in job.providers]
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
        dead(job, blamed, result.outcome, reason),
        *(run_in(worker, replace(job, providers=others), timeout_s, on_stage) if others else []),
    ]


def dead(job: Job, spec: str, outcome: Outcome, reason: str) -> Record:
    """The record of a provider whose worker ended without an answer."""
    return blank_record(job.case, providers.name_of(spec), job.device.name, outcome, reason)


def _alone(record: Record) -> Record:
    return replace(record, flags=(*record.flags, Flag.NOT_INTERLEAVED)) if record.median_s else record

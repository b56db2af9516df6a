"""What swapping the kernel would save in a model: the times of its layers, each times how often it occurs, summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.ops.cases import CaseError
from harness.store.records import Record, Run
from harness.store.vocabulary import Outcome, Role
from harness.sweeps.workloads import Workload, WorkloadLayer, from_content
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import conditions

FORWARD, BACKWARD = "forward", "backward"
WHOLE = ("whole, forward", "whole, both ways")


@dataclass(frozen=True)
class WorkloadTime:
    """One provider's time for all ELUs of a model in one direction: the sum of medians, each times its count."""

    workload: Workload
    direction: str  # "forward" or "backward" of its ELUs, or one of WHOLE
    conditions: str  # "cold", "warm" or "host"
    provider: str
    layers: int  # different ones
    measured: int  # of them, by this provider
    calls: int
    time_s: float | None  # None where a layer was not measured
    half_width: float | None  # of the time, relative: the layers' own, summed, as if they erred together
    marked: int  # layers whose times carry a mark
    speedup: float | None  # the baseline's sum over this one; None where either is not whole
    peak_bytes: int | None = None  # of memory, in one call of a whole model
    outcome: str = Outcome.OK  # of a whole model that was not timed


@dataclass(frozen=True)
class SparedMemory:
    """What fusing spares in one forward pass: the tensors x + bias. From shapes alone, nothing is measured."""

    workload: Workload
    calls: int
    largest_bytes: int  # of one: the most by which the peak of memory can fall, as no two are needed at once
    all_bytes: int  # written once and read once, were they not fused


def workloads_of(run: Run) -> tuple[Workload, ...]:
    """The models whose layers a run measured; none where its sweep names none, or was edited into something else."""
    try:
        return from_content(run.manifest.sweep.get("workloads", ()))
    except (CaseError, KeyError, TypeError, ValueError):
        return ()


def workload_times(run: Run) -> list[WorkloadTime]:
    """By model, direction and conditions: every provider that was timed on some of the layers, the fastest first."""
    timed: dict[tuple[str, str, str], Record] = {}
    for record in run.records:
        if record.role == Role.PROVIDER and record.outcome == Outcome.OK and record.median_s:
            timed[record.case_key, record.provider, conditions(record)] = record
    kinds = list(dict.fromkeys(kind for _, _, kind in timed))
    providers = list(dict.fromkeys(provider for _, provider, _ in timed))
    made = []
    for workload in workloads_of(run):
        for direction in (FORWARD, BACKWARD):
            layers = [each for each in workload.layers if each.is_backward == (direction == BACKWARD)]
            for kind in kinds:
                sums = [_sum(workload, direction, kind, layers, each, timed) for each in providers]
                made += _against_baseline([each for each in sums if each.measured])
        made += _whole(workload, run)
    return made


def _whole(workload: Workload, run: Run) -> list[WorkloadTime]:
    """The small model of a workload's kind as a whole, by provider; one that was not timed has its outcome."""
    made = []
    for direction, case in zip(WHOLE, workload.models, strict=False):
        found: dict[str, list[WorkloadTime]] = {}
        for record in run.records:
            if record.role == Role.MODEL and record.case_key == case.key:
                kind = conditions(record)
                found.setdefault(kind, []).append(_of_model(workload, direction, kind, record))
        for times in found.values():
            made += _against_baseline(times)
    return made


def _of_model(workload: Workload, direction: str, kind: str, record: Record) -> WorkloadTime:
    is_timed = record.outcome == Outcome.OK and record.median_s is not None
    low, high = record.ci95_s or (0.0, 0.0)
    return WorkloadTime(
        workload=workload,
        direction=direction,
        conditions=kind,
        provider=record.provider,
        layers=1,
        measured=int(is_timed),
        calls=1,
        time_s=record.median_s if is_timed else None,
        half_width=(high - low) / 2 / record.median_s if is_timed and record.ci95_s and record.median_s else None,
        marked=int(is_timed and bool(record.doubts)),
        speedup=None,
        peak_bytes=record.peak_bytes if is_timed else None,
        outcome=record.outcome,
    )


def _sum(
    workload: Workload,
    direction: str,
    kind: str,
    layers: Sequence[WorkloadLayer],
    provider: str,
    timed: dict[tuple[str, str, str], Record],
) -> WorkloadTime:
    found = [(timed.get((each.case.key, provider, kind)), each.count) for each in layers]
    known = [(record, count) for record, count in found if record is not None]
    total = sum((record.median_s or 0.0) * count for record, count in known)
    widths = [(high - low) / 2 * count for record, count in known if record.ci95_s for low, high in [record.ci95_s]]
    is_whole = len(known) == len(layers)
    return WorkloadTime(
        workload=workload,
        direction=direction,
        conditions=kind,
        provider=provider,
        layers=len(layers),
        measured=len(known),
        calls=sum(each.count for each in layers),
        time_s=total if is_whole else None,
        half_width=sum(widths) / total if is_whole and total and len(widths) == len(layers) else None,
        marked=sum(bool(record.doubts) for record, _ in known),
        speedup=None,
    )


def _against_baseline(sums: list[WorkloadTime]) -> list[WorkloadTime]:
    base = next((each.time_s for each in sums if each.provider == BASELINE), None)
    compared = [replace(each, speedup=base / each.time_s if base and each.time_s else None) for each in sums]
    return sorted(compared, key=lambda each: each.time_s or float("inf"))


def spared_memory(run: Run) -> list[SparedMemory]:
    """For each model that has layers whose bias can be fused."""
    made = []
    for workload in workloads_of(run):
        fused = [layer for layer in workload.layers if layer.spared_bytes]
        if fused:
            counts, sizes = [each.count for each in fused], [each.spared_bytes for each in fused]
            whole = sum(count * size for count, size in zip(counts, sizes, strict=True))
            made.append(SparedMemory(workload, sum(counts), max(sizes), whole))
    return made

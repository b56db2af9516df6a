"""What a run says, as data: records grouped, compared with eager and with the noise floor. No layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.ops.catalogue import MODEL_OPS
from harness.store.records import Record, Run
from harness.store.vocabulary import PROVIDED, Flag, Regime
from harness.timing.estimators import Ratio, median, relative_half_width
from reports.analysis.fleet import labels, names_of
from reports.analysis.ratios import BASELINE, time_over_baseline, verdict_on

# The marks of a row and what they mean, in the order in which they are explained.
FLAGS: dict[str, tuple[str, str]] = {flag: (flag.mark, flag.meaning) for flag in Flag}


@dataclass(frozen=True)
class TimedRow:
    """One timed record with what it is compared with. Fractions and ratios are plain numbers, not per cent."""

    record: Record
    half_width: float | None  # of the 95% interval of the median, relative to the median
    elements_per_s: float
    roof: Record | None  # the fastest stream of the case, undisturbed: what `roof_fraction` is divided by
    roof_fraction: float | None  # GB/s of the median over `record.roof_gbps`, what that stream attains
    baseline: Record | None  # eager's record of the same case and regime; None: there is none
    speedup: Ratio | None  # eager's time over this one's (reports.analysis.ratios); None: no eager, or too few samples
    verdict: str | None  # against eager: "faster", "slower", "same", "undecided"; None where there is no eager
    device: str = ""  # what the device is called, where the run has several (reports.analysis.fleet)


@dataclass(frozen=True)
class TimedGroup:
    """The timed records of one op with its parameters, one dtype, layout, data and kind of time; by size."""

    op: str
    params: dict[str, object]
    dtype: str
    layout: str
    data: str
    # "cold" for all times from a cold cache, launched one by one or as a graph; else "warm", "host". "graph" where the
    # same cases were timed both ways.
    regime: str
    rows: tuple[TimedRow, ...]


def groups(run: Run) -> list[TimedGroup]:
    """The timed records, in the order in which their groups first occur; those of a case on several devices beside
    each other, each against eager, the noise and the roof of its own device.
    """
    label = labels(run)
    by_case: dict[tuple[str, str | None, str], list[Record]] = {}
    for record in run.records:
        is_listed = not record.is_roof_curve and record.op not in MODEL_OPS  # which have a table of their own
        if record.outcome == "ok" and record.median_s and is_listed:
            by_case.setdefault((record.case_key, record.regime, label(record)), []).append(record)
    found: dict[tuple[str, ...], list[tuple[str, list[Record]]]] = {}
    for (case, regime, device), records in by_case.items():
        first = records[0]
        is_second = regime == Regime.GRAPH and (case, Regime.COLD, device) in by_case
        kind = Regime.GRAPH if is_second else conditions(first)
        key = (first.op, str(first.params), first.dtype, first.layout, first.data, kind)
        found.setdefault(key, []).append((device, records))
    places = {name: place for place, (_, name) in enumerate(names_of(run))}
    for cases in found.values():
        cases.sort(key=lambda each: (each[1][0].elements, places.get(each[0], 0)))
    return [_group(cases, key[-1]) for key, cases in found.items()]


def _group(cases: list[tuple[str, list[Record]]], kind: str) -> TimedGroup:
    """The group of some cases, each with its device, in the order of its rows."""
    first = cases[0][1][0]
    by_case: dict[str, list[TimedRow]] = {}
    for device, records in cases:
        by_case.setdefault(records[0].case_key, []).extend(_rows(records, device))
    rows = tuple(row for each in by_case.values() for row in _side_by_side(each))
    return TimedGroup(first.op, first.params, first.dtype, first.layout, first.data, kind, rows)


def _side_by_side(rows: list[TimedRow]) -> list[TimedRow]:
    """The rows of one case: the providers by time, each with its devices in their order, the roofs last."""
    least: dict[str, float] = {}
    for row in rows:
        time_s = row.record.median_s or 0.0
        least[row.record.entry] = min(time_s, least.get(row.record.entry, time_s))
    return sorted(rows, key=lambda row: (row.record.role == "roof", least[row.record.entry]))


def conditions(record: Record) -> str:
    """What a time is the time of. A graph of rotated buffers is how a short call is timed from a cold cache."""
    return "cold" if record.regime in ("cold", "graph", None) else record.regime


def _rows(records: list[Record], device: str) -> list[TimedRow]:
    """The providers of one case by time, the roof that they are held against last."""
    noise = noise_of(records)
    baseline = next((r for r in records if r.provider == BASELINE and r.role == "provider"), None)
    timed = sorted((r for r in records if r.role == "provider"), key=lambda record: record.median_s or 0.0)
    roofs = sorted((r for r in records if r.role == "roof"), key=lambda record: record.roof_gbps or 0.0)
    roof = roofs[-1] if roofs else None
    made = (_row(record, baseline, noise, roof) for record in (*timed, *roofs[-1:]))
    return [replace(row, device=device) for row in made] if device else list(made)


def _row(record: Record, baseline: Record | None, noise: float | None, roof: Record | None) -> TimedRow:
    assert record.median_s is not None
    fraction = None
    if record.role == "provider" and record.bandwidth_gbps and record.roof_gbps:
        fraction = record.bandwidth_gbps / record.roof_gbps
    beside = baseline if record.role == "provider" else None
    ratio = time_over_baseline(record, beside) if beside is not None else None
    return TimedRow(
        record=record,
        half_width=relative_half_width(record.ci95_s, record.median_s) if record.ci95_s else None,
        elements_per_s=record.elements / record.median_s,
        roof=roof,
        roof_fraction=fraction,
        baseline=beside,
        speedup=ratio.inverse if ratio is not None else None,
        verdict=verdict_on(beside, record, ratio, noise)[0] if beside is not None else None,
    )


def noise_of(records: Iterable[Record]) -> float | None:
    """The largest A/A noise floor among the control records, as a fraction; None where there is none."""
    return max((r.noise_floor for r in records if r.role == "control" and r.noise_floor is not None), default=None)


def noise_floors(run: Run) -> list[float]:
    """The A/A noise floor of every case that has a control."""
    return [r.noise_floor for r in run.records if r.role == "control" and r.noise_floor is not None]


@dataclass(frozen=True)
class Folded:
    """Records of one op, dtype, provider and outcome that were not timed."""

    op: str
    dtype: str
    provider: str
    outcome: str
    cases: int
    max_ulp: float | None  # the largest of them
    reason: str  # that of the first
    worst_input: str | None  # that of the first
    flags: tuple[str, ...] = ()  # of any of them


def folded(run: Run, *, validated: bool) -> list[Folded]:
    """The records without times: those that were `validated`, or all the others."""
    found: dict[tuple[str, str, str, str], list[Record]] = {}
    for record in run.records:
        is_validated = record.outcome == "validated"
        if record.role in PROVIDED and record.outcome != "ok" and is_validated == validated:
            found.setdefault((record.op, record.dtype, record.provider, record.outcome), []).append(record)
    return [
        Folded(
            *key,
            cases=len(records),
            max_ulp=max((r.max_ulp for r in records if r.max_ulp is not None), default=None),
            reason=records[0].reason or "",
            worst_input=records[0].worst_input,
            flags=tuple(dict.fromkeys(flag for each in records for flag in each.flags)),
        )
        for key, records in found.items()
    ]


def outcomes(run: Run) -> Counter[str]:
    """How many providers' records have each outcome."""
    return Counter(record.outcome for record in run.records if record.role in PROVIDED)


def median_or_none(values: list[float]) -> float | None:
    """The median, or None of nothing."""
    return median(values) if values else None

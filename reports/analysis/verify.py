"""Checks that a stored run is what was measured: checks its seal, and computes every number again from the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.ops.cases import CaseError, make_case
from harness.ops.catalogue import MODEL_OPS, OPS
from harness.run.recording import over_roof_allowance, over_roof_by
from harness.store import seal, sources
from harness.store.records import Record, Run
from harness.store.vocabulary import PROVIDED, PROVIDERS
from harness.timing import sample_flags
from harness.timing.estimators import attained, median, median_ci, noise_floor, paired_ratio

# Sums may be taken in another order by another numpy; a figure that was edited differs by more.
_TOLERANCE = 1e-9
# Flags that follow from the samples alone; clumps are told apart by the resolution of the clock too.
_FLAGS = ("few_samples", "noisy", "drifting", "frequency_step")


@dataclass(frozen=True)
class Mismatch:
    """One stored figure that does not follow from the samples."""

    where: str  # the record, as text
    field: str
    stored: Any
    computed: Any


@dataclass(frozen=True)
class Verified:
    """What was found. The run is as it was measured where `is_intact`."""

    state: str  # of the seal: see harness.store.seal
    content_hash: str
    sealed_hash: str | None
    records: int
    mismatches: tuple[Mismatch, ...]
    note: str | None = None  # what could not be checked

    @property
    def is_intact(self) -> bool:
        return self.state != seal.BROKEN and not self.mismatches


def verify(run: Run) -> Verified:
    """Recompute the hash of a run and every figure that its samples decide."""
    return Verified(
        state=seal.state(run.path),
        content_hash=seal.content_hash(run.path),
        sealed_hash=seal.sealed_hash(run.path),
        records=len(run.records),
        mismatches=(*_edited_sources(run), *mismatches(run)),
    )


def _edited_sources(run: Run) -> Iterator[Mismatch]:
    """The providers whose sources, as the run keeps them, are not those that it was made with."""
    known = run.manifest.provider_sources_sha256
    for name, found in sources.edited(run.path, known):
        yield Mismatch(f"{PROVIDERS}/{name}", "the hash of its sources", known[name], found)


def mismatches(run: Run) -> Iterator[Mismatch]:
    """What does not match, record by record in the order of writing."""
    together: dict[Any, list[Record]] = {}
    for record in run.records:
        together.setdefault(_round_of(record), []).append(record)
    rounds = {each: _Round.of(records) for each, records in together.items()}
    seen = set()
    models = run.manifest.models
    for record in run.records:
        expected: list[tuple[str, Any, Any]] = [
            ("key", "more than once" if record.key in seen else "once", "once"),
            ("device", record.device, record.device if record.device in models else models[0]),
            *_has_samples(record),
            *_case_fields(record),
        ]
        seen.add(record.key)
        if record.samples_s:
            expected += _from_samples(record, run.manifest.device_named(record.device).peak_gbps)
            expected += _from_others(record, rounds[_round_of(record)])
        for field, stored, computed in expected:
            if not _equal(stored, computed):
                yield Mismatch(_where(record), field, stored, computed)


def _round_of(record: Record) -> tuple[Any, ...]:
    """What the records that took turns with each other have in common."""
    return (record.case_key, record.regime, record.seed, record.entries, record.device, record.placement)


def _where(record: Record) -> str:
    role = "" if record.role == "provider" else f" ({record.role})"
    return f"{record.provider}{role}: {record.case_key}{f' {record.regime}' if record.regime else ''}"


def _has_samples(record: Record) -> Iterator[tuple[str, Any, Any]]:
    """Only what was timed has samples."""
    if record.outcome == "ok":
        yield "samples_s", "none" if not record.samples_s else "some", "some"
    elif record.outcome != "rejected":  # what was found wrong after it was timed may keep its samples
        yield "samples_s", "some" if record.samples_s else "none", "none"


def _case_fields(record: Record) -> Iterator[tuple[str, Any, Any]]:
    """What follows from the case: its key, its elements and, but for roofs, bytes and operations."""
    if record.op not in OPS:
        return
    try:
        case = make_case(record.op, record.shape, record.dtype, record.params, record.layout, record.data)
    except CaseError as error:
        yield "case", record.case_key, str(error)
        return
    yield "case_key", record.case_key, case.key
    yield "elements", record.elements, case.elements
    if record.role != "roof":
        yield "bytes_moved", record.bytes_moved, case.bytes_moved
        yield "flops", record.flops, case.flops


def _from_samples(record: Record, peak_gbps: float | None) -> Iterator[tuple[str, Any, Any]]:
    """What follows from a record's own samples, and from its roof."""
    if not _is_timed(record):
        yield "samples_s", "a time that is no positive number", "positive times"
        return
    middle, ci = median(record.samples_s), median_ci(record.samples_s)
    yield "median_s", record.median_s, middle
    yield "ci95_s", record.ci95_s, ci
    moves = record.regime != "host" and record.op not in MODEL_OPS  # a launch moves no bytes
    yield "bandwidth_gbps", record.bandwidth_gbps, record.bytes_moved / middle / 1e9 if moves else None
    told = sample_flags.flags(record.samples_s, middle, ci)
    for flag in _FLAGS:
        yield f"flags: {flag}", flag in record.flags, flag in told
    if record.role == "roof":
        yield "roof_gbps", record.roof_gbps, record.bytes_moved / attained(record.samples_s) / 1e9
    elif record.roof_gbps is not None:
        is_marked, excess = "over_roof" in record.flags, over_roof_by(replace(record, ci95_s=ci), peak_gbps)
        # Runs from before there was an allowance are marked from 0 on.
        is_over = excess > (0.0 if is_marked else over_roof_allowance(record))
        yield "flags: over_roof", is_marked, is_over


def _is_timed(record: Record) -> bool:
    return all(math.isfinite(time_s) and time_s > 0 for time_s in record.samples_s)


@dataclass(frozen=True)
class _Round:
    """Records that took turns with each other, and what they decide for all of them."""

    records: Sequence[Record]
    is_timed: bool  # false where one of them was edited, which its own row says
    roof_gbps: float | None
    floor: float | None

    @classmethod
    def of(cls, records: Sequence[Record]) -> _Round:
        is_timed = all(map(_is_timed, records))
        roofs = [each.roof_gbps for each in records if each.role == "roof" and each.roof_gbps]
        return cls(records, is_timed, max(roofs, default=None), _floor(records) if is_timed else None)


def _from_others(record: Record, turns: _Round) -> Iterator[tuple[str, Any, Any]]:
    """What follows from records that took turns with this one: the roof, the A/A floor, the ratio."""
    if record.role != "roof" and turns.roof_gbps is not None:
        yield "roof_gbps", record.roof_gbps, turns.roof_gbps
    if not turns.is_timed:
        return
    if turns.floor is not None and record.role != "roof":
        yield "noise_floor", record.noise_floor, turns.floor
    baseline = next((o for o in turns.records if o.role in PROVIDED and o.provider == record.baseline), None)
    if record.baseline is not None and baseline is not None and len(baseline.samples_s) == len(record.samples_s):
        found = paired_ratio(record.samples_s, baseline.samples_s, record.seed or 0)
        yield "ratio", record.ratio, found.ratio if found else None
        yield "ratio_ci95", record.ratio_ci95, (found.low, found.high) if found else None


def _floor(others: Sequence[Record]) -> float | None:
    """The A/A floor of one round, from the control and its twin; None where one of them is not stored."""
    for control in others:
        if control.role == "control":
            for twin in others:
                is_twin = twin.role in PROVIDED and twin.provider == control.provider
                if is_twin and len(twin.samples_s) == len(control.samples_s):
                    found = paired_ratio(control.samples_s, twin.samples_s, control.seed or 0)
                    return noise_floor(found) if found else None
    return None


def _equal(stored: Any, computed: Any) -> bool:
    if isinstance(stored, (tuple, list)) and isinstance(computed, tuple):
        return len(stored) == len(computed) and all(map(_equal, stored, computed))
    if isinstance(stored, float) or isinstance(computed, float):
        if not isinstance(stored, (int, float)) or not isinstance(computed, (int, float)):
            return False
        return math.isclose(stored, computed, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(stored == computed)

"""Compares two runs, or two providers of one run. Returns data, no layout.

Every ratio is the second side's time over the first's: 1.03 is 3% slower. No difference below the A/A noise floor of
either side is claimed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.store import seal
from harness.store.records import Record, Run
from harness.store.vocabulary import Flush, Regime, Role, RunError, Verdict
from harness.timing.estimators import Ratio, median
from reports.analysis.ratios import are_unmarked, memory_clock_mhz, ratio_between, sm_clock_mhz, verdict_on
from reports.analysis.summary import conditions

Key = tuple[str, Role, str, "Regime | None"]  # of a record: see harness.store.records

VERDICTS = tuple(Verdict)  # in the order in which a reader wants them

# Marks of how a row was timed. Where only one side has one, a difference may be the condition's.
CONDITIONS = frozenset({"not_cold", "not_resident", "throttled", "disturbed", "noisy_neighbour", "not_interleaved"})


@dataclass(frozen=True)
class Pair:
    """One case in one regime, timed on both sides."""

    first: Record
    second: Record
    ratio: Ratio | None  # of times, second over first; None where one of them has no interval
    noise_floor: float | None  # the larger of both sides'; None where neither run has an A/A control
    verdict: Verdict  # of the second side
    why: str  # what keeps it undecided, in words; empty otherwise


@dataclass(frozen=True)
class Change:
    """One case that was timed on one side and not on the other, or that only one side has."""

    case_key: str
    provider: str
    regime: str | None
    first: str | None  # outcomes; None where that side has no such record
    second: str | None

    @property
    def is_loss(self) -> bool:
        """Whether a time was lost: what was "ok" has another outcome now. A case that was left out is none."""
        return self.first == "ok" and self.second not in ("ok", None)


@dataclass(frozen=True)
class Comparison:
    """The second side against the first."""

    first: str
    second: str
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """Providers that were timed on the first side and have no record at all on the second."""
        timed = dict.fromkeys(each.provider for each in self.changes if each.first == "ok")
        there = {each.first.provider for each in self.pairs}
        there |= {each.provider for each in self.changes if each.second is not None}
        return tuple(name for name in timed if name not in there)

    @property
    def counts(self) -> Counter[str]:
        return Counter(pair.verdict for pair in self.pairs)

    @property
    def counted(self) -> tuple[Ratio, ...]:
        """The ratios that a mean is over, as that of speed-ups is: from a cold cache, without a mark on either side."""
        return tuple(
            pair.ratio
            for pair in self.pairs
            if pair.ratio and conditions(pair.first) == "cold" and are_unmarked(pair.first, pair.second)
        )


def compare_runs(first: Run, second: Run) -> Comparison:
    """The second run against the first, provider by provider. Raises RunError where they have nothing in common."""
    a, b = ({record.subject: record for record in run.records if record.role == "provider"} for run in (first, second))
    floors = _Floors.of(first), _Floors.of(second)
    pairs = tuple(_pair(a[key], b[key], *floors) for key in a if key in b and _timed(a[key]) and _timed(b[key]))
    changes = tuple(_changes(a, b))
    if not a and not b:
        raise RunError(f"{first.path} and {second.path} hold no record of a provider; name measured runs")
    return Comparison(str(first.path), str(second.path), pairs, changes, tuple(differences(first, second)))


def compare_providers(run: Run, first: str, second: str) -> Comparison:
    """Two providers of one run, by the samples that they took in the same rounds. Raises RunError."""
    a, b = ({(r.case_key, r.regime): r for r in run.records if r.provider == name and r.role == "provider"}
            for name in (first, second))  # fmt: skip
    for name, found in ((first, a), (second, b)):
        if not found:
            known = ", ".join(dict.fromkeys(r.provider for r in run.records if r.role == "provider")) or "none"
            raise RunError(f"{run.path} holds no provider {name!r}; it has {known}")
    floors = _Floors.of(run)
    pairs = tuple(_pair(a[key], b[key], floors, floors) for key in a if key in b and _timed(a[key]) and _timed(b[key]))
    if not pairs:
        raise RunError(f"{run.path} holds no case in which {first!r} and {second!r} were both timed")
    keyed = ({(r.case_key, Role.PROVIDER, second, r.regime): r for r in side.values()} for side in (a, b))
    return Comparison(first, second, pairs, tuple(_changes(*keyed)), ())


def _timed(record: Record) -> bool:
    return record.outcome == "ok" and bool(record.samples_s)


@dataclass(frozen=True)
class _Floors:
    """The A/A noise floors of a run: by case and regime, and the largest for what has no control of its own."""

    by_case: dict[tuple[str, str | None], float]
    largest: float | None

    @classmethod
    def of(cls, run: Run) -> _Floors:
        found: dict[tuple[str, str | None], float] = {}
        for record in run.records:
            if record.noise_floor is not None:
                key = (record.case_key, record.regime)
                found[key] = max(record.noise_floor, found.get(key, 0.0))
        return cls(found, max(found.values(), default=None))

    def at(self, record: Record) -> float | None:
        return self.by_case.get((record.case_key, record.regime), self.largest)


def _pair(a: Record, b: Record, a_floors: _Floors, b_floors: _Floors) -> Pair:
    floor = max((each for each in (a_floors.at(a), b_floors.at(b)) if each is not None), default=None)
    if a.samples_s == b.samples_s:  # one measurement, read twice: nothing is left to decide
        return Pair(a, b, Ratio(1.0, 1.0, 1.0), floor, Verdict.SAME, "")
    ratio = ratio_between(a, b)
    found, why = verdict_on(a, b, ratio, floor)
    unlike = _unlike(a, b)
    if ratio is None:
        why = "too few samples for an interval"
    elif unlike and found != "same":
        found, why = Verdict.UNDECIDED, unlike
    elif floor is None:
        why = "no A/A control"
    elif found == "undecided" and not why:
        why = "the interval reaches across the noise floor"
    return Pair(a, b, ratio, floor, found, why)


def _unlike(a: Record, b: Record) -> str:
    """The condition that only one side was timed under, in words; empty where there is none."""
    if marks := sorted(CONDITIONS & (set(a.flags) ^ set(b.flags))):
        return f"only one side is marked {', '.join(marks)}"
    first, second = (each.flush or Flush.DIRTY for each in (a, b))  # no record said so before there was a choice
    return f"the L2 was flushed {first} on the first side and {second} on the second" if first != second else ""


def _changes(a: Mapping[Key, Record], b: Mapping[Key, Record]) -> Iterator[Change]:
    """What is not a pair. A record that was not timed has no regime: it stands against any regime of its case."""
    untimed_a, untimed_b = ({key[:3]: record for key, record in side.items() if not _timed(record)} for side in (a, b))
    for side, other, untimed_other, is_first in ((a, b, untimed_b, True), (b, a, untimed_a, False)):
        for key, record in side.items():
            if not _timed(record) or (key in other and _timed(other[key])):
                continue
            opposite = untimed_other.get(key[:3])
            outcomes = (record.outcome, opposite.outcome if opposite else None)
            yield Change(record.case_key, key[2], record.regime, *(outcomes if is_first else outcomes[::-1]))


def differences(first: Run, second: Run) -> Iterator[str]:
    """Why a difference between two runs may not be the kernels': a sentence on each thing that is not alike."""
    for run in (first, second):
        if seal.state(run.path) == seal.BROKEN:
            yield f"{run.path} was changed after it ended; to see where: elubench verify {shlex.quote(str(run.path))}"
    contents = [asdict(run.manifest) for run in (first, second)]
    for name, path in _ALIKE:
        a, b = (_at(content, path) for content in contents)
        if a != b:
            yield f"{name}: {_said(a)} against {_said(b)}"
    yield from _clock_differences(first, second)
    a, b = (run.manifest.sweep.get("cases") for run in (first, second))
    if a != b and isinstance(a, list) and isinstance(b, list):
        common = sum(case in b for case in a) if len(a) * len(b) < 10**7 else None
        yield f"cases: {len(a)} against {len(b)}" + (f", {common} in common" if common is not None else "")


_ALIKE = (
    ("device", ("device", "name")),
    ("kind of device", ("device", "kind")),
    ("driver", ("driver",)),
    *((name, ("versions", name)) for name in ("torch", "triton", "cuda", "python", "numpy", "platform")),
    ("elubench", ("elubench",)),
    ("threads", ("threads",)),
    ("environment", ("environment",)),
    ("sweep", ("sweep", "name")),
    ("stop rule", ("sweep", "stop")),
    ("kernel sources", ("kernel_sources_sha256",)),
    *(
        (f"{kind.upper()}'s {name.replace('_', ' ')}", ("health", kind, name))
        for kind, names in (
            ("cpu", ("governor", "boost", "usable_cores", "huge_pages")),
            ("gpu", ("sm_clock_max_mhz", "memory_clock_max_mhz", "power_limit_w", "ecc", "mig", "persistence")),
        )
        for name in names
    ),
)


def _clock_differences(first: Run, second: Run) -> Iterator[str]:
    """Clocks as they were while the cases were timed, where they were read: medians that differ by over 2%."""
    for name, clock in (("SM clock", sm_clock_mhz), ("memory clock", memory_clock_mhz)):
        clocks = [[mhz for each in run.records if (mhz := clock(each))] for run in (first, second)]
        if all(clocks):
            a, b = map(median, clocks)
            if abs(a / b - 1) > 0.02:
                yield f"{name} while timing: {a:.0f} MHz against {b:.0f} MHz"


def _at(content: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _said(value: Any) -> str:
    if value is None:
        return "not known"
    return ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)

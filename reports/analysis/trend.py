"""How the times of each op and provider change over many runs: over commits, or over devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.store.records import Record, Run
from harness.store.vocabulary import RunError
from harness.timing.estimators import Ratio, geometric_mean_ratio, verdict
from reports.analysis.ratios import ratio_between
from reports.text import wording


@dataclass(frozen=True)
class TrendPoint:
    """One run in one line of the trend."""

    run: int  # its place in the order of time
    ratio: Ratio | None  # its times over the first run's, geometric mean of the cases of both; None: none
    verdict: str  # against the run before: a word of statistics.verdict; empty for the first


@dataclass(frozen=True)
class Line:
    """One op, provider and regime over the runs."""

    op: str
    provider: str
    regime: str
    cases: int  # timed in every run, without a mark
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True)
class Label:
    """What tells a run from the others."""

    name: str
    created: str
    device: str
    commit: str


@dataclass(frozen=True)
class Trend:
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]

    @property
    def has_many_devices(self) -> bool:
        return len({label.device for label in self.labels}) > 1


def trend(runs: Sequence[Run]) -> Trend:
    """The runs in order of time. Raises RunError for fewer than two, or for runs with no case in common."""
    if len(runs) < 2:
        raise RunError("a trend is over two or more runs; name more of them")
    ordered = sorted(runs, key=lambda run: (str(run.manifest.created or ""), str(run.path)))
    timed = [
        {each.subject: each for each in run.records if each.role == "provider" and each.samples_s and not each.doubts}
        for run in ordered
    ]
    common = [key for key in timed[0] if all(key in each for each in timed)]
    if not common:
        raise RunError("the runs have no timed case in common that no mark speaks against; name runs of the same sweep")
    floors = [max((r.noise_floor for r in run.records if r.noise_floor is not None), default=None) for run in ordered]
    by_line: dict[tuple[str, str, str], list[tuple[Record, ...]]] = {}
    for key in common:
        first = timed[0][key]
        line = (first.op, first.provider, first.regime or "")
        by_line.setdefault(line, []).append(tuple(each[key] for each in timed))
    return Trend(
        tuple(map(_label, ordered)),
        tuple(Line(*line, len(cases), tuple(_points(cases, floors))) for line, cases in by_line.items()),
    )


def _points(cases: Sequence[tuple[Record, ...]], floors: Sequence[float | None]) -> Iterator[TrendPoint]:
    yield TrendPoint(0, Ratio(1.0, 1.0, 1.0), "")
    for number in range(1, len(floors)):
        to_previous = _mean([(case[number - 1], case[number]) for case in cases])
        known = [floor for floor in floors[number - 1 : number + 1] if floor is not None]
        said = verdict(to_previous, max(known) if len(known) == 2 else None)
        yield TrendPoint(number, _mean([(case[0], case[number]) for case in cases]), said)


def _mean(pairs: Sequence[tuple[Record, Record]]) -> Ratio | None:
    ratios = [ratio for a, b in pairs if (ratio := ratio_between(a, b)) is not None]
    return geometric_mean_ratio(ratios) if len(ratios) == len(pairs) else None


def _label(run: Run) -> Label:
    manifest = run.manifest
    return Label(run.path.name, str(manifest.created or "")[:16], manifest.device.name, wording.commit(run))

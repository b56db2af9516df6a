"""What an author quotes from a run: the rows that are valid, the reasons against the others, and sentences.

`reports.render.latex` sets them. Rows with a mark against their validity are never quoted.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.store import seal
from harness.store.provenance import Location, location
from harness.store.records import Record, Run
from harness.store.vocabulary import RunError
from reports.analysis.fleet import by_model
from reports.analysis.ratios import BASELINE
from reports.analysis.speedups import standings
from reports.analysis.summary import FLAGS, TimedGroup, TimedRow, conditions, groups
from reports.figures.naming import file_stem
from reports.text import wording
from reports.text.formatting import percent, significant, size_text, time_text

_CONDITIONS = {"cold": "cold cache", "warm": "warm cache", "host": "time of the host"}  # by TimedGroup.regime
OURS = "triton"  # the provider that is quoted first, where it was timed


QUICK_SWEEP = "smoke"


@dataclass(frozen=True)
class Selection:
    """Which rows are wanted; an empty set is all of them. `case` is a text in the keys of the wanted cases."""

    ops: Collection[str] = ()
    dtypes: Collection[str] = ()
    providers: Collection[str] = ()
    regimes: Collection[str] = ()  # "cold" holds graphs of rotated buffers too, which are cold; None is in any
    case: str = ""

    def holds(self, record: Record) -> bool:
        wanted = ((self.ops, record.op), (self.dtypes, record.dtype), (self.providers, record.provider))
        fits = all(not names or name in names for names, name in wanted)
        return fits and self._is_in_regime(record) and self.case.replace("×", "x") in record.case_key

    def _is_in_regime(self, record: Record) -> bool:
        return not self.regimes or record.regime is None or bool({record.regime, conditions(record)} & {*self.regimes})


@dataclass(frozen=True)
class Refused:
    """A row that is not to be quoted, and why."""

    record: Record
    why: str


class NotCitable(RunError):
    """A run of which nothing is to be quoted; `refused` holds what was looked at."""

    def __init__(self, message: str, refused: tuple[Refused, ...] = ()) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Citable:
    """What can be quoted from a run. No group is empty."""

    run: Run
    content_hash: str
    groups: tuple[TimedGroup, ...]
    refused: tuple[Refused, ...]
    sentences: tuple[str, ...]
    is_quick: bool  # the sweep is one for a first look
    location: Location | None  # where others find the run
    figure: str  # the stem of the figure that shows the first sentence, among the report's figures
    figure_of: str = ""  # the model of device that it is of, in a fleet


def citable(run: Run, selection: Selection) -> Citable:
    """The valid rows of a run with what to say of them.

    Raises RunError where the run was changed after it ended, or where no row is valid.
    """
    if seal.state(run.path) == seal.BROKEN:
        raise NotCitable(
            f"{run.path} was changed after it ended, so it cannot be cited; see: "
            f"elubench verify {shlex.quote(str(run.path))}"
        )
    wanted = [record for record in run.records if record.role == "provider" and selection.holds(record)]
    if not wanted:
        there = [record for record in run.records if record.role == "provider"]
        names = ", ".join(dict.fromkeys(record.provider for record in there)) or "none"
        regimes = ", ".join(sorted({record.regime for record in there if record.regime})) or "none"
        raise RunError(
            f"{run.path} holds no such row; it has {wording.cases_text(there)}; providers: {names}; regimes: {regimes}"
        )
    refused = tuple(Refused(record, why) for record in wanted if (why := objection(record)))
    found = _valid_groups(run, selection)
    if not found:
        raise NotCitable(f"{run.path} holds no row that can be cited", refused)
    parts = by_model(run)
    of_models = [(part, found if len(parts) == 1 else _valid_groups(part, selection)) for part in parts]
    headlines = [(part, own, _headline(own)) for part, own in of_models if own]
    first, _, (group, _) = headlines[0]
    figure = file_stem("bandwidth", group.op)
    return Citable(
        run=run,
        content_hash=seal.content_hash(run.path),
        groups=found,
        refused=refused,
        sentences=tuple(each for part, own, headline in headlines for each in _sentences(part, own, *headline)),
        is_quick=run.manifest.sweep.get("name") == QUICK_SWEEP,
        location=location(run.path),
        figure=figure if len(parts) == 1 else file_stem(figure, first.manifest.device.name),
        figure_of=first.manifest.device.name,
    )


def objection(record: Record) -> str | None:
    """Why a row must not be quoted; None where nothing is against it."""
    if record.outcome == "validated":
        return f"not timed: there was no GPU, and {wording.ran_by(record)} ran it"
    if record.outcome != "ok":
        return f"{record.outcome}: {record.reason or 'no reason was stored'}"
    if not record.samples_s or record.ci95_s is None:
        return "too few samples for an interval"
    if record.doubts:
        return "; ".join(FLAGS[flag][1] if flag in FLAGS else f"marked {flag}" for flag in record.doubts)
    return None


def _valid_groups(run: Run, selection: Selection) -> tuple[TimedGroup, ...]:
    return tuple(kept for group in groups(run) if (kept := _valid(group, selection)).rows)


def _valid(group: TimedGroup, selection: Selection) -> TimedGroup:
    """The group with its valid rows; a speed-up over a baseline that is not valid is none."""
    rows = (
        row if row.baseline is None or objection(row.baseline) is None else replace(row, speedup=None)
        for row in group.rows
        if row.record.role == "provider" and selection.holds(row.record) and objection(row.record) is None
    )
    return replace(group, rows=tuple(rows))


def is_told_apart(row: TimedRow) -> bool:
    """Whether the row differs from the baseline by more than the noise."""
    return row.speedup is not None and row.verdict in ("faster", "slower")


def _headline(found: Sequence[TimedGroup]) -> tuple[TimedGroup, TimedRow]:
    """The row that the first sentence is about: ours or else the most timed one, at its largest case, cold."""
    counts = Counter(row.record.provider for group in found for row in group.rows if row.record.provider != BASELINE)
    provider = OURS if OURS in counts else next((name for name, _ in counts.most_common(1)), BASELINE)
    rows = [(group, row) for group in found for row in group.rows if row.record.provider == provider]
    first_op = rows[0][0].op
    return max(
        (each for each in rows if each[0].op == first_op),
        key=lambda each: (each[0].regime == "cold", each[1].speedup is not None, each[1].record.bytes_moved),
    )


def _sentences(run: Run, found: Sequence[TimedGroup], group: TimedGroup, row: TimedRow) -> Iterator[str]:
    record = row.record
    assert record.ci95_s is not None
    device = run.manifest.device.name
    low, high = record.ci95_s
    text = (
        f"On {device}{_which(run, record)}, {record.provider} computes {record.op} of {size_text(record.shape)} "
        f"{record.dtype} elements in "
        f"{time_text(record.median_s)} (median of {len(record.samples_s)} samples, 95% interval "
        f"{time_text(low)} to {time_text(high)}, {_CONDITIONS[group.regime]}), "
        f"which is {significant(record.bandwidth_gbps)} GB/s"
    )
    if row.roof_fraction is not None:
        name = f" ({row.roof.provider})" if row.roof is not None else ""
        text += (
            f" and {percent(row.roof_fraction)}% of the {significant(record.roof_gbps)} GB/s that the fastest plain "
            f"stream with the same traffic{name} attains undisturbed in the same run"
        )
    yield text + _against_baseline(row) + "."
    yield from _overall(found, record.provider)


def _which(run: Run, record: Record) -> str:
    """Which device of its model a record is of, where the run has several of that model."""
    place = record.placement
    if place is None or sum(each.device.name == record.device for each in run.manifest.fleet) < 2:
        return ""
    return f" ({', '.join(part for part in (place.node, place.uuid) if part)})"


def _against_baseline(row: TimedRow) -> str:
    if row.record.provider == BASELINE or row.speedup is None:
        return ""
    if not is_told_apart(row):
        return f"; it is not told apart from {BASELINE} by more than the noise of the measurement"
    found = row.speedup
    return f", {found.ratio:.2f} times (95% interval {found.low:.2f} to {found.high:.2f}) the speed of {BASELINE}"


def _overall(found: Sequence[TimedGroup], provider: str) -> Iterator[str]:
    """The provider's means, op by op: a sentence where there are two cases and more."""
    for each in standings(found):
        if each.provider != provider or each.cases < 2:
            continue
        devices = {row.device for group in found if group.op == each.op for row in group.rows}
        on = f", on {len(devices)} devices of this model" if len(devices) > 1 else ""
        counts = {"faster": each.faster, "slower": each.slower}
        claims = ", ".join(f"{verdict} in {count}" for verdict, count in counts.items() if count)
        yield (
            f"Over {each.cases} valid cases of {each.op} ({_CONDITIONS[each.conditions]}{on}) it is "
            f"{claims or 'told apart from it in none'}: {each.mean:.2f} times the speed of {BASELINE} in the "
            f"geometric mean, from {each.least:.2f} to {each.most:.2f}."
        )

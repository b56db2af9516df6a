"""Means of speed-ups: the one place that says which rows they are over.

They are geometric, of cases without a mark on either side, and never over several kinds of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.timing.estimators import Ratio, geometric_mean
from reports.analysis.ratios import BASELINE, are_unmarked
from reports.analysis.summary import TimedGroup, TimedRow

# Kinds of time in the order in which they are shown.
_CONDITIONS = ("cold", "graph", "warm", "host")


def comparable(group: TimedGroup) -> list[TimedRow]:
    """The rows of a group whose speed-ups count: neither the row nor the baseline of its case carries a mark."""
    return [
        row
        for row in group.rows
        if row.speedup is not None
        and row.record.provider != BASELINE
        and row.baseline is not None
        and are_unmarked(row.record, row.baseline)
    ]


@dataclass(frozen=True)
class Standing:
    """How a provider stands against the baseline in one op and one kind of time, over the cases that count."""

    op: str
    provider: str
    conditions: str  # that of its groups: "cold", "graph", "warm" or "host"
    cases: int
    faster: int
    slower: int
    mean: float  # geometric, of the speed-ups
    least: float
    most: float

    @property
    def name(self) -> str:
        """The op, with the kind of time where that is not a cold cache: "elu", "elu warm"."""
        return self.op if self.conditions == "cold" else f"{self.op} {self.conditions}"


def standings(timed: Sequence[TimedGroup]) -> list[Standing]:
    """A cold cache first, by op in the order of the run, the fastest provider first."""
    rows: dict[tuple[str, str], dict[str, list[TimedRow]]] = {}
    for group in sorted(timed, key=lambda each: _CONDITIONS.index(each.regime)):
        for row in comparable(group):
            rows.setdefault((group.regime, group.op), {}).setdefault(row.record.provider, []).append(row)
    return [
        standing
        for (conditions, op), providers in rows.items()
        for standing in sorted(
            (_standing(op, provider, conditions, each) for provider, each in providers.items()),
            key=lambda each: -each.mean,
        )
    ]


def _standing(op: str, provider: str, conditions: str, rows: Sequence[TimedRow]) -> Standing:
    ratios = [speedup_of(row).ratio for row in rows]
    counts = Counter(row.verdict for row in rows)
    numbers = (geometric_mean(ratios), min(ratios), max(ratios))
    return Standing(op, provider, conditions, len(rows), counts["faster"], counts["slower"], *numbers)


def speedup_of(row: TimedRow) -> Ratio:
    """The speed-up of a row that has one."""
    assert row.speedup is not None
    return row.speedup

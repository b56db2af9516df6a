"""Verdicts by rule: a comparison's from its interval, a statement's from its comparisons. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.timing.estimators import median, median_ci

HOLDS, DOES_NOT, CANNOT_TELL = "holds", "does not", "cannot tell"
BELOW: Final = "below"
ABOVE: Final = "above"

Side = Literal["below", "above"]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Number:
    """A median over seeds with its distribution-free 95% interval, which few seeds do not give."""

    value: float | None
    ci95: Interval | None
    seeds: int


@dataclass(frozen=True)
class Criterion:
    """One thing that a statement says can be seen: a number that is to lie on one side of another.

    `counts` is False for what is shown beside a statement without being part of it.
    """

    label: str
    measure: str
    number: Number
    side: Side
    than: float  # 0 for differences, 1 for ratios
    counts: bool = True

    @property
    def verdict(self) -> str:
        return of_interval(self.number.ci95, self.side, self.than)


def of_interval(ci95: Interval | None, side: Side, than: float) -> str:
    """HOLDS where the whole interval lies on the side that is said, DOES_NOT where it lies on the other.

    An interval that holds `than` itself, as does no interval at all, cannot tell.
    """
    if ci95 is None:
        return CANNOT_TELL
    low, high = ci95
    if low > than or high < than:
        return HOLDS if (high < than) == (side == BELOW) else DOES_NOT
    return CANNOT_TELL


def of_comparisons(comparisons: Iterable[Criterion]) -> str:
    """HOLDS where every comparison that counts holds, DOES_NOT where one of them lies on the other side."""
    verdicts = [comparison.verdict for comparison in comparisons if comparison.counts]
    if DOES_NOT in verdicts:
        return DOES_NOT
    return HOLDS if verdicts and set(verdicts) == {HOLDS} else CANNOT_TELL


def number(values: Sequence[float]) -> Number:
    """The median of one value a seed, with its interval: for 6 to 8 seeds the least and the greatest value.

    That is the distribution-free interval of the median (estimators.median_ci): it assumes that seeds are independent
    and nothing about how values are distributed. With fewer than 6 seeds there is none at 95%.
    """
    if not values:
        return Number(None, None, 0)
    return Number(median(values), median_ci(values), len(values))


BySeed = Mapping[int, float]


def difference(ours: BySeed, theirs: BySeed) -> Number:
    """Ours minus theirs, paired by seed: equal seeds began with equal weights and saw equal batches."""
    return number([ours[seed] - theirs[seed] for seed in ours if seed in theirs])


def ratio(ours: BySeed, theirs: BySeed) -> Number:
    """Ours over theirs, paired by seed; a seed where theirs is not positive is left out."""
    return number([ours[seed] / theirs[seed] for seed in ours if theirs.get(seed, 0.0) > 0])

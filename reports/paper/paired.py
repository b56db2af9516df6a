"""The tests that verdicts rest on, for few paired seeds: exact, and without a word on how values are distributed. Pure.

Values may be infinite: a net that diverged is worse than any that did not, and does not drop out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.timing.estimators import median_ci

Interval = tuple[float, float]


@dataclass(frozen=True)
class Signs:
    """How many paired values lie below and above a threshold; what lies on it counts for neither side."""

    below: int
    above: int
    total: int


def signs(values: Sequence[float], than: float = 0.0) -> Signs:
    return Signs(sum(v < than for v in values), sum(v > than for v in values), len(values))


def at_least(k: int, n: int, p: float = 0.5) -> float:
    """The probability of k or more successes among n, each with probability p."""
    return min(1.0, math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(max(k, 0), n + 1)))


def sign_p(found: Signs) -> float:
    """The p-value of the two-sided sign test: the median of the values is the threshold.

    A value on the threshold stays in the number of trials and speaks for neither side, so ties never help.
    """
    return min(1.0, 2 * at_least(max(found.below, found.above), found.total)) if found.total else 1.0


def equivalence_p(values: Sequence[float], margin: float, about: float = 0.0) -> float:
    """The p-value of two one-sided sign tests: the median of the values lies within `margin` of `about`."""
    if not values or margin <= 0:
        return 1.0
    under = signs(values, about + margin).below
    over = signs(values, about - margin).above
    return at_least(min(under, over), len(values))


def _ranks(sizes: Sequence[float]) -> list[float]:
    """The rank of every size among all, from 1; equal ones share the mean of their ranks."""
    return [sum(other < size for other in sizes) + (list(sizes).count(size) + 1) / 2 for size in sizes]


def signed_ranks(values: Sequence[float]) -> tuple[float, float]:
    """Wilcoxon's sums of ranks of the negative and of the positive values; zeros are left out."""
    kept = [value for value in values if value]
    ranks = _ranks([abs(value) for value in kept])
    below = sum(rank for rank, value in zip(ranks, kept, strict=True) if value < 0)
    return below, sum(ranks) - below


def signed_rank_p(values: Sequence[float]) -> float:
    """The exact p-value of Wilcoxon's two-sided signed-rank test, ties included: all signs are counted.

    It assumes that differences are symmetric about their median, which the sign test does not.
    """
    kept = [value for value in values if value]
    ways = {0: 1}  # twice a sum of ranks: how many choices of signs give it
    for rank in _ranks([abs(value) for value in kept]):
        more = dict(ways)
        for total, count in ways.items():
            above = total + round(2 * rank)
            more[above] = more.get(above, 0) + count
        ways = more
    seen = round(2 * min(signed_ranks(kept)))
    extreme = sum(count for total, count in ways.items() if total <= seen)
    return float(min(1.0, 2 * extreme / 2 ** len(kept)))


def effect(values: Sequence[float]) -> float | None:
    """The paired effect size: the rank-biserial correlation, from -1 (all values below 0) to 1 (all above).

    The share of the ranks that are above 0 minus the share that are below. None where no value differs from 0.
    """
    below, above = signed_ranks(values)
    return (above - below) / (above + below) if above + below else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: at or below a level, all such claims together err so rarely."""
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    adjusted, least = [1.0] * len(p_values), 0.0
    for step, number in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - step) * p_values[number]))
        adjusted[number] = least
    return adjusted


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """The level that each p-value was held against by Holm's steps; 0 for those after the first that failed."""
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    levels = [0.0] * len(p_values)
    for step, number in enumerate(order):
        levels[number] = level / (len(p_values) - step)
        if p_values[number] > levels[number]:
            break
    return levels


def needed(n: int, level: float) -> int | None:
    """The least number of n seeds on one side that the sign test takes at `level`; None where n is too few."""
    return next((k for k in range(n // 2 + 1, n + 1) if 2 * at_least(k, n) <= level), None)


def power(n: int, level: float, p: float) -> float:
    """How probable that number is, where a seed lies on that side with probability p."""
    k = needed(n, level)
    return 0.0 if k is None else at_least(k, n, p)


def middle(values: Sequence[float]) -> float:
    """The median, of values that may be infinite. Raises ValueError for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values have a median")
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2


def interval(values: Sequence[float]) -> Interval | None:
    """The distribution-free 95% interval of the median (estimators.median_ci), of values that may be infinite."""
    ordered = sorted(values)
    places = median_ci(range(len(ordered))) if ordered else None
    return None if places is None else (ordered[int(places[0])], ordered[int(places[1])])

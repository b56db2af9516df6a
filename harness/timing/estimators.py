"""Estimators for timing samples: small pure functions. Each docstring states the assumptions and the source.

Times of a computer are bounded below, skewed above and often in clumps, so nothing here assumes a normal
distribution (Hoefler & Belli, "Scientific Benchmarking of Parallel Computing Systems", SC15).
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.store.vocabulary import Verdict

# Two sides whose ratio certainly lies within ±1% are said to be the same; the same within less cannot be useful.
SAME_WITHIN = 0.01
_RESAMPLES = 1000


def median(samples: Sequence[float]) -> float:
    """The sample median; the mean of the middle two for an even number of samples.

    Assumes nothing about the distribution. Up to half of the samples may be disturbed without moving it away.
    Raises ValueError for no samples or for one that is not finite.
    """
    return float(np.median(_finite(samples)))


def median_ci(samples: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """A distribution-free confidence interval of the population median: two of the samples themselves.

    Estimator: the j-th smallest and the j-th largest sample, with the largest j that keeps the coverage
    1 - 2 P(B < j) at or above `level`, where B ~ Binomial(n, 1/2) counts the samples below the median.
    None where even the extremes do not reach `level`: with fewer than 6 samples for 95%.

    Assumes independent samples of one distribution, of any shape; ties only widen the coverage. Successive
    times correlate, which makes the interval too narrow: interleaving what is timed weakens the correlation.

    Reference: David & Nagaraja, "Order Statistics", 3rd ed., section 7.1.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of a confidence interval lies between 0 and 1, not at {level}")
    values = np.sort(_finite(samples))
    rank = _rank(len(values), level)
    return None if rank == 0 else (float(values[rank - 1]), float(values[-rank]))


@dataclass(frozen=True)
class Ratio:
    """One time over another, with its 95% interval: 0.8 is a fifth less time, and a speed-up of 1 / 0.8."""

    ratio: float
    low: float
    high: float

    @property
    def inverse(self) -> Ratio:
        """The other over the one; of times, the speed-up."""
        return Ratio(1 / self.ratio, 1 / self.high, 1 / self.low)


def paired_ratio(a: Sequence[float], b: Sequence[float], seed: int = 0) -> Ratio | None:
    """How long `a` takes over `b`, where the n-th samples of both were taken in the same round.

    Estimator: the median of the paired ratios, taken in logarithms, so that exchanging the sides inverts it
    exactly. What slows both samples of a round, as a drifting clock does, cancels in their ratio.

    The interval is the wider of two, on either side. One is a percentile interval over circular-block
    bootstrap resamples (Politis & Romano, 1992), in blocks of 1.5 n^(1/3) rounds: neighbouring rounds
    correlate, and a block keeps that (Künsch, 1989; the order of growth is that of Hall, Horowitz & Jing,
    1995). The other is the order-statistic interval of `median_ci`, exact for few and independent rounds,
    where a bootstrap is too narrow.

    None for fewer than 6 pairs. Raises ValueError where the sides do not pair up or a time is not positive.
    """
    if len(a) != len(b):
        raise ValueError(f"pairs need as many samples on both sides, not {len(a)} and {len(b)}")
    logs = np.log(_positive(a)) - np.log(_positive(b))
    exact = median_ci(logs)
    if exact is None:
        return None
    low, high = np.quantile(_resampled_medians(logs, seed), (0.025, 0.975))
    middle = float(np.median(logs))
    return Ratio(math.exp(middle), math.exp(min(low, exact[0])), math.exp(max(high, exact[1])))


def unpaired_ratio(
    a_median: float, a_ci95: tuple[float, float] | None, b_median: float, b_ci95: tuple[float, float] | None
) -> Ratio | None:
    """The ratio of two medians that were not measured together, of two runs for instance.

    The interval is recovered from those of the medians, in logarithms: on each side the distances add up as
    squares do (MOVER; Zou & Donner, Statistics in Medicine 27, 2008). Assumes independent medians; a drift
    between the two measurements is not in it. None where a median has no interval.
    """
    if a_ci95 is None or b_ci95 is None:
        return None
    a, a_low, a_high = math.log(a_median), math.log(a_ci95[0]), math.log(a_ci95[1])
    b, b_low, b_high = math.log(b_median), math.log(b_ci95[0]), math.log(b_ci95[1])
    low = a - b - math.hypot(a - a_low, b_high - b)
    high = a - b + math.hypot(a_high - a, b - b_low)
    return Ratio(math.exp(a - b), math.exp(low), math.exp(high))


def noise_floor(control: Ratio) -> float:
    """The largest difference that an A/A comparison, of a thing with itself, does not rule out: 0.01 is ±1%.

    The farther end of the interval, not the ratio itself: two equal medians may be luck, and luck is no floor.
    """
    return max(control.high, 1 / control.low) - 1


def verdict(ratio: Ratio | None, noise_floor: float | None, tolerance: float = SAME_WITHIN) -> Verdict:
    """What can be claimed of a ratio of times.

    A difference is claimed where the whole interval lies beyond the noise floor of the A/A control, and
    sameness where it lies within ±`tolerance`, or within the floor where that is larger. Anything else is
    undecided: a matter for more samples, or for a quieter machine. So is everything where there was no control.
    """
    if ratio is None or noise_floor is None:
        return Verdict.UNDECIDED
    floor = 1 + noise_floor
    if ratio.high < 1 / floor:
        return Verdict.FASTER
    if ratio.low > floor:
        return Verdict.SLOWER
    within = max(floor, 1 + tolerance)
    return Verdict.SAME if 1 / within <= ratio.low and ratio.high <= within else Verdict.UNDECIDED


def _resampled_medians(values: np.ndarray, seed: int) -> np.ndarray:
    """The medians of circular-block bootstrap resamples.

    Ranks are drawn in place of the values, as small integers: finding their middle takes a tenth of the time.
    """
    count = len(values)
    block = math.ceil(1.5 * count ** (1 / 3))
    starts = np.random.default_rng(seed).integers(0, count, (_RESAMPLES, -(-count // block)))
    order = np.argsort(values, kind="stable")
    ranks = np.empty(count, np.uint16 if count <= 2**16 else np.uint32)
    ranks[order] = np.arange(count)
    blocks = np.lib.stride_tricks.sliding_window_view(np.concatenate((ranks, ranks[: block - 1])), block)
    middle = count // 2
    drawn = np.partition(blocks[starts].reshape(_RESAMPLES, -1)[:, :count], middle, axis=1)
    upper = values[order[drawn[:, middle]]]
    return upper if count % 2 else (values[order[drawn[:, :middle].max(axis=1)]] + upper) / 2


def _positive(samples: Sequence[float]) -> np.ndarray:
    values = _finite(samples)
    if values.min() <= 0:
        raise ValueError(f"a ratio needs positive times, and {values.min()} is among the samples")
    return values


def attained(samples: Sequence[float]) -> float:
    """The time that a stream attains when nothing disturbs it: the 5% quantile of the samples.

    For ceilings only. STREAM (McCalpin, 1995) takes the least of its times for the same reason: what slows a
    stream down is not the device. A quantile does not hang on one lucky reading of the clock.
    """
    return float(np.quantile(_finite(samples), 0.05))


def geometric_mean(ratios: Sequence[float]) -> float:
    """The geometric mean, the only mean of ratios that does not depend on which side is the baseline.

    Assumes positive ratios that weigh the same. Raises ValueError for none, or for one that is not positive.
    Reference: Fleming & Wallace, "How not to lie with statistics", CACM 29(3), 1986.
    """
    values = _finite(ratios)
    if values.min() <= 0:
        raise ValueError(f"a geometric mean needs positive ratios, and {values.min()} is among them")
    return float(np.exp(np.mean(np.log(values))))


def geometric_mean_ratio(ratios: Sequence[Ratio]) -> Ratio:
    """The geometric mean of ratios that were measured apart from each other, with the interval that theirs give.

    In logarithms the mean of n independent estimates: the distances of its limits add up as squares do, over n
    (MOVER; Zou & Donner, Statistics in Medicine 27, 2008). A disturbance that several of them share is not in it.
    """
    middle = math.log(geometric_mean([each.ratio for each in ratios]))
    below = math.hypot(*(math.log(each.ratio / each.low) for each in ratios)) / len(ratios)
    above = math.hypot(*(math.log(each.high / each.ratio) for each in ratios)) / len(ratios)
    return Ratio(math.exp(middle), math.exp(middle - below), math.exp(middle + above))


def relative_half_width(ci: tuple[float, float], centre: float) -> float:
    """Half the width of an interval over its centre: 0.005 reads "±0.5%". Infinite for a centre of 0.

    The interval of a median need not be symmetric about it; this is its width, not its farther end.
    """
    low, high = ci
    return (high - low) / 2 / abs(centre) if centre else math.inf


@functools.lru_cache(maxsize=4096)
def _rank(count: int, level: float) -> int:
    """The largest j with 2 P(B < j) <= 1 - level for B ~ Binomial(count, 1/2); 0 where there is none."""
    from scipy.special import bdtr  # not scipy.stats, whose import takes most of a second

    return bisect.bisect_right(range(count), (1 - level) / 2, key=lambda most: float(bdtr(most, count, 0.5)))


def _finite(samples: Sequence[float]) -> np.ndarray:
    values = np.asarray(samples, dtype=float)
    if values.size == 0:
        raise ValueError("there are no samples")
    if not np.isfinite(values).all():
        raise ValueError("a sample is not a finite number")
    return values

"""Estimators for timing samples: small pure functions, each saying what it assumes and where it comes from.

Times of a computer are bounded below, skewed above and often in clumps, so nothing here assumes a normal
distribution (Hoefler & Belli, "Scientific Benchmarking of Parallel Computing Systems", SC15).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


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


def relative_half_width(ci: tuple[float, float], centre: float) -> float:
    """Half the width of an interval over its centre: 0.005 reads "±0.5%". Infinite for a centre of 0.

    The interval of a median need not be symmetric about it; this is its width, not its farther end.
    """
    low, high = ci
    return (high - low) / 2 / abs(centre) if centre else math.inf


@functools.lru_cache(maxsize=4096)  # the binomial quantile costs more than sorting the samples
def _rank(count: int, level: float) -> int:
    """The largest j with 2 P(B < j) <= 1 - level for B ~ Binomial(count, 1/2); 0 where there is none."""
    tail = (1 - level) / 2
    rank = int(stats.binom.ppf(tail, count, 0.5))  # the smallest j with P(B <= j) >= tail
    return rank + 1 if stats.binom.cdf(rank, count, 0.5) <= tail else rank


def _finite(samples: Sequence[float]) -> np.ndarray:
    values = np.asarray(samples, dtype=float)
    if values.size == 0:
        raise ValueError("there are no samples")
    if not np.isfinite(values).all():
        raise ValueError("a sample is not a finite number")
    return values

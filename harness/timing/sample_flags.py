"""Flags samples that show a drift, a jump of the clock, two modes, or another process at work.

Every finding needs both size (it would matter to a reader) and evidence (it is no play of the noise): a flag on
clean samples would soon be read over. The thresholds are tried on simulated samples in
tests/harness/timing/test_sample_flags.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.store.vocabulary import Flag
from harness.timing.estimators import relative_half_width

LEAST_SAMPLES = 20
NOISY_HALF_WIDTH = 0.05  # of the interval of the median, on either side
SHIFT = 0.01  # a drift or a step of less than 1% is not told
CLUMPS_APART = 0.02
FAR = 0.05  # a disturbed sample is at least 5% slower than the median
DISTURBED_SHARE = 0.05
# How well the samples are in order: Spearman's correlation with time, and Cliff's delta of before and after. The
# trend is then larger than the noise, whatever the noise is like; a smaller one averages out over interleaved pairs.
_ORDERED = {Flag.DRIFTING: 0.7, Flag.FREQUENCY_STEP: 0.8}
_BY_CHANCE = 1e-5  # small, since the best of many splits is looked at and neighbouring samples correlate
# Ashman's D: distance of two groups in units of their spread. Cut in the middle, a normal distribution has 2.6 and
# a uniform one 3.5: with 5, two groups are there, and none of them is a long tail.
_ASHMAN_D = 5.0


def flags(
    samples_s: Sequence[float], median_s: float, ci95_s: tuple[float, float] | None, resolution_s: float = 0.0
) -> tuple[Flag, ...]:
    """The flags of one entry's samples, in the order in which they were taken.

    `resolution_s` is the finest difference that the clock tells: what it rounds into clumps is not bimodal.
    """
    found = []
    if ci95_s is None:
        found.append(Flag.FEW_SAMPLES)
    elif relative_half_width(ci95_s, median_s) > NOISY_HALF_WIDTH:
        found.append(Flag.NOISY)
    if len(samples_s) < LEAST_SAMPLES or min(samples_s) <= 0:
        return tuple(found)
    logs = np.log(samples_s)
    trend = _trend(logs)
    if trend:
        return (*found, trend)  # its parts would look like clumps, or like a neighbour's work
    if _is_bimodal(logs, resolution_s / median_s):
        return (*found, Flag.BIMODAL)
    return (*found, Flag.NOISY_NEIGHBOUR) if _has_neighbour(logs) else tuple(found)


def _trend(logs: np.ndarray) -> Flag | None:
    """DRIFTING or FREQUENCY_STEP: a line or one jump, whichever explains the smoothed samples better."""
    from scipy import ndimage  # not at the top, like stats below: it is for those who measure, not for their parents

    count = len(logs)
    window = min(51, max(5, count // 10) | 1)
    smooth = ndimage.median_filter(logs, window, mode="nearest")  # single slow samples are no trend
    split, step_error = _best_step(smooth)
    slope, line_error = _line(smooth)
    is_step = step_error <= line_error
    shift = float(np.median(logs[split:]) - np.median(logs[:split])) if is_step else slope * count
    if abs(shift) <= SHIFT:
        return None
    from scipy import stats  # not at the top: it takes most of a second, in every process that measures or validates

    if is_step:
        test = stats.mannwhitneyu(logs[:split], logs[split:])
        order = 2 * test.statistic / (split * (count - split)) - 1
    else:
        test = stats.spearmanr(np.arange(count), logs)
        order = test.statistic
    flag = Flag.FREQUENCY_STEP if is_step else Flag.DRIFTING
    return flag if abs(order) > _ORDERED[flag] and test.pvalue < _BY_CHANCE else None


def _best_step(values: np.ndarray) -> tuple[int, float]:
    """Where one jump explains the values best, and the squares that are left."""
    count = len(values)
    splits = _splits(count, 0.1)
    sums = np.cumsum(values)
    left, right = sums[splits - 1], sums[-1] - sums[splits - 1]
    explained = left**2 / splits + right**2 / (count - splits)
    best = int(np.argmax(explained))
    return int(splits[best]), float(np.sum(values**2) - explained[best])


def _splits(count: int, share: float) -> np.ndarray:
    """The sizes of the first of two parts, neither of which is smaller than the share, nor than 5."""
    least = max(5, int(share * count))
    return np.arange(least, count - least + 1)


def _line(values: np.ndarray) -> tuple[float, float]:
    """The slope of the least-squares line per sample, and the squares that it leaves."""
    places = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    slope = float(places @ centred / (places @ places))
    return slope, float(np.sum((centred - slope * places) ** 2))


def _is_bimodal(logs: np.ndarray, resolution: float) -> bool:
    """Two groups of at least a fifth each, by the split with the least variance inside (Otsu, 1979)."""
    values = np.sort(np.clip(logs, *np.quantile(logs, (0.01, 0.99))))
    count = len(values)
    splits = _splits(count, 0.2)
    sums, squares = np.cumsum(values), np.cumsum(values**2)
    low = sums[splits - 1] / splits
    high = (sums[-1] - sums[splits - 1]) / (count - splits)
    best = int(np.argmax(splits * (count - splits) * (high - low) ** 2))
    split, apart = int(splits[best]), float(high[best] - low[best])
    within = (squares[split - 1] / split - low[best] ** 2, (squares[-1] - squares[split - 1]) / (count - split))
    variance = max(0.0, within[0], within[1] - high[best] ** 2)  # of the wider group
    gap = np.quantile(values[split:], 0.1) - np.quantile(values[:split], 0.9)  # a tail has none
    return gap > apart / 2 and apart > max(CLUMPS_APART, 2 * resolution, _ASHMAN_D * math.sqrt(variance))


def _has_neighbour(logs: np.ndarray) -> bool:
    """A share of the samples far above the rest, more than a timer's interrupt makes and more than skew explains."""
    middle = np.median(logs)
    below = 1.4826 * np.median(middle - logs[logs <= middle])
    far = int(np.count_nonzero(logs > middle + max(FAR, 8 * below)))
    return far >= max(3, DISTURBED_SHARE * len(logs))

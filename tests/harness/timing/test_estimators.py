from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.timing.estimators import geometric_mean, median, median_ci, relative_half_width

times = st.floats(min_value=1e-9, max_value=1e3)
samples = st.lists(times, min_size=1, max_size=200)
levels = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def test_median_of_odd_and_even_counts():
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5


@pytest.mark.parametrize("estimate", [median, median_ci, geometric_mean])
@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [1.0, math.inf]])
def test_what_is_not_a_sample_is_refused(estimate, bad):
    with pytest.raises(ValueError, match="sample"):
        estimate(bad)


def test_95_percent_needs_6_samples():
    assert median_ci([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert median_ci([6.0, 1.0, 2.0, 3.0, 4.0, 5.0]) == (1.0, 6.0)


def test_known_ranks():
    """The tables of David & Nagaraja: ranks 2 and 9 of 10, 10 and 21 of 30, 40 and 61 of 100."""
    for count, low, high in [(10, 2, 9), (30, 10, 21), (100, 40, 61)]:
        assert median_ci([float(rank) for rank in range(1, count + 1)]) == (low, high)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 95.0, math.nan])
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        median_ci([1.0] * 10, level)


@given(samples, levels)
def test_the_interval_is_made_of_samples_and_holds_the_median(values, level):
    ci = median_ci(values, level)
    if ci is None:
        assert len(values) < 1 - math.log2(1 - level)  # even the extremes cover only 1 - 2^(1-n)
    else:
        assert ci[0] in values and ci[1] in values
        assert ci[0] <= median(values) <= ci[1]


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(values, shuffler):
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    assert median(shuffled) == median(values)
    assert median_ci(shuffled) == median_ci(values)


@given(samples, levels)
def test_the_interval_follows_any_monotone_change_of_scale(values, level):
    ci = median_ci(values, level)
    scaled = median_ci([math.log(value) for value in values], level)
    assert scaled == (None if ci is None else (math.log(ci[0]), math.log(ci[1])))


@given(samples)
def test_a_higher_level_is_a_wider_interval(values):
    narrow, wide = median_ci(values, 0.9), median_ci(values, 0.99)
    if narrow is not None and wide is not None:
        assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize("count", [6, 7, 12, 30, 31, 100, 999, 2000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_ranks_are_the_innermost_that_keep_the_level(count, level):
    low, high = median_ci([float(rank) for rank in range(1, count + 1)], level)
    assert low + high == count + 1
    outside = 2 * stats.binom.cdf(low - 1, count, 0.5)
    one_further_in = 2 * stats.binom.cdf(low, count, 0.5)
    assert outside <= 1 - level + 1e-12 < one_further_in + 1e-9


@pytest.mark.parametrize("count", [6, 10, 30, 101])
@pytest.mark.parametrize("draw", ["normal", "lognormal", "bimodal", "quantised"])
def test_coverage_is_at_least_the_level(count, draw):
    """By simulation, with a fixed seed; the margin is four standard errors of 4,000 trials."""
    generator = np.random.default_rng(20160222)
    trials, level = 4000, 0.95
    normal = generator.standard_normal((trials, count))
    drawn, true_median = {
        "normal": (normal, 0.0),
        "lognormal": (np.exp(normal), 1.0),
        "bimodal": (normal + 10 * (generator.random((trials, count)) < 0.3), _median_of_bimodal()),
        "quantised": (np.round(2 * normal), 0.0),
    }[draw]
    intervals = [median_ci(row) for row in drawn]
    covered = sum(low <= true_median <= high for low, high in intervals) / trials
    assert covered >= level - 4 * math.sqrt(level * (1 - level) / trials)


def _median_of_bimodal() -> float:
    """0.7 Φ(m) + 0.3 Φ(m - 10) = 1/2, where the second term is nothing."""
    return float(stats.norm.ppf(0.5 / 0.7))


def test_geometric_mean():
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)
    assert geometric_mean([1.0, 4.0, 16.0]) == pytest.approx(4.0)


@given(st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=1, max_size=50))
def test_the_geometric_mean_does_not_depend_on_the_baseline(ratios):
    inverted = geometric_mean([1 / ratio for ratio in ratios])
    assert geometric_mean(ratios) * inverted == pytest.approx(1.0)
    assert min(ratios) * (1 - 1e-9) <= geometric_mean(ratios) <= max(ratios) * (1 + 1e-9)


@pytest.mark.parametrize("ratios", [[1.0, 0.0], [1.0, -2.0]])
def test_a_ratio_is_positive(ratios):
    with pytest.raises(ValueError, match="positive"):
        geometric_mean(ratios)


def test_relative_half_width():
    assert relative_half_width((99.0, 101.0), 100.0) == pytest.approx(0.01)
    assert relative_half_width((5.0, 5.0), 5.0) == 0.0
    assert relative_half_width((0.0, 0.0), 0.0) == math.inf

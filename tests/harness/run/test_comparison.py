"""What is claimed of two timings: by simulation with fixed seeds, also where successive samples correlate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.timing.estimators import Ratio, median, median_ci, noise_floor, paired_ratio, unpaired_ratio, verdict

times = st.floats(min_value=1e-6, max_value=1e-3)
pairs = st.lists(st.tuples(times, times), min_size=6, max_size=60)


class Noise:
    """Times of some entries over some rounds: what a round has in common, and what each sample has alone."""

    def __init__(self, seed: int, correlation: float = 0.0, spread: float = 0.005, skew: float = 0.0) -> None:
        self.generator = np.random.default_rng(seed)
        self.correlation, self.spread, self.skew = correlation, spread, skew

    def times(self, rounds: int, *means: float) -> list[np.ndarray]:
        common = self._series(rounds)
        return [mean * np.exp(self.spread * (common + self._series(rounds))) for mean in means]

    def _series(self, rounds: int) -> np.ndarray:
        """An autoregression of first order with unit variance, and a skewed tail on top."""
        shocks = self.generator.standard_normal(rounds + 50)
        value, series = 0.0, []
        for shock in shocks:
            value = self.correlation * value + math.sqrt(1 - self.correlation**2) * shock
            series.append(value)
        return np.array(series[50:]) + self.skew * self.generator.standard_exponential(rounds)


def claims(noise: Noise, runs: int, rounds: int, truth: float) -> list[str]:
    """The verdicts on b over a, each run with an A/A control of its own."""
    found = []
    for run in range(runs):
        a, twin, b = noise.times(rounds, 1e-4, 1e-4, 1e-4 * truth)
        control = paired_ratio(twin, a, seed=run)
        assert control is not None
        found.append(verdict(paired_ratio(b, a, seed=run), noise_floor(control)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rounds", "noise"),
    [
        (30, Noise(1)),
        (60, Noise(2, correlation=0.7)),
        (100, Noise(3, correlation=0.5, spread=0.05, skew=2.0)),
    ],
    ids=["independent", "correlated", "correlated, wide and skewed"],
)
def test_equal_things_are_called_different_in_at_most_5_percent_of_1000_runs(rounds, noise):
    found = claims(noise, 1000, rounds, truth=1.0)
    assert sum(each in ("faster", "slower") for each in found) <= 50


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize(("truth", "called"), [(1.01, "slower"), (1 / 1.01, "faster")])
def test_a_difference_of_1_percent_is_called_on_clean_data(correlation, truth, called):
    found = claims(Noise(4, correlation, spread=0.003), 100, 100, truth)
    assert found.count(called) >= 95


def test_clean_equal_things_are_called_the_same():
    assert claims(Noise(5, spread=0.002), 100, 60, truth=1.0).count("same") >= 95


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_interval_covers_the_truth(correlation):
    """At least 95% less four standard errors of 1,000 trials where rounds are independent, and near it where not."""
    noise = Noise(6, correlation, spread=0.02, skew=1.0)
    covered = 0
    for run in range(1000):
        a, b = noise.times(80, 1.0, 1.1)
        found = paired_ratio(b, a, seed=run)
        covered += found.low <= 1.1 <= found.high
    assert covered / 1000 >= (0.922 if correlation == 0 else 0.90)


def test_what_slows_a_whole_round_cancels():
    drift = np.linspace(1.0, 1.5, 50)
    steady = np.tile([1.0, 1.001], 25)
    found = paired_ratio(2.0 * drift * steady, drift * steady[::-1])
    assert found.ratio == pytest.approx(2.0, rel=2e-3)
    assert found.high / found.low < 1.005


@given(pairs)
def test_exchanging_the_sides_inverts_the_ratio(pairs):
    a, b = zip(*pairs, strict=True)
    one, other = paired_ratio(a, b), paired_ratio(b, a).inverse
    assert (one.ratio, one.low, one.high) == pytest.approx((other.ratio, other.low, other.high), rel=1e-9)
    assert one.low <= one.ratio <= one.high


@given(pairs, st.integers(0, 5))
def test_a_seed_gives_the_same_interval_every_time(pairs, seed):
    a, b = zip(*pairs, strict=True)
    assert paired_ratio(a, b, seed) == paired_ratio(list(a), np.array(b), seed)


@pytest.mark.parametrize("count", [6, 7, 40, 401])
def test_the_interval_is_of_the_medians_of_resampled_blocks(count):
    """To the last bit, with ties among the ratios too: stored runs hold it, and are verified by making it again."""
    logs = np.random.default_rng(count).normal(scale=0.05, size=count).round(3)
    logs = np.log(np.exp(logs)) - np.log(np.ones(count))
    block = math.ceil(1.5 * count ** (1 / 3))
    starts = np.random.default_rng(5).integers(0, count, (1000, -(-count // block)))
    resamples = [[logs[(start + i) % count] for start in row for i in range(block)][:count] for row in starts]
    low, high = np.quantile(np.median(resamples, axis=1), (0.025, 0.975))
    exact = median_ci(logs)
    found = paired_ratio(np.exp(logs), np.ones(count), seed=5)
    assert (found.low, found.high) == (math.exp(min(low, exact[0])), math.exp(max(high, exact[1])))


def test_a_thing_is_the_same_as_itself():
    samples = list(np.random.default_rng(0).lognormal(size=40))
    assert paired_ratio(samples, samples) == Ratio(1.0, 1.0, 1.0)
    assert verdict(Ratio(1.0, 1.0, 1.0), 0.0) == "same"


def test_few_pairs_have_no_interval_and_no_verdict():
    assert paired_ratio([1.0] * 5, [2.0] * 5) is None
    assert verdict(None, 0.0) == "undecided"


def test_without_a_control_nothing_is_claimed():
    assert verdict(Ratio(0.5, 0.5, 0.5), None) == "undecided"


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [([1.0] * 6, [1.0] * 7, "6 and 7"), ([1.0] * 5 + [0.0], [1.0] * 6, "positive"), ([], [], "no samples")],
)
def test_what_does_not_pair_up_is_refused(a, b, named):
    with pytest.raises(ValueError, match=named):
        paired_ratio(a, b)


@pytest.mark.parametrize(
    ("low", "high", "floor", "word"),
    [
        (0.90, 0.98, 0.01, "faster"),
        (0.90, 0.98, 0.03, "undecided"),  # beyond 1, and within the noise
        (1.02, 1.10, 0.01, "slower"),
        (1.02, 1.10, 0.03, "undecided"),
        (0.995, 1.005, 0.0, "same"),
        (0.98, 1.005, 0.0, "undecided"),
        (0.98, 1.02, 0.03, "same"),  # within what the control cannot tell apart
        (1.002, 1.004, 0.0, "slower"),  # a difference that is certain is told, however small
    ],
)
def test_the_words_of_a_verdict(low, high, floor, word):
    assert verdict(Ratio(math.sqrt(low * high), low, high), floor) == word


def test_the_floor_is_the_farther_end():
    assert noise_floor(Ratio(1.0, 0.98, 1.01)) == pytest.approx(1 / 0.98 - 1)
    assert noise_floor(Ratio(1.0, 0.99, 1.03)) == pytest.approx(0.03)
    assert noise_floor(Ratio(1.0, 1.0, 1.0)) == 0


def test_two_separate_measurements():
    generator = np.random.default_rng(8)
    covered = 0
    for _ in range(1000):
        a, b = generator.lognormal(0.1, 0.02, 60), generator.lognormal(0.0, 0.05, 40)
        found = unpaired_ratio(median(a), median_ci(a), median(b), median_ci(b))
        covered += found.low <= math.exp(0.1) <= found.high
    assert covered >= 922  # 95% less four standard errors
    assert unpaired_ratio(1.0, None, 1.0, (1.0, 1.0)) is None

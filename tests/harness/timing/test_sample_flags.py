"""Samples that were disturbed on purpose are flagged, and clean ones are not: by simulation, with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes
from harness.timing.estimators import median, median_ci
from harness.timing.sample_flags import flags
from harness.timing.sampler import sample
from tests.harness.scripted_device import MIB, ScriptedCuda

COUNTS = (30, 100, 400)


def flags_of(samples, resolution_s=0.0):
    return flags(tuple(samples), median(samples), median_ci(samples), resolution_s)


def clean(generator, count):
    return 1e-4 * np.exp(0.004 * generator.standard_normal(count))


def correlated(generator, count):
    series = generator.standard_normal(count)
    for place in range(1, count):
        series[place] = 0.5 * series[place - 1] + 0.87 * series[place]
    return 1e-4 * np.exp(0.01 * series)


def skewed(generator, count):
    return 1e-4 * (1 + 0.05 * generator.standard_exponential(count))


def interrupted(generator, count):
    """Clean but for the timer's interrupt, in one sample of a hundred."""
    return clean(generator, count) * np.where(generator.random(count) < 0.01, 1.4, 1.0)


def drifting(generator, count):
    return clean(generator, count) * np.linspace(1.0, 1.05, count)


def step(generator, count):
    return clean(generator, count) * np.where(np.arange(count) < 0.6 * count, 1.0, 1.06)


def two_clumps(generator, count):
    return clean(generator, count) * np.where(generator.random(count) < 0.35, 1.08, 1.0)


def neighbour(generator, count):
    """Somebody else's work comes and goes, and costs between a tenth and twice the time."""
    busy = np.zeros(count, bool)
    for start in generator.integers(0, count, max(2, count // 20)):
        busy[start : start + 3] = True
    return clean(generator, count) * np.where(busy, 1.1 + generator.random(count), 1.0)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("samples", [clean, correlated, skewed, interrupted])
def test_what_is_not_disturbed_is_not_flagged(samples, count):
    generator = np.random.default_rng(11)
    flagged = [found for _ in range(300) if (found := flags_of(samples(generator, count)))]
    assert len(flagged) <= 9, "3% at most"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("samples", "flag"),
    [(drifting, "drifting"), (step, "frequency_step"), (two_clumps, "bimodal"), (neighbour, "noisy_neighbour")],
)
def test_what_is_disturbed_is_flagged_for_what_it_is(samples, flag, count):
    generator = np.random.default_rng(12)
    found = [flags_of(samples(generator, count)) for _ in range(100)]
    assert sum(flag in each for each in found) >= 85


@pytest.mark.parametrize("samples", [drifting, step, two_clumps])
def test_speeding_up_is_flagged_like_slowing_down(samples):
    slow = samples(np.random.default_rng(13), 100)
    assert flags_of(1e-8 / slow) == flags_of(slow) != ()


def test_the_clocks_own_steps_are_no_clumps():
    generator = np.random.default_rng(14)
    rounded = 0.5e-6 * np.round(generator.normal(10.25e-6, 0.2e-6, 200) / 0.5e-6)
    assert "bimodal" in flags_of(rounded)
    assert "bimodal" not in flags_of(rounded, resolution_s=0.5e-6)


def test_few_samples_and_wide_intervals():
    assert flags_of([1.0] * 5) == ("few_samples",)
    assert flags_of([1.0, 1.3] * 10) == ("noisy", "bimodal")
    assert flags_of([1.0] * 30) == ()


# The same, through the whole way of a sample: a scripted device whose own clock is disturbed.


def scripted(slowdown, noise=0.002):
    generator = np.random.default_rng(15)
    return ScriptedCuda(slowdown=lambda time_s: slowdown(time_s) * float(np.exp(noise * generator.standard_normal())))


@pytest.mark.parametrize(
    ("slowdown", "expected"),
    [
        (lambda time_s: 1.0, set()),
        (lambda time_s: 1.0 + time_s, {"drifting"}),
        (lambda time_s: 1.0 if time_s < 0.04 else 1.1, {"frequency_step"}),
        (lambda time_s: 1.1 if int(time_s * 1e4) % 5 < 2 else 1.0, {"bimodal"}),
        (lambda time_s: 1.5 + (time_s * 1e3) % 1 if time_s % 0.01 < 0.0012 else 1.0, {"noisy_neighbour"}),
    ],
    ids=["steady", "drift", "step", "two clocks", "neighbour"],
)
def test_a_disturbed_device_is_flagged(slowdown, expected):
    cuda = scripted(slowdown)
    device = cuda.as_device()
    calls = {name: [cuda.kernel(name, x=64 * MIB)] for name in ("a", "b")}
    for (call,) in calls.values():
        call()
    setting = regimes.setting("cold", calls, 64 * MIB, device, cuda)
    rule = StopRule(min_samples=200, max_samples=200, warmup_seconds=0.0)
    for taken in sample(setting.calls, setting.clock, rule, seed=1).values():
        found = flags(taken.samples_s, taken.median_s, taken.ci95_s, setting.resolution_s)
        assert set(found) - {"noisy"} == expected

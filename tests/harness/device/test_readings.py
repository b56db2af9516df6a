"""Clocks that are read through the samples of a case, on a scripted GPU whose clock is held or wanders."""

from __future__ import annotations

import pytest

from harness.device import health
from harness.device.readings import EVERY_S, Readings
from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes
from harness.timing.sampler import sample
from tests.harness.scripted_device import MIB, ScriptedCuda
from tests.harness.scripted_nvml import ScriptedNvml

RULE = StopRule(min_samples=2500, max_samples=2500)


def timed(cuda, regime="cold", watch=None, **how):
    device, size = cuda.as_device(), 64 * MIB
    calls = {"a": [cuda.kernel("a", x=size)]}
    setting = regimes.setting(regime, calls, size, device, cuda)
    readings = Readings(ScriptedNvml.of(cuda, **how), setting.clock.now)
    return readings, sample(setting.calls, setting.clock, RULE, 0, readings.beside(watch))["a"]


def flags(readings):
    still = {"cpu": health.reader(health_device())()["cpu"], "gpu": {"slowed_by": ()}}
    return health.between(still, still, readings.slowed_by())


def health_device():
    from harness.device.devices import find_device

    return find_device("cpu")


def test_clocks_are_read_through_the_samples_and_seldom():
    cuda = ScriptedCuda(slowdown=lambda time_s: 1.0 if time_s < 0.6 else 1.25)
    readings, taken = timed(cuda)
    assert 5 <= len(readings.taken) <= 1 + taken.measured_s / EVERY_S
    assert set(readings.sm_clocks_mhz) == {2000, 1600} and set(readings.memory_clocks_mhz) == {3000}
    assert flags(readings)["flags"] == []


def test_a_device_that_is_held_at_59_percent_of_its_clock_ends_in_time_and_is_throttled():
    cuda = ScriptedCuda(slowdown=lambda time_s: 1 / 0.59)
    readings, taken = timed(cuda)
    assert taken.is_settled and cuda.host_s < 2.0
    found = flags(readings)
    assert found["flags"] == ["throttled"]
    assert found["slowed_by"] == ["an SM clock of 1180 of 2000 MHz"]


@pytest.mark.parametrize(("often", "marked"), [(2, True), (20, False)])
def test_a_reason_counts_where_it_is_there_often_enough_to_move_a_median(often, marked):
    cuda = ScriptedCuda()
    readings, _ = timed(cuda)
    library = ScriptedNvml(cuda)
    readings._gpu = health.Nvml(library, "handle")
    for number in range(20):
        library.reasons = 0x4 if number % often == 0 else 0
        readings._due_s = 0.0
        readings.take()
    assert (readings.slowed_by() == ["power cap"]) is marked


def test_a_device_that_idles_between_launches_lowers_its_clock_by_itself():
    readings, _ = timed(ScriptedCuda(slowdown=lambda time_s: 3.0), regime="host")
    assert readings.slowed_by(is_busy=False) == []


def test_another_watch_goes_first_and_without_nvml_there_are_no_readings():
    seen = []
    cuda = ScriptedCuda()
    timed(cuda, watch=lambda entry, slot, sets: lambda: seen.append(entry))
    assert len(seen) >= 30
    assert Readings("no NVML", lambda: 0.0).slowed_by() == []

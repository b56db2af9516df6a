"""The cases of a sweep under pytest-benchmark: `pytest tests/bench --benchmark-only [--sweep NAME]`.

pytest-benchmark's own clock would time an asynchronous launch. So the suite measures each case as `elubench run`
does (gate, worker process, regime, interleaved samples, roofs, audits), and pytest-benchmark is given a timer that
goes on by device time alone: its rounds are the suite's samples, one by one.
"""

from __future__ import annotations

import pytest

from harness.providers import name_of
from reports.publish.pytest_benchmark import extra_info


class DeviceTime:
    """A timer that stands still but for the samples that it is told to let pass."""

    __name__ = "device_time"

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def let_pass(self, sample_s):
        self.now_s += sample_s


device_time = DeviceTime()


@pytest.mark.benchmark(timer=device_time)
def test_case(benchmark, measured, case_key, spec):
    record = measured(case_key)[name_of(spec)]
    if record.outcome in ("rejected", "crashed", "timeout"):
        pytest.fail(f"{record.outcome}: {record.reason}", pytrace=False)
    if record.outcome != "ok":  # unsupported, out of memory, or right and not timed for want of a GPU
        pytest.skip(f"{record.outcome}: {record.reason}")
    benchmark.group = case_key
    benchmark.extra_info.update(extra_info(record))
    samples = iter(record.samples_s)
    device_time.now_s = 0.0  # so that small times are not lost in a large sum
    benchmark.pedantic(lambda: device_time.let_pass(next(samples)), rounds=len(record.samples_s), iterations=1)
    assert benchmark.stats.stats.median == pytest.approx(record.median_s)

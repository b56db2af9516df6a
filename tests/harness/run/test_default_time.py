"""How long the default sweep keeps an H100 and its host: at its real sizes, by the clock of the scripted device."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from harness.device.devices import Device
from harness.run.recording import CONTROL
from harness.run.runner import CURVE_STOP
from harness.sweeps.sweep import load
from harness.timing import regimes, roofs
from harness.timing.energy import energy_of
from harness.timing.estimators import median
from harness.timing.sampler import sample
from tests.harness.scripted_device import MIB, ScriptedCuda, ScriptedGraph
from tests.harness.scripted_nvml import ScriptedNvml

H100 = Device("cuda", "cuda:0", "Scripted H100", 50 * MIB, 80 * 2**30, 132, "sm_90", 3352.0)
NOISE = random.Random(1)


class _Graph(ScriptedGraph):
    """Once it has been replayed twice, each replay takes as long as the one before it."""

    def __init__(self, cuda):
        super().__init__(cuda)
        self._took_s = []

    def replay(self):
        if len(self._took_s) == 2:
            self._cuda.host_s += self._cuda.launch_s
            self._cuda._queue(self._took_s[-1])
            return
        began_s = max(self._cuda.host_s, self._cuda.stream_s)
        super().replay()
        self._took_s.append(self._cuda.stream_s - began_s)


class _Cuda(ScriptedCuda):
    """Times vary by 1% from one to the next, as they do."""

    def __init__(self):
        super().__init__(l2_bytes=H100.last_level_cache_bytes, memory_gbps=3000.0, kernel_s=1.5e-6,
                         slowdown=lambda time_s: NOISE.gauss(1.0, 0.01))  # fmt: skip

    def CUDAGraph(self):
        return _Graph(self)


def _sampled(cuda, calls, size, rule, energy_s=0.0, only=None):
    cold = regimes.setting("cold", calls, size, H100, cuda)
    quickest_s = min(median([cold.clock.time_call(bound[0]) for _ in range(5)]) for bound in calls.values())
    chosen = [regimes.choose(quickest_s, size, H100)[0]] if only is None else only
    for regime in chosen:
        setting = regimes.setting(regime, calls, size, H100, cuda)
        taken = sample(setting.calls, setting.clock, rule, seed=0)
        assert all(each.is_settled for each in taken.values()), "unsettled"
        if energy_s:
            for name in ("eager", "compile", "triton"):
                energy_of(setting.calls[name], ScriptedNvml.of(cuda).energy_mj, energy_s, cuda)
    return chosen


def _entries(cuda, names, sets, reads, out):
    return {
        name: [cuda.kernel(f"set {number}", x=reads, out=out) for number in range(sets)] for name in names
    }  # every entry takes the time of memory


@pytest.mark.slow
def test_the_default_sweep_takes_a_gpu_and_its_host_at_most_5_minutes():
    cuda, sweep, seen = _Cuda(), load("default"), []
    alike = Counter((case.bytes_moved, sum(spec.nbytes for spec in case.outputs), case.roof) for case in sweep.cases)
    for (size, out, roof), count in alike.items():
        began_s = cuda.host_s
        sets = regimes.sets(sweep.regimes, size, H100)
        names = [*sweep.providers, CONTROL, *(f"roof {each}" for each in roofs.streams(roof, "cuda"))]
        calls = _entries(cuda, names, sets, size - out, out)
        seen += _sampled(cuda, calls, size, sweep.stop, sweep.energy_seconds)
        cuda.host_s += (count - 1) * (cuda.host_s - began_s)
    assert {"cold", "graph"} <= set(seen), "both kinds of case are in it"
    for point in roofs.curve_cases(H100):
        size = roofs.working_set_bytes(point)
        sets = regimes.sets(["auto", "warm"], size, H100)
        calls = _entries(cuda, roofs.streams(point.op, "cuda"), sets, size // 2, size // 2)
        _sampled(cuda, calls, size, CURVE_STOP)
        _sampled(cuda, calls, size, CURVE_STOP, only=["warm"])
    assert 60 < cuda.host_s <= 300, f"{cuda.host_s:.0f} s"

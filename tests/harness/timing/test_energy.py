"""The energy of a call, by a counter that moves in steps."""

from __future__ import annotations

import pytest
import torch

from harness.device.devices import find_device
from harness.device.health import Nvml
from harness.timing.energy import energy_of
from tests.harness.scripted_device import MIB, ScriptedCuda
from tests.harness.scripted_nvml import ScriptedNvml


@pytest.mark.parametrize("step_s", [1e-3, 0.02, 0.1])
@pytest.mark.parametrize("kernel_s", [20e-6, 1e-3, 30e-3])
def test_it_is_power_times_the_time_of_a_call(kernel_s, step_s):
    cuda = ScriptedCuda(kernel_s=kernel_s)
    counter = ScriptedNvml.of(cuda, step_s=step_s).energy_mj
    calls = [cuda.kernel(f"set {number}", x=number) for number in (1, 2)]
    found = energy_of(calls, counter, 0.2, cuda)
    assert found.power_w == pytest.approx(500.0, rel=0.2 if kernel_s > 0.01 else 0.03)
    assert found.per_call_j == pytest.approx(500.0 * kernel_s, rel=0.3 if kernel_s > 0.01 else 0.03)
    assert {cuda.log.count("set 1") - cuda.log.count("set 2")} <= {0, 1}, "in turn"


@pytest.mark.parametrize("how", [{"power_w": None}, {"step_s": 1e9}])
def test_without_a_counter_or_with_one_that_stands_still_there_is_none_and_an_end(how):
    cuda = ScriptedCuda()
    assert energy_of([cuda.kernel("a", x=MIB)], ScriptedNvml.of(cuda, **how).energy_mj, 0.2, cuda) is None
    assert cuda.host_s < 1.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_real_gpu_uses_no_more_than_its_limit():
    gpu = Nvml.of(find_device("cuda:0"))
    if not isinstance(gpu, Nvml) or gpu.energy_mj() is None:
        pytest.skip("no counter of energy")
    x = torch.randn(2**26, device="cuda:0")
    found = energy_of([lambda: torch.neg(x, out=x)], gpu.energy_mj, 0.3, torch.cuda)
    assert found is not None
    assert 20 < found.power_w < 1.2 * (gpu.settings()["power_limit_w"] or 2000)

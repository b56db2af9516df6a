"""The scripted GPU is as strict as CUDA, and what times it keeps to what CUDA allows."""

from __future__ import annotations

import pytest
import torch

from harness.store.vocabulary import Regime
from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes
from harness.timing.clocks import CudaClock
from harness.timing.regimes import CaptureFailed
from harness.timing.sampler import sample
from tests.harness.scripted_device import MIB, ScriptedCuda

RULE = StopRule(min_samples=30, max_samples=30, warmup_seconds=1e-3)


def captured(cuda, call):
    graph = cuda.CUDAGraph()
    with cuda.stream(cuda.Stream()):
        graph.capture_begin()
        try:
            call()
        finally:
            graph.capture_end()
    return graph


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda cuda: cuda.synchronize(),
        lambda cuda: cuda.Event(enable_timing=True).query(),
        lambda cuda: cuda.Event(enable_timing=True).synchronize(),
        lambda cuda: cuda.kernel("never launched", x=MIB)(),
    ],
    ids=["synchronise", "query", "wait", "load a module"],
)
def test_what_waits_fails_in_a_capture_and_spoils_it(forbidden):
    cuda = ScriptedCuda()
    with pytest.raises(RuntimeError, match="previous error during capture"):
        captured(cuda, lambda: forbidden(cuda))
    assert (cuda.depth, cuda.capturing, cuda.is_generator_capturing) == (0, None, True)


def test_what_is_captured_runs_when_it_is_replayed():
    cuda = ScriptedCuda()
    call = cuda.kernel("a", x=MIB)
    call()
    graph = captured(cuda, call)
    assert cuda.log.count("a") == 1
    graph.replay()
    assert cuda.log.count("a") == 2


def test_after_a_failed_capture_cold_calls_are_timed_as_before():
    """The flush has a generator of its own: that of torch 2.11 still thinks that it is captured."""
    cuda = ScriptedCuda()
    device, size = cuda.as_device(), 32 * MIB
    calls = {"a": [cuda.kernel("a", x=size)], "waits": [cuda.synchronize]}
    with pytest.raises(CaptureFailed, match="waits cannot be captured"):
        regimes.setting(Regime.GRAPH, calls, size, device, cuda)
    assert cuda.is_generator_capturing and cuda.depth == 0
    setting = regimes.setting(Regime.COLD, {"a": calls["a"]}, size, device, cuda)
    cold_s = cuda.kernel_s + size / 1e9 / cuda.memory_gbps
    assert sample(setting.calls, setting.clock, RULE, 0)["a"].median_s == pytest.approx(cold_s, abs=1e-6)


@pytest.mark.parametrize("regime", ["cold", "graph", "warm", "host"])
def test_the_error_of_a_kernel_stays_and_no_time_is_told_of_it(regime):
    cuda = ScriptedCuda()
    calls = {"sound": [cuda.kernel("sound", x=MIB)], "faulty": [cuda.faulty()]}
    with pytest.raises((RuntimeError, CaptureFailed), match="illegal memory access"):
        setting = regimes.setting(regime, calls, MIB, cuda.as_device(), cuda)
        sample(setting.calls, setting.clock, RULE, 0)
    for forbidden in (cuda.synchronize, cuda.flush, calls["sound"][0], lambda: CudaClock("cuda:0", None, cuda)):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            forbidden()


def test_memory_runs_out_for_who_asks_and_no_other():
    cuda = ScriptedCuda()
    cuda.allocate(60 * 2**30)
    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        cuda.allocate(8 * 2**30)
    cuda.allocate(2 * 2**30)
    cuda.kernel("a", x=MIB)()

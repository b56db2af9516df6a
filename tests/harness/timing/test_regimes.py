"""Each regime on a scripted device, whose times tell whether the conditions were kept."""

from __future__ import annotations

import dataclasses
import gc

import pytest

from harness.device.devices import find_device
from harness.store.vocabulary import Flush
from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes
from harness.timing.clocks import CudaClock
from harness.timing.regimes import CaptureFailed, NotPossible, graph
from harness.timing.sampler import sample
from tests.harness.scripted_device import MIB, ScriptedCuda

QUICK = StopRule(min_samples=30, max_samples=60, warmup_seconds=1e-3)


def entries(cuda: ScriptedCuda, size: int, sets: int, *names: str):
    """Calls that read and write `size` bytes in total, each on buffers of its own set."""
    return {
        name: [cuda.kernel(f"set {number}", x=size // 2, out=size // 2) for number in range(sets)]
        for name in names or ("a",)
    }


def timed(cuda: ScriptedCuda, regime: str, size: int, sets: int | None = None):
    """The median in a regime, with as many sets as it asks for unless told otherwise, and the setting."""
    device = cuda.as_device()
    count = regimes.sets([regime], size, device) if sets is None else sets
    setting = regimes.setting(regime, entries(cuda, size, count), size, device, cuda)
    return sample(setting.calls, setting.clock, QUICK, seed=0)["a"].median_s, setting


def true_time(cuda: ScriptedCuda, size: int, gbps: float) -> float:
    return cuda.kernel_s + size / 1e9 / gbps


def test_cold_times_are_those_of_memory_with_nothing_subtracted_for_the_flush():
    cuda = ScriptedCuda()
    time_s, setting = timed(cuda, "cold", 32 * MIB)
    assert time_s == pytest.approx(true_time(cuda, 32 * MIB, cuda.memory_gbps), abs=CudaClock.resolution_s)
    assert setting.flags == () and "written over" in setting.why
    assert cuda.log[-5:] == ["flush", "spin", "event", "set 0", "event"]


@pytest.mark.parametrize(
    ("kind", "written_back", "said"), [("dirty", 2, "finds its lines dirty"), ("clean", 1, "finds its lines clean")]
)
def test_what_the_flush_leaves_is_a_choice_that_is_the_same_for_all_and_said(kind, written_back, said):
    """Behind a dirty flush a call has as much to write back as it touches; behind a clean one, nothing."""
    cuda = ScriptedCuda(write_back_gbps=2000.0)
    size, device = 32 * MIB, cuda.as_device()
    setting = regimes.setting("cold", entries(cuda, size, 1, "a", "roof copy"), size, device, cuda, Flush(kind))
    sampled = sample(setting.calls, setting.clock, QUICK, seed=0)
    wanted_s = true_time(cuda, written_back * size, cuda.memory_gbps)
    for name in ("a", "roof copy"):
        assert sampled[name].median_s == pytest.approx(wanted_s, abs=CudaClock.resolution_s)
    assert setting.flush == kind and said in setting.why


def test_lines_that_persist_outlive_a_flush_and_are_reset_before_each_sample():
    cuda, size = ScriptedCuda(), 16 * MIB
    cuda.l2.carve_out, cuda.l2.persisting = size, {"set 0.x", "set 0.out"}
    calls = entries(cuda, size, 1)
    setting = regimes.setting("cold", calls, size, cuda.as_device(), cuda)
    cold_s = true_time(cuda, size, cuda.memory_gbps)
    assert sample(setting.calls, setting.clock, QUICK, seed=0)["a"].median_s == pytest.approx(cold_s, abs=1e-6)
    cuda.reset_persisting_l2 = lambda: None  # without it the same calls would be warm
    setting = regimes.setting("cold", calls, size, cuda.as_device(), cuda)
    assert sample(setting.calls, setting.clock, QUICK, seed=0)["a"].median_s < cold_s / 2


def test_without_a_flush_the_same_call_would_be_warm():
    """What the regime defends against: the device's L2 does keep what is touched again."""
    cuda = ScriptedCuda()
    (call,) = entries(cuda, 32 * MIB, 1)["a"]
    call()
    clock = CudaClock("cuda:0", None, cuda)
    clock.time_call(call)
    assert clock.time_call(call) == pytest.approx(true_time(cuda, 32 * MIB, cuda.l2_gbps), abs=1e-6)


def test_a_graph_resolves_what_events_cannot():
    cuda = ScriptedCuda(kernel_s=1.3e-6)
    size = MIB
    time_s, setting = timed(cuda, "graph", size)
    assert time_s == pytest.approx(true_time(cuda, size, cuda.memory_gbps), rel=2e-3)
    assert setting.buffer_sets == 150 and setting.flags == ()
    assert setting.resolution_s < 1e-9
    one_by_one, _ = timed(ScriptedCuda(kernel_s=1.3e-6), "cold", size)
    assert abs(one_by_one - true_time(cuda, size, cuda.memory_gbps)) > 0.05e-6


def test_a_graph_holds_about_5_ms_of_whole_rotations():
    cuda = ScriptedCuda()
    _, setting = timed(cuda, "graph", 10 * MIB)
    calls = setting.calls_per_sample["a"]
    assert calls % setting.buffer_sets == 0
    assert 5e-3 <= calls * true_time(cuda, 10 * MIB, cuda.memory_gbps) < 5.2e-3


@pytest.mark.parametrize(("sets", "calls"), [(1, 10_000), (8, 2**15)])
def test_a_graph_of_a_tiny_kernel_is_capped_in_calls(sets, calls):
    """Else a kernel of some nanoseconds would make a graph of millions (tritonbench 1034)."""
    cuda = ScriptedCuda(kernel_s=1e-9)
    setting = regimes.setting("graph", entries(cuda, 64, sets), 64, cuda.as_device(), cuda)
    assert setting.calls_per_sample["a"] == calls


@pytest.mark.parametrize(("sets", "flags"), [(1, ("not_cold",)), (9, ("not_cold",)), (10, ()), (15, ())])
def test_a_rotation_that_does_not_exceed_the_l2_twice_is_marked_warm(sets, flags):
    cuda = ScriptedCuda()
    time_s, setting = timed(cuda, "graph", 10 * MIB, sets)
    assert setting.flags == flags
    cold_s = true_time(cuda, 10 * MIB, cuda.memory_gbps)
    assert (time_s == pytest.approx(cold_s, rel=0.01)) is (sets >= 5), "the device's L2 holds 5 sets of 10 MiB"


def test_warm_finds_its_data_in_the_l2_and_says_when_it_cannot():
    cuda = ScriptedCuda()
    time_s, setting = timed(cuda, "warm", 10 * MIB)
    assert time_s == pytest.approx(true_time(cuda, 10 * MIB, cuda.l2_gbps), rel=0.01)
    assert setting.flags == () and setting.buffer_sets == 1
    time_s, setting = timed(cuda, "warm", 120 * MIB)
    assert time_s == pytest.approx(true_time(cuda, 120 * MIB, cuda.memory_gbps), rel=0.01)
    assert setting.flags == ("not_resident",) and "exceeds" in setting.why


def test_host_is_the_time_until_the_launch_returns_whatever_the_kernel_takes():
    cuda = ScriptedCuda(launch_s=7e-6)
    time_s, _ = timed(cuda, "host", 512 * MIB)
    assert time_s == pytest.approx(7e-6)


def test_a_launch_is_hidden_behind_a_longer_spin():
    cuda = ScriptedCuda(launch_s=300e-6)
    time_s, setting = timed(cuda, "cold", 32 * MIB)
    assert time_s == pytest.approx(true_time(cuda, 32 * MIB, cuda.memory_gbps), abs=CudaClock.resolution_s)
    assert setting.clock.unhidden_calls == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_no_collection_while_a_graph_is_captured(enabled):
    seen = []
    cuda = ScriptedCuda()
    inner = cuda.kernel("a", x=MIB)

    def call():
        seen.append(gc.isenabled())
        inner()

    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        graph.captured({"a": [call]}, cuda.as_device(), cuda)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
    assert seen and not any(seen)


@pytest.mark.parametrize("regime", ["graph", "warm"])
def test_a_kernel_is_loaded_before_the_capture_that_could_not_load_it(regime):
    cuda = ScriptedCuda()
    fresh = entries(cuda, MIB, 3, "a", "b")
    setting = regimes.setting(regime, fresh, MIB, cuda.as_device(), cuda)
    assert sorted(setting.calls) == ["a", "b"]


@pytest.mark.parametrize("regime", ["graph", "warm"])
def test_what_cannot_be_captured_is_named_with_its_first_error_and_leaves_no_stream(regime):
    cuda = ScriptedCuda()
    with pytest.raises(
        CaptureFailed, match=r"mine cannot be captured .* not permitted when stream is capturing"
    ) as told:
        regimes.setting(regime, {"mine": [cuda.synchronize]}, MIB, cuda.as_device(), cuda)
    assert told.value.entry == "mine"
    assert cuda.depth == 0 and cuda.capturing is None


@pytest.mark.parametrize(
    ("time_s", "size", "memory", "chosen", "why"),
    [
        (49e-6, MIB, 64 * 2**30, "graph", "too short for events"),
        (50e-6, MIB, 64 * 2**30, "cold", "to 1%"),
        (10e-6, 40 * MIB, 480 * MIB, "graph", "too short for events"),
        (10e-6, 30 * MIB, 32 * MIB, "cold", "no room for a rotation"),
    ],
)
def test_the_regime_is_chosen_by_time_and_working_set(time_s, size, memory, chosen, why):
    device = dataclasses.replace(ScriptedCuda().as_device(), memory_bytes=memory)
    name, reason = regimes.choose(time_s, size, device)
    assert name == chosen and why in reason


def test_a_cpu_has_cold_and_warm_and_says_why_not_the_others():
    cpu = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=MIB, memory_bytes=64 * MIB)
    assert regimes.choose(1e-6, MIB, cpu)[0] == "cold"
    assert [regimes.sets(["auto"], size, cpu) for size in (MIB // 2, MIB, 3 * MIB, 4 * MIB)] == [6, 3, 2, 1]
    calls = {"a": [int] * 6}
    cold, warm = (regimes.setting(name, calls, MIB // 2, cpu) for name in ("cold", "warm"))
    assert cold.flags == () and len(cold.calls["a"]) == 6
    assert warm.flags == () and len(warm.calls["a"]) == 1
    assert regimes.setting("cold", {"a": [int] * 2}, MIB // 2, cpu).flags == ("not_cold",)
    for name, why in (("host", "no launch"), ("graph", "a GPU's")):
        with pytest.raises(NotPossible, match=why):
            regimes.setting(name, calls, MIB, cpu)


@pytest.mark.parametrize("size", [1, 16, 4096])
def test_tensors_of_a_few_bytes_rotate_over_a_bounded_number_of_sets_and_are_marked(size):
    cpu = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=32 * MIB, memory_bytes=24 * 2**30)
    count = regimes.sets(["auto"], size, cpu)
    assert count <= 2**15
    setting = regimes.setting("cold", {"a": [lambda: None] * count}, size, cpu)
    assert bool(setting.flags) == (count * size < 2 * cpu.last_level_cache_bytes)


def test_padding_counts_against_a_small_memory():
    tiny = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=32 * MIB, memory_bytes=64 * MIB)
    assert regimes.sets(["auto"], 8, tiny) * 4096 <= 16 * MIB

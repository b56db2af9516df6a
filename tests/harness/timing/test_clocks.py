from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch

from harness.store.vocabulary import Flush
from harness.timing.clocks import Clock, CpuClock, CudaClock, HostClock, ScriptedClock
from harness.timing.regimes.cold import L2Flush
from tests.harness.scripted_device import ScriptedCuda

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def loaded(cuda: ScriptedCuda, **buffers: int):
    """A kernel that was launched before, as a warm-up does."""
    call = cuda.kernel("call", **buffers)
    call()
    return call


def nothing() -> None:
    pass


def test_every_clock_is_a_clock():
    clocks: list[Clock] = [CpuClock(), ScriptedClock([])]
    assert [clock.name for clock in clocks] == ["perf_counter", "scripted"]


def test_a_clock_without_a_device_does_not_import_torch():
    code = (
        "import sys; from harness.timing import clocks, sampler; clocks.CpuClock(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_cpu_clock_times_a_real_call():
    clock, ran = CpuClock(), []
    before_s = clock.now()
    time_s = clock.time_call(lambda: ran.append(sum(range(10_000))))
    assert len(ran) == 1
    assert 0 < time_s <= clock.now() - before_s + 1e-6


def test_the_cpu_clock_passes_exceptions_on():
    with pytest.raises(ZeroDivisionError):
        CpuClock().time_call(lambda: 1 // 0)


def test_a_script_of_times():
    clock, ran = ScriptedClock([0.5, 0.25]), []
    assert clock.now() == 0.0
    assert clock.time_call(lambda: ran.append(1)) == 0.5
    assert clock.time_call(lambda: ran.append(2)) == 0.25
    assert ran == [1, 2]
    assert clock.now() == 0.75
    with pytest.raises(RuntimeError, match="no times left"):
        clock.time_call(nothing)


def test_a_script_may_be_endless_or_look_at_the_call():
    endless = ScriptedClock(itertools.repeat(2.0))
    assert [endless.time_call(nothing) for _ in range(3)] == [2.0, 2.0, 2.0]
    by_call = ScriptedClock(lambda call: 1.0 if call is nothing else 3.0)
    assert by_call.time_call(nothing) == 1.0
    assert by_call.time_call(lambda: None) == 3.0
    assert by_call.now() == 4.0


def test_a_scripted_call_that_fails_takes_no_time():
    clock = ScriptedClock([1.0])
    with pytest.raises(ZeroDivisionError):
        clock.time_call(lambda: 1 // 0)
    assert clock.now() == 0.0


def test_the_cuda_clock_refuses_other_devices():
    with pytest.raises(ValueError, match="'cpu' is not one"):
        CudaClock("cpu")


def test_the_cuda_clock_does_first_things_first_then_spins_and_waits():
    cuda = ScriptedCuda()
    clock = CudaClock("cuda:0", cuda.flush, cuda)
    call = loaded(cuda, x=2_000_000)
    cuda.log.clear()
    time_s = clock.time_call(call)
    assert time_s == pytest.approx(cuda.kernel_s + 1e-6, abs=clock.resolution_s), "2 MB at 2000 GB/s"
    assert cuda.log == ["flush", "spin", "event", "call", "event"]
    assert cuda.host_s >= cuda.stream_s, "the device was waited for"
    assert clock.unhidden_calls == 0


def test_the_flush_writes_twice_the_l2_with_data_that_is_not_constant():
    flush = L2Flush("cpu", 1024)
    before = flush.buffer.clone()
    flush()
    assert flush.buffer.nbytes == 2048
    assert (flush.buffer != before).all(), "every word is written"
    assert flush.buffer.unique().numel() > flush.buffer.numel() // 2


def test_the_spin_grows_until_it_hides_the_launch():
    cuda = ScriptedCuda(launch_s=300e-6)
    clock = CudaClock("cuda:0", None, cuda)
    call = loaded(cuda, x=200_000_000)
    cuda.log.clear()
    assert clock.time_call(call) == pytest.approx(cuda.kernel_s + 100e-6, abs=clock.resolution_s)
    assert cuda.log.count("call") == 3  # behind 100, 200 and 400 µs
    cuda.log.clear()
    clock.time_call(call)
    assert cuda.log.count("call") == 1, "the longer spin is kept"
    assert clock.unhidden_calls == 0


def test_a_launch_that_cannot_be_hidden_is_counted():
    cuda = ScriptedCuda(launch_s=10e-3)
    clock = CudaClock("cuda:0", None, cuda)
    time_s = clock.time_call(cuda.kernel("call", x=2_000_000))
    assert time_s > 5e-3, "what the host took beyond the longest spin"
    assert clock.unhidden_calls == 1


def test_a_call_that_waits_for_the_device_cannot_be_hidden():
    cuda = ScriptedCuda()
    clock = CudaClock("cuda:0", None, cuda)
    clock.time_call(cuda.synchronize)
    assert clock.unhidden_calls == 1


def test_the_host_clock_waits_for_the_device_first_and_not_afterwards():
    cuda = ScriptedCuda(launch_s=4e-6)
    clock, call = HostClock("cuda:0", cuda), loaded(cuda, x=2 * 10**9)
    assert [clock.time_call(call) for _ in range(3)] == pytest.approx([4e-6] * 3)
    assert cuda.stream_s > cuda.host_s, "the last kernel goes on"


def test_a_module_that_is_loaded_in_a_timed_call_waits_for_the_spin_and_no_longer():
    """Each waits for the other where the spin has no end of its own (nvbench 240)."""
    cuda = ScriptedCuda()
    clock, began_s = CudaClock("cuda:0", cuda.flush, cuda), cuda.host_s
    clock.time_call(cuda.kernel("call", x=2_000_000))
    assert cuda.host_s - began_s < 2e-3, "the first spin, and one more behind which the loaded kernel is hidden"
    assert clock.unhidden_calls == 0
    fresh = (cuda.kernel(f"call {number}", x=2_000_000) for number in range(1000))
    clock.time_call(lambda: next(fresh)())  # which loads a module whenever it is called
    assert cuda.host_s - began_s < 20e-3
    assert clock.unhidden_calls == 1


@pytest.mark.parametrize("slowdown", [1.0, 1 / 0.59])
def test_a_slowed_device_is_timed_in_no_more_calls(slowdown):
    """A device held at 59% of its clock (nvbench 231): nothing waits for it to recover."""
    cuda = ScriptedCuda(slowdown=lambda time_s: slowdown)
    clock = CudaClock("cuda:0", cuda.flush, cuda)
    call = loaded(cuda, x=200_000_000)
    cuda.log.clear()
    assert clock.time_call(call) == pytest.approx(slowdown * (cuda.kernel_s + 100e-6), abs=clock.resolution_s)
    assert cuda.log.count("call") == 1


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("kind", ["dirty", "clean"])
def test_both_flushes_leave_nothing_of_a_buffer_in_a_real_l2(kind):
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    source = torch.randn(cache // 16, device="cuda:0")  # a quarter of the L2
    target = torch.empty(1, device="cuda:0")
    cold, warm = CudaClock("cuda:0", L2Flush("cuda:0", cache, Flush(kind))), CudaClock("cuda:0")

    def median_s(clock: Clock) -> float:
        return sorted(
            clock.time_call(lambda: torch.sum(source, dim=(0,), keepdim=True, out=target)) for _ in range(30)
        )[15]

    median_s(cold)
    assert median_s(cold) > 1.1 * median_s(warm)


@pytest.mark.gpu
@needs_cuda
def test_the_cuda_clock_times_a_real_kernel():
    flush = L2Flush("cuda:0", torch.cuda.get_device_properties(0).L2_cache_size)
    clock: Clock = CudaClock("cuda:0", flush)
    source = torch.randn(2**20, device="cuda:0")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)

    before_s = clock.now()
    times_s = [clock.time_call(copy) for _ in range(20)]
    assert all(0 < time_s < clock.now() - before_s for time_s in times_s)
    assert torch.equal(source, target)


@pytest.mark.gpu
@needs_cuda
def test_the_cuda_clock_hides_the_launch_of_a_small_kernel():
    clock = CudaClock("cuda:0")
    small = torch.randn(32, device="cuda:0")
    for _ in range(50):
        clock.time_call(lambda: small.add_(1.0))
    assert clock.unhidden_calls == 0


@pytest.mark.gpu
@needs_cuda
def test_a_call_that_waits_for_the_device_is_counted():
    clock = CudaClock("cuda:0")
    clock.time_call(torch.cuda.synchronize)
    assert clock.unhidden_calls == 1

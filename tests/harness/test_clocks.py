from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch

from harness.clocks import Clock, CpuClock, CudaClock, ScriptedClock

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def nothing() -> None:
    pass


def test_every_clock_is_a_clock():
    clocks: list[Clock] = [CpuClock(), ScriptedClock([])]
    assert [clock.name for clock in clocks] == ["perf_counter", "scripted"]


def test_a_clock_without_a_device_does_not_import_torch():
    code = "import sys, harness.clocks, harness.sampler; harness.clocks.CpuClock(); assert 'torch' not in sys.modules"
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
        CudaClock("cpu", 0)


class FakeStream:
    """Stands in for `torch.cuda`, on CPU tensors: keeps the order of events, and fakes how soon a spin ends."""

    def __init__(self, launch_s: float) -> None:
        self.log: list[str] = []
        self.launch_s = launch_s  # how long the host takes to queue the call
        self.spin_s = 0.0
        self.events = 0

    def device(self, device):
        import contextlib

        return contextlib.nullcontext()

    def get_device_properties(self, device):
        return type("Properties", (), {"L2_cache_size": 1024})()

    def _sleep(self, cycles: int) -> None:
        self.spin_s = cycles * 1e-9
        self.log.append("spin")

    def Event(self, enable_timing: bool):
        assert enable_timing
        self.events += 1
        return FakeEvent(self, ["start", "end"][self.events - 1])


class FakeEvent:
    def __init__(self, stream: FakeStream, name: str) -> None:
        self.stream, self.name = stream, name

    def record(self) -> None:
        self.stream.log.append(self.name)

    def query(self) -> bool:
        return self.stream.launch_s >= self.stream.spin_s

    def synchronize(self) -> None:
        self.stream.log.append("wait")

    def elapsed_time(self, end: FakeEvent) -> float:
        return 1.0  # ms: one million cycles in the calibration, so a cycle is a nanosecond


@pytest.fixture
def fake_cuda_clock(monkeypatch):
    """A CudaClock whose device is faked, so that its order of steps is tested where there is no GPU."""

    def make(launch_s: float, flush_bytes: int = 0) -> tuple[CudaClock, FakeStream]:
        stream = FakeStream(launch_s)
        empty = torch.empty
        monkeypatch.setattr(torch, "cuda", stream)
        monkeypatch.setattr(torch, "empty", lambda *size, dtype, device: empty(*size, dtype=dtype))
        clock = CudaClock("cuda:0", flush_bytes)
        stream.log.clear()
        return clock, stream

    return make


def test_the_cuda_clock_flushes_spins_and_waits_in_order(fake_cuda_clock):
    clock, stream = fake_cuda_clock(launch_s=10e-6)
    buffer = clock._flush_buffer
    before = buffer.clone()
    assert clock.time_call(lambda: stream.log.append("call")) == pytest.approx(1e-3)
    assert stream.log == ["spin", "start", "call", "end", "wait"]
    assert (buffer != before).all(), "every word is written"
    assert buffer.unique().numel() > buffer.numel() // 2, "and the data is not constant"
    assert clock.unhidden_calls == 0


def test_the_flush_is_never_smaller_than_twice_the_l2(fake_cuda_clock):
    clock, _ = fake_cuda_clock(launch_s=0.0, flush_bytes=100)
    assert clock.flush_bytes == clock._flush_buffer.nbytes == 2048


def test_a_larger_flush_is_kept(fake_cuda_clock):
    clock, _ = fake_cuda_clock(launch_s=0.0, flush_bytes=4097)
    assert clock.flush_bytes == 4097
    assert clock._flush_buffer.nbytes >= 4097


def test_the_spin_grows_until_it_hides_the_launch(fake_cuda_clock):
    clock, stream = fake_cuda_clock(launch_s=300e-6)
    clock.time_call(lambda: stream.log.append("call"))
    assert stream.log.count("call") == 3  # behind 100, 200 and 400 µs
    stream.log.clear()
    clock.time_call(lambda: stream.log.append("call"))
    assert stream.log.count("call") == 1, "the longer spin is kept"
    assert clock.unhidden_calls == 0


def test_a_launch_that_cannot_be_hidden_is_counted(fake_cuda_clock):
    clock, stream = fake_cuda_clock(launch_s=1.0)
    assert clock.time_call(lambda: stream.log.append("call")) == pytest.approx(1e-3)
    assert clock.unhidden_calls == 1
    assert stream.spin_s == pytest.approx(3.2e-3)


@pytest.mark.gpu
@needs_cuda
def test_the_cuda_clock_times_a_real_kernel():
    clock: Clock = CudaClock("cuda:0", 2 * torch.cuda.get_device_properties(0).L2_cache_size)
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
    clock = CudaClock("cuda:0", 0)
    small = torch.randn(32, device="cuda:0")
    for _ in range(50):
        clock.time_call(lambda: small.add_(1.0))
    assert clock.unhidden_calls == 0


@pytest.mark.gpu
@needs_cuda
def test_a_call_that_waits_for_the_device_is_counted():
    clock = CudaClock("cuda:0", 0)
    clock.time_call(torch.cuda.synchronize)
    assert clock.unhidden_calls == 1

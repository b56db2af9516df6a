"""Clocks: each times how long one call keeps its device busy. One protocol, one clock per kind of device.

A clock knows nothing of providers, statistics or stop rules: it times one call, and it tells the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

# Bound here, before any provider's code is loaded: one that replaces time.perf_counter changes nothing.
from time import perf_counter, perf_counter_ns
from typing import Any, Protocol

from harness.device import l2


class Clock(Protocol):
    """Times calls and tells the time."""

    name: str

    def time_call(self, call: Callable[[], object]) -> float:
        """Seconds of device time of one call."""

    def now(self) -> float:
        """Seconds since some fixed moment; never runs backwards."""


class CpuClock:
    """The CPU's monotonic counter, read before and after the call: the caller's own overhead is in the time.

    A CPU's caches cannot be flushed from here: for cold times, the caller rotates buffers past them.
    """

    name = "perf_counter"

    def time_call(self, call: Callable[[], object]) -> float:
        start_ns = perf_counter_ns()
        call()
        return (perf_counter_ns() - start_ns) * 1e-9

    def now(self) -> float:
        return perf_counter()


class CudaClock:
    """CUDA events around one call whose launches are already queued when the device reaches it.

    First the lines of the L2 that were made to persist are reset, by the host. Then, in stream order: `before` (a flush
    of the L2, say), a spin kernel, an event, the call, an event. The spin keeps the device busy while the host queues
    the rest, so that the host's launch time is not between the events. What comes before the first event is not in the
    time: nothing is ever subtracted from one.

    The spin ends by itself, by a count of the SM's cycles: a call that loads a module may wait for it, and nothing
    waits for ever. A call whose launches the spin did not outlast is timed again behind a longer one, so a call may
    run more than once per time. That choice looks at the host's speed only, so it does not select fast device times.
    A call that waits for the device, or that takes the host longer than the longest spin, cannot be hidden: its
    time is given with the host's share in it, and counted in `unhidden_calls`.

    Events resolve about 0.5 µs (`resolution_s`): a single call of a few microseconds is known to no better.
    `cuda` is `torch.cuda`, or what stands in for it in tests.
    """

    name = "cuda_events"
    resolution_s = 0.5e-6

    _FIRST_SPIN_S = 100e-6
    _LONGEST_SPIN_S = 3.2e-3

    def __init__(self, torch_device: str, before: Callable[[], object] | None = None, cuda: Any = None) -> None:
        if not torch_device.startswith("cuda"):
            raise ValueError(f"CudaClock times CUDA devices, and {torch_device!r} is not one")
        self._cuda = cuda if cuda is not None else _torch_cuda()
        self._device = torch_device
        self._before = before
        self._reset_persisting = getattr(self._cuda, "reset_persisting_l2", l2.reset_persisting)
        self.now: Callable[[], float] = _counter(self._cuda)
        self.unhidden_calls = 0
        with self._cuda.device(self._device):
            self._start = self._cuda.Event(enable_timing=True)
            self._end = self._cuda.Event(enable_timing=True)
            self._spin_s = self._FIRST_SPIN_S
            self._cycles_per_s = self._spin_rate()

    def time_call(self, call: Callable[[], object]) -> float:
        with self._cuda.device(self._device):
            while True:
                hidden = self._run(call)
                if hidden or self._spin_s >= self._LONGEST_SPIN_S:
                    break
                self._spin_s *= 2
            self.unhidden_calls += not hidden
            return self._start.elapsed_time(self._end) * 1e-3

    def _run(self, call: Callable[[], object]) -> bool:
        """One call between the two events. True if all of it was queued before the device reached it."""
        self._reset_persisting()
        if self._before is not None:
            self._before()
        self._cuda._sleep(int(self._spin_s * self._cycles_per_s))
        self._start.record()
        call()
        self._end.record()
        hidden = not self._start.query()  # the device has yet to reach the first event
        self._end.synchronize()
        return hidden

    def _spin_rate(self) -> float:
        """Spin cycles per second, measured: the counter is the SM's clock on NVIDIA, a slower one on AMD."""
        cycles = 1_000_000
        for _ in range(2):  # the first launch also loads the kernel
            self._start.record()
            self._cuda._sleep(cycles)
            self._end.record()
            self._end.synchronize()
        return cycles / (self._start.elapsed_time(self._end) * 1e-3)


class HostClock:
    """How long a call keeps its caller: from Python until the launch returns, on a device with nothing queued.

    The device is waited for before each call, outside of the time, so that a full queue never holds the caller up.
    """

    name = "host"

    def __init__(self, torch_device: str, cuda: Any = None) -> None:
        self._cuda = cuda if cuda is not None else _torch_cuda()
        self._device = torch_device
        self.now: Callable[[], float] = _counter(self._cuda)

    def time_call(self, call: Callable[[], object]) -> float:
        with self._cuda.device(self._device):
            self._cuda.synchronize()
            start_s = self.now()
            call()
            return self.now() - start_s


def _torch_cuda() -> Any:
    import torch

    return torch.cuda


def _counter(cuda: Any) -> Callable[[], float]:
    """The host's counter; what stands in for `torch.cuda` in tests brings its own."""
    return getattr(cuda, "perf_counter", perf_counter)


class ScriptedClock:
    """For tests: makes the call, reports the time that the script gives for it, and advances `now` by as much.

    The script is the times in order, or a function from the call to its time. A script that ends too early is
    a RuntimeError.
    """

    name = "scripted"

    def __init__(self, times_s: Iterable[float] | Callable[[Callable[[], object]], float]) -> None:
        self._now_s = 0.0
        self._time_of: Callable[[Callable[[], object]], float]
        if callable(times_s):
            self._time_of = times_s
        else:
            script = iter(times_s)
            self._time_of = lambda call: next(script)

    def time_call(self, call: Callable[[], object]) -> float:
        call()
        try:
            time_s = self._time_of(call)
        except StopIteration:
            raise RuntimeError("the script of this clock has no times left") from None
        self._now_s += time_s
        return time_s

    def now(self) -> float:
        return self._now_s

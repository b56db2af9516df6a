"""A GPU that is not there: stands in for `torch.cuda`, with a stream, an L2, a launch cost and a clock to script.

Nothing here measures anything. It keeps two times, the host's and the device's, as a real host and a stream do:
a launch costs the host time and queues work; the device does it in order; events note when it came to them. Its L2
keeps the buffers that were touched last, so that whether a measurement was cold shows in the times it gives.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator

from harness.device.devices import Device

MIB = 2**20


class ScriptedCuda:
    """What the clocks and regimes use of `torch.cuda`. `slowdown(time_s)` scripts the device's clock."""

    def __init__(
        self,
        *,
        l2_bytes: int = 50 * MIB,
        launch_s: float = 5e-6,
        l2_gbps: float = 8000.0,
        memory_gbps: float = 2000.0,
        kernel_s: float = 1e-6,
        slowdown: Callable[[float], float] = lambda time_s: 1.0,
    ) -> None:
        self.l2_bytes, self.launch_s, self.kernel_s = l2_bytes, launch_s, kernel_s
        self.l2_gbps, self.memory_gbps, self.slowdown = l2_gbps, memory_gbps, slowdown
        self.host_s = self.stream_s = 0.0  # the host's time; when the device will be done with what is queued
        self.log: list[str] = []
        self._cached: OrderedDict[str, int] = OrderedDict()
        self._cached_bytes = 0
        self.capturing: list[tuple[str, dict[str, int]]] | None = None
        self.is_invalid = False  # whether something was done in this capture that none allows
        self.depth = 0  # of streams that are not the default one
        self._loaded: set[str] = set()  # kernels that were launched once

    def as_device(self) -> Device:
        """Its description, as a case's measurement asks for it."""
        return Device("cuda", "cuda:0", "Scripted", self.l2_bytes, 64 * 2**30, 100, "sm_90", self.memory_gbps)

    def kernel(self, name: str, **buffers: int) -> Callable[[], None]:
        """A call that launches a kernel which touches buffers of so many bytes."""

        def call() -> None:
            if name not in self._loaded:
                self.not_while_capturing("load a module")
                self._loaded.add(name)
            self.host_s += self.launch_s
            touched = {f"{name}.{each}": size for each, size in buffers.items()}
            if self.capturing is not None:
                self.capturing.append((name, touched))
            else:
                self._work(name, touched)

        return call

    def not_while_capturing(self, what: str) -> None:
        """Fail, and spoil the capture, as CUDA does (errors 900 and 901)."""
        if self.capturing is not None:
            self.is_invalid = True
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing ({what})")

    def flush(self) -> None:
        """Twice the L2, written over."""
        self.host_s += self.launch_s
        self._work("flush", {"flush": 2 * self.l2_bytes})

    def _work(self, name: str, touched: dict[str, int]) -> None:
        self.log.append(name)
        time_s = self.kernel_s
        for buffer, size in touched.items():
            time_s += size / 1e9 / (self.l2_gbps if buffer in self._cached else self.memory_gbps)
            self._touch(buffer, size)
        self._queue(time_s)

    def _queue(self, time_s: float) -> None:
        begins_s = max(self.host_s, self.stream_s)
        self.stream_s = begins_s + time_s * self.slowdown(begins_s)

    def _touch(self, buffer: str, size: int) -> None:
        self._cached_bytes -= self._cached.pop(buffer, 0)
        room = self.l2_bytes
        if size <= room:
            self._cached[buffer] = size
            self._cached_bytes += size
        else:
            room = 0  # what exceeds the L2 leaves nothing else in it
        while self._cached_bytes > room:
            self._cached_bytes -= self._cached.popitem(last=False)[1]

    # What follows has the names of torch.cuda.

    @contextlib.contextmanager
    def device(self, device: str) -> Iterator[None]:
        yield

    def perf_counter(self) -> float:
        return self.host_s

    def synchronize(self) -> None:
        self.not_while_capturing("synchronize")
        self.host_s = max(self.host_s, self.stream_s)

    def _sleep(self, cycles: int) -> None:
        self.host_s += 1e-6
        self.log.append("spin")
        self._queue(cycles * 1e-9)

    def Event(self, enable_timing: bool) -> ScriptedEvent:
        assert enable_timing
        return ScriptedEvent(self)

    def CUDAGraph(self) -> ScriptedGraph:
        return ScriptedGraph(self)

    def Stream(self) -> object:
        return object()

    @contextlib.contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


class ScriptedEvent:
    """Notes when the device comes to it, to half a microsecond."""

    def __init__(self, cuda: ScriptedCuda) -> None:
        self._cuda, self._at_s = cuda, 0.0

    def record(self) -> None:
        self._cuda.host_s += 0.5e-6
        self._cuda.log.append("event")
        self._at_s = max(self._cuda.host_s, self._cuda.stream_s)

    def query(self) -> bool:
        self._cuda.not_while_capturing("query an event")
        return self._cuda.host_s >= self._at_s

    def synchronize(self) -> None:
        self._cuda.not_while_capturing("wait for an event")
        self._cuda.host_s = max(self._cuda.host_s, self._at_s)

    def elapsed_time(self, end: ScriptedEvent) -> float:
        return round((end._at_s - self._at_s) / 0.5e-6) * 0.5e-3


class ScriptedGraph:
    """The launches of a capture, replayed with one launch."""

    def __init__(self, cuda: ScriptedCuda) -> None:
        self._cuda = cuda
        self.nodes: list[tuple[str, dict[str, int]]] = []

    def capture_begin(self) -> None:
        assert self._cuda.capturing is None and self._cuda.depth == 1, "on a stream of its own, one at a time"
        self._cuda.capturing, self._cuda.is_invalid = self.nodes, False

    def capture_end(self) -> None:
        self._cuda.capturing = None
        if self._cuda.is_invalid:
            self.nodes.clear()
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def replay(self) -> None:
        self._cuda.host_s += self._cuda.launch_s
        for name, touched in self.nodes:
            self._cuda._work(name, touched)

"""A GPU that is not there: stands in for `torch.cuda`, with a stream, an L2, a launch cost and a clock to script.

Nothing here measures anything. It keeps two times, the host's and the device's, as a real host and a stream do:
a launch costs the host time and queues work; the device does it in order; events note when it came to them. Its L2
keeps the buffers that were touched last, so that whether a measurement was cold shows in the times it gives. It is as
strict as CUDA: a first launch loads its module, which waits for the device and spoils a capture; so do synchronising
and asking an event; an error of a kernel stays; memory runs out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch

from harness.device.devices import Device
from harness.store.vocabulary import Flush
from tests.harness.scripted_l2 import ScriptedL2

MIB = 2**20
Node = tuple[str, dict[str, int], "Callable[[], object] | None"]  # of a graph: see ScriptedCuda.launch


class ScriptedCuda:
    """What the clocks and regimes use of `torch.cuda`. `slowdown(time_s)` scripts the device's clock."""

    def __init__(
        self,
        *,
        l2_bytes: int = 50 * MIB,
        launch_s: float = 5e-6,
        l2_gbps: float = 8000.0,
        memory_gbps: float = 2000.0,
        write_back_gbps: float = float("inf"),
        kernel_s: float = 1e-6,
        slowdown: Callable[[float], float] = lambda time_s: 1.0,
    ) -> None:
        self.l2_bytes, self.launch_s, self.kernel_s = l2_bytes, launch_s, kernel_s
        self.l2_gbps, self.memory_gbps, self.slowdown = l2_gbps, memory_gbps, slowdown
        self.write_back_gbps, self.l2 = write_back_gbps, ScriptedL2(l2_bytes)
        self.host_s = self.stream_s = 0.0  # the host's time; when the device will be done with what is queued
        self.log: list[str] = []
        self.free_bytes = 64 * 2**30
        self.error: str | None = None  # of a kernel: every call that follows raises it
        self.is_generator_capturing = False  # the default one: a failed capture leaves it so (torch 2.11)
        self.capturing: list[Node] | None = None
        self.is_invalid = False  # whether something was done in this capture that none allows
        self.depth = 0  # of streams that are not the default one
        self._loaded: set[str] = set()  # kernels that were launched once

    def as_device(self) -> Device:
        """Its description, as a case's measurement asks for it."""
        return Device("cuda", "cuda:0", "Scripted", self.l2_bytes, 64 * 2**30, 100, "sm_90", self.memory_gbps)

    def kernel(self, name: str, **buffers: int) -> Callable[[], None]:
        """A call that launches a kernel which reads buffers of so many bytes, and writes those called `out…`."""

        touched = {f"{name}.{each}": size for each, size in buffers.items()}
        return lambda: self.launch(name, touched)

    def launch(self, name: str, touched: dict[str, int], work: Callable[[], object] | None = None) -> None:
        """Queue a kernel, or add it to the graph that is captured. `work` is done whenever it runs."""
        self.check()
        if name not in self._loaded:  # lazy loading, which waits for what the device is doing
            self.synchronize("load a module")
            self._loaded.add(name)
        self.host_s += self.launch_s
        if self.capturing is not None:
            self.capturing.append((name, touched, work))
        else:
            self._work(name, touched, work)

    def not_while_capturing(self, what: str) -> None:
        """Fail, and spoil the capture, as CUDA does (errors 900 and 901)."""
        if self.capturing is not None:
            self.is_invalid = True
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing ({what})")

    def check(self) -> None:
        """Raise the error of an earlier kernel."""
        if self.error is not None:
            raise RuntimeError(f"CUDA error: {self.error}")

    def faulty(self, error: str = "an illegal memory access was encountered") -> Callable[[], None]:
        """A call whose kernel fails: what comes after it is told."""

        def call() -> None:
            self.check()
            self.error = error

        return call

    def allocate(self, size: int) -> None:
        """Take so much of its memory."""
        self.check()
        if size > self.free_bytes:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")
        self.free_bytes -= size

    def flush(self, kind: Flush = Flush.DIRTY) -> None:
        """Twice the L2, written over or read."""
        self.check()
        self.host_s += self.launch_s
        self._work("flush", {"out" if kind == Flush.DIRTY else "x": 2 * self.l2_bytes})

    def _work(self, name: str, touched: dict[str, int], work: Callable[[], object] | None = None) -> None:
        self.log.append(name)
        if work is not None:
            work()
        time_s = self.kernel_s
        for buffer, size in touched.items():
            moved = self.l2.touch(buffer, size, buffer.rpartition(".")[2].startswith("out"))
            time_s += moved.hit / 1e9 / self.l2_gbps + moved.missed / 1e9 / self.memory_gbps
            time_s += moved.written_back / 1e9 / self.write_back_gbps
        self._queue(time_s)

    def _queue(self, time_s: float) -> None:
        begins_s = max(self.host_s, self.stream_s)
        self.stream_s = begins_s + time_s * self.slowdown(begins_s)

    # What follows has the names of torch.cuda.

    @contextlib.contextmanager
    def device(self, device: str) -> Iterator[None]:
        yield

    def reset_persisting_l2(self) -> None:
        self.l2.reset_persisting()

    def perf_counter(self) -> float:
        return self.host_s

    def synchronize(self, what: str = "synchronize") -> None:
        self.check()
        self.not_while_capturing(what)
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
        self._cuda.check()
        self._cuda.host_s += 0.5e-6
        self._cuda.log.append("event")
        self._at_s = max(self._cuda.host_s, self._cuda.stream_s)

    def query(self) -> bool:
        self._cuda.check()
        self._cuda.not_while_capturing("query an event")
        return self._cuda.host_s >= self._at_s

    def synchronize(self) -> None:
        self._cuda.check()
        self._cuda.not_while_capturing("wait for an event")
        self._cuda.host_s = max(self._cuda.host_s, self._at_s)

    def elapsed_time(self, end: ScriptedEvent) -> float:
        return round((end._at_s - self._at_s) / 0.5e-6) * 0.5e-3


class ScriptedGraph:
    """The launches of a capture, replayed with one launch."""

    def __init__(self, cuda: ScriptedCuda) -> None:
        self._cuda = cuda
        self.nodes: list[Node] = []

    def capture_begin(self) -> None:
        assert self._cuda.capturing is None and self._cuda.depth == 1, "on a stream of its own, one at a time"
        self._cuda.capturing, self._cuda.is_invalid = self.nodes, False

    def capture_end(self) -> None:
        self._cuda.capturing = None
        if self._cuda.is_invalid:
            self.nodes.clear()
            self._cuda.is_generator_capturing = True
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def replay(self) -> None:
        self._cuda.check()
        self._cuda.host_s += self._cuda.launch_s
        for node in self.nodes:
            self._cuda._work(*node)

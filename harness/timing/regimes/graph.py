"""Graph: many calls in one CUDA graph, over buffer sets in rotation, so that each finds a cold L2.

For calls too short for events, which resolve about 0.5 µs: about 5 ms of calls are captured, replayed as one, and
their time is divided by their number. What a node of a graph costs to start is in the time. Capturing plain
repetitions of one call, as is often done, would time a hot L2; so the sets rotate, and a rotation that does not
exceed the L2 twice is marked `not_cold`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from harness.device.devices import Device
from harness.plumbing.errors import named
from harness.store.vocabulary import Flag, Regime
from harness.timing.clocks import CudaClock
from harness.timing.regimes.setting import MOST_SETS, CaptureFailed, NotPossible, Setting, is_cold, mib, rotation
from harness.timing.sampler import Calls, gc_paused

BATCH_S = 5e-3  # the events tell this to 0.01%
MOST_CALLS = MOST_SETS  # in one graph, however short they are: instantiating more takes seconds


class Replay:
    """Some calls in a graph, replayed as one."""

    def __init__(self, graph: Any, calls: int) -> None:
        self.calls = calls
        self._graph = graph

    def __call__(self) -> None:
        self._graph.replay()


class ReplayClock(CudaClock):
    """Seconds of one call, from replays."""

    name = "cuda_events_of_graphs"
    # The host takes up to milliseconds to launch a graph of thousands of nodes.
    _LONGEST_SPIN_S = 12.8e-3

    def time_call(self, call: Callable[[], object]) -> float:
        return super().time_call(call) / (call.calls if isinstance(call, Replay) else 1)


def sets(working_set_bytes: int, device: Device) -> int:
    return rotation(working_set_bytes, device, caches=3) if device.kind == "cuda" else 1


def setting(calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None) -> Setting:
    clock, batches = captured(calls, device, cuda)
    count = len(next(iter(calls.values()), ()))
    cold = is_cold(count, working_set_bytes, device)
    l2 = mib(device.last_level_cache_bytes)
    why = (
        f"calls in a CUDA graph, in rotation over {count} buffer sets of {mib(working_set_bytes)}, "
        f"{'at least' if cold else 'less than'} twice the L2 of {l2}"
    )
    return Setting(
        Regime.GRAPH,
        why,
        {name: [batch] for name, batch in batches.items()},
        clock,
        count,
        flags=() if cold else (Flag.NOT_COLD,),
        calls_per_sample={name: batch.calls for name, batch in batches.items()},
        resolution_s=CudaClock.resolution_s / min(batch.calls for batch in batches.values()),
    )


def captured(calls: Calls, device: Device, cuda: Any = None) -> tuple[ReplayClock, dict[str, Replay]]:
    """Each entry's calls, repeated to about 5 ms, as a graph of its own; and the clock for them."""
    if device.kind != "cuda":
        raise NotPossible("CUDA graphs are a GPU's; on a CPU calls are long enough to be timed one by one")
    if cuda is None:
        import torch

        cuda = torch.cuda
    clock = ReplayClock(device.torch_device, None, cuda)
    with cuda.device(device.torch_device), gc_paused():
        _call_each(calls, cuda)
        return clock, {name: _batch(name, bound, clock, cuda) for name, bound in calls.items()}


def _call_each(calls: Calls, cuda: Any) -> None:
    """Every call once, outside of any capture: a first launch loads its module, which a capture does not allow."""
    for bound in calls.values():
        for call in bound:
            call()
    cuda.synchronize()


def _batch(name: str, bound: Sequence[Callable[[], object]], clock: ReplayClock, cuda: Any) -> Replay:
    """A first graph of one rotation tells how many rotations take about 5 ms."""
    once = _capture(name, bound, 1, cuda)
    clock.time_call(once)  # the first replay also uploads the graph
    rotation_s = clock.time_call(once) * once.calls
    wanted = math.ceil(BATCH_S / max(rotation_s, clock.resolution_s))
    repeats = max(1, min(wanted, MOST_CALLS // len(bound)))
    return once if repeats == 1 else _capture(name, bound, repeats, cuda)


def _capture(name: str, bound: Sequence[Callable[[], object]], repeats: int, cuda: Any) -> Replay:
    """The calls as one graph.

    Not by `torch.cuda.graph`: where a captured call fails, its exit raises the error of ending the capture in place
    of the call's own, and leaves this thread on the stream of the capture.

    Raises CaptureFailed with the first error.
    """
    graph = cuda.CUDAGraph()
    failed: Exception | None = None
    cuda.synchronize()
    with cuda.stream(cuda.Stream()):
        graph.capture_begin()
        try:
            for _ in range(repeats):
                for call in bound:
                    call()
        except Exception as error:
            failed = error
        try:
            graph.capture_end()
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise CaptureFailed(f"{name} cannot be captured in a CUDA graph: {named(failed)}", name) from failed
    return Replay(graph, repeats * len(bound))

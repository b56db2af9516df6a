"""Energy of a call, by the counter of the device: all that the board uses while calls run one after another.

NVML's counter is of millijoules, and moves in steps of some tens of milliseconds. So calls are kept going, and the
energy and the number of calls between its first and its last step are what counts.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from harness.timing.sampler import gc_paused

CHUNK_S = 4e-3  # of calls between two looks at the counter
MOST_CALLS = 256  # in a chunk: two of them are queued
_PATIENCE = 4  # times as long as is asked for, for a counter that moves rarely


@dataclass(frozen=True)
class Energy:
    """What one call costs, and the power at which the device was meanwhile."""

    per_call_j: float
    power_w: float


@dataclass(frozen=True)
class _Step:
    """The counter when it was seen to have moved."""

    at_s: float
    energy_mj: int
    calls: int


def energy_of(
    calls: Sequence[Callable[[], object]], counter: Callable[[], int | None], seconds: float, cuda: Any
) -> Energy | None:
    """The energy of each of these calls, in turn again and again for about so many seconds.

    None where the device has no such counter, or where it stands still for too long. `cuda` is `torch.cuda`, or what
    stands in for it in tests.
    """
    if counter() is None:
        return None
    now = getattr(cuda, "perf_counter", perf_counter)
    turns = itertools.cycle(calls)
    with gc_paused():
        chunk = _chunk(turns, now, cuda)
        first, last = _steps(turns, chunk, counter, seconds, now, cuda)
        cuda.synchronize()
    if first is None or last is None or last.at_s - first.at_s < seconds / 2:
        return None
    joules = (last.energy_mj - first.energy_mj) / 1e3
    return Energy(joules / (last.calls - first.calls), joules / (last.at_s - first.at_s))


def _chunk(turns: Any, now: Callable[[], float], cuda: Any) -> int:
    """How many calls take the device long enough for a look at the counter."""
    count = 1
    while True:
        cuda.synchronize()
        began_s = now()
        for _ in range(count):
            next(turns)()
        cuda.synchronize()
        if now() - began_s >= CHUNK_S or count >= MOST_CALLS:
            return count
        count *= 2


def _steps(
    turns: Any, chunk: int, counter: Callable[[], int | None], seconds: float, now: Callable[[], float], cuda: Any
) -> tuple[_Step | None, _Step | None]:
    """The first and the last step of the counter. One chunk is always queued behind the one that runs."""
    ends: deque[Any] = deque()
    first = last = None
    done, seen, began_s = 0, counter(), now()
    while now() - began_s < _PATIENCE * max(seconds, 0.1):
        for _ in range(chunk):
            next(turns)()
        end = cuda.Event(enable_timing=True)
        end.record()
        ends.append(end)
        if len(ends) < 2:
            continue
        ends.popleft().synchronize()
        done += chunk
        energy_mj = counter()
        if energy_mj is None or energy_mj == seen:
            continue
        seen = energy_mj
        last = _Step(now(), energy_mj, done)
        first = first or last
        if last.at_s - first.at_s >= seconds:
            break
    return first, last

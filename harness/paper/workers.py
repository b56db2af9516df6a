"""Measures units in several processes at once, one thread each: the nets are too small to share between cores.

A net is trained by one thread whatever the machine does beside it, so its curves do not depend on how many there are.
"""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any

from harness.device.devices import Device
from harness.paper.plan import Plan, Unit
from harness.paper.rows import ClaimRow
from harness.plumbing.processes import end_with_parent, uninterrupted

_POLL_S = 0.2


def measured(
    units: Sequence[Unit], plan: Plan, device: Device, processes: int, on_steps: Callable[[float], None]
) -> Generator[list[ClaimRow], None, None]:
    """The rows of every unit as it is finished, and of those that follow from it, the longest units first.

    Leaving it early ends the processes. Raises what a unit raises, and BrokenProcessPool where a process was killed.
    """
    from harness.paper.run import following

    context = multiprocessing.get_context("spawn")
    steps, stop = context.Queue(), context.Event()
    pool = ProcessPoolExecutor(processes, context, _begin, (steps, stop))
    ready = list(units)
    running: set[Future[list[ClaimRow]]] = set()
    try:
        while ready or running:
            ready.sort(key=plan.steps_of)
            while ready and len(running) < processes:
                with uninterrupted():
                    running.add(pool.submit(_measure, ready.pop(), plan, device))
            done, running = wait(running, _POLL_S, FIRST_COMPLETED)
            for each in _drained(steps):
                on_steps(each)
            for future in done:
                rows = future.result()
                ready += following(plan, rows)
                yield rows
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """Nobody waits for the rows any more."""


_shared: dict[str, Any] = {}  # what the parent gave this process: a queue for its steps, an event that ends it


def _begin(steps: Any, stop: Any) -> None:
    from harness.paper.run import prepare

    end_with_parent()
    _shared.update(steps=steps, stop=stop)
    prepare()


def _measure(unit: Unit, plan: Plan, device: Device) -> list[ClaimRow]:
    from harness.paper.run import measure_unit

    def on_steps(count: float) -> None:
        if _shared["stop"].is_set():
            raise _Stopped
        _shared["steps"].put(count)

    return measure_unit(unit, plan, device, on_steps)


def _drained(steps: Any) -> Iterator[float]:
    while True:
        try:
            yield steps.get_nowait()
        except queue.Empty:
            return

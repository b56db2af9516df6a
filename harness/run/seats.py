"""A worker in its place on a cluster: started, asked, ended, and started again where it died."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.fleet.cluster import Call, Cluster, ClusterNode, FleetError, Lost, Remote, Slots, wait
from harness.run.engine import WorkUnit
from harness.run.remote import RemoteWorker, Said
from harness.store.fleet import FleetDevice, StreamCheck

ATTEMPTS = 3  # of a unit, and starts of a worker in one place
START_S = 180.0  # a worker that says nothing for so long is left out: its slots are somebody else's, or its node hangs
_GRACE_S = 60.0  # for the way there and back
_CLOSE_S = 5.0


@dataclass(eq=False)
class Task:
    """A unit, or a part of one, by which method of a worker it is done, and where that has failed."""

    unit: WorkUnit
    method: str
    asked: WorkUnit  # the unit as the engine was given it
    failed_on: list[str] = field(default_factory=list)  # the nodes, attempt by attempt

    @property
    def limit_s(self) -> float:
        """How long it takes at most, if everything in it hangs that may: `harness.run.bench.run_in` tries again."""
        job = self.unit.job
        if job is None:
            return len(self.unit.points) * self.unit.timeout_s + _GRACE_S
        alone = len(job.providers) if len(job.providers) > 1 else 0  # after the turns that they took together
        return 2 * (1 + alone) * self.unit.timeout_s + _GRACE_S


@dataclass(eq=False)
class Seat:
    """Slots of one node, the worker that has them, and what it is doing."""

    cluster: Cluster
    slots: Slots
    make: Callable[[], RemoteWorker]
    member: FleetDevice | None = None  # once the worker has said what it has
    settings: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    task: Task | None = None
    call: Call | None = None
    _deadline: float = 0.0
    _limit_s: float = 0.0
    _starts: int = 0
    _remote: Remote | None = None

    @property
    def where(self) -> str:
        """In words."""
        return self.member.placement.node if self.member is not None else f"node {self.slots.node.id[:8]}"

    @property
    def identity(self) -> tuple[str, str | None] | None:
        """Of its physical device."""
        return self.member.placement.identity if self.member is not None else None

    @property
    def is_free(self) -> bool:
        """Whether a task can be given to it."""
        return self._remote is not None and self.call is None and self.member is not None

    def start(self) -> None:
        """Start the worker, which then says what its device is; not once more where that was tried often enough."""
        self.stop()
        if self._starts < ATTEMPTS:
            self._starts += 1
            self._remote = self.cluster.place(self.make, self.slots)
            self._begin("say", START_S)

    def do(self, task: Task, limit_s: float) -> None:
        """Have a task done."""
        self.task = task
        self._begin(task.method, limit_s, task.unit)

    def free(self) -> None:
        """Its task is done: it may be started as often again."""
        self.task, self._starts = None, 0

    def check(self) -> None:
        """Have the device measure the stream by which it is held against others of its model."""
        self._begin("check", START_S)

    def stop(self) -> None:
        """End the worker: at once, where it is doing something."""
        if self._remote is not None:
            if self.call is None:
                wait([self._remote.call("close")], _CLOSE_S)
            self._remote.stop()
        self._remote = self.call = self.task = None

    def take(self, answer: Said | StreamCheck | None) -> None:
        """Note what the worker has said of its device."""
        if isinstance(answer, StreamCheck) and self.member is not None:
            self.member = replace(self.member, check=answer)
        if not isinstance(answer, Said):
            return
        self.settings, self.fault = answer.settings, answer.fault or ""
        if answer.device is None or answer.placement is None or answer.fault:
            self.stop()
            return
        check = self.member.check if self.member is not None else None
        self.member = FleetDevice(answer.device, answer.placement, check)

    def ended(self, is_done: bool) -> Any:
        """The answer to what it was doing, as far as there is one: a Lost in its place, after which it is to start."""
        call, self.call = self.call, None
        try:
            if call is not None and is_done:
                return call.answer()
            raise Lost(f"it had not answered after {self._limit_s:.0f} s")
        except Lost as error:
            self.call, self.fault = call, str(error)  # busy: it is ended without a question
            return error

    def is_overdue(self, now_s: float) -> bool:
        """Whether it takes longer than it may."""
        return self.call is not None and now_s >= self._deadline

    def left_s(self, now_s: float) -> float:
        """How long it may still take."""
        return max(0.0, self._deadline - now_s)

    def _begin(self, method: str, limit_s: float, *arguments: WorkUnit) -> None:
        assert self._remote is not None
        self.call = self._remote.call(method, *arguments)
        self._deadline, self._limit_s = time.monotonic() + limit_s, limit_s


def answers(seats: Sequence[Seat]) -> list[tuple[Seat, Any]]:
    """What busy seats answer next, a Lost where one dies or takes too long; waits for at least one."""
    busy = [seat for seat in seats if seat.call is not None]
    calls = [seat.call for seat in busy if seat.call is not None]
    now_s = time.monotonic()
    done = wait(calls, min(seat.left_s(now_s) for seat in busy))
    now_s = time.monotonic()
    return [(seat, seat.ended(seat.call in done)) for seat in busy if seat.call in done or seat.is_overdue(now_s)]


def places(nodes: Sequence[ClusterNode], is_cpu: bool) -> list[Slots]:
    """What each worker that measures has for itself: one GPU, or all CPU slots of a node. Raises FleetError."""
    gpus = [
        Slots(node, node.cpus // node.gpus, 1)  # a share of its CPUs for the work beside the GPU
        for node in nodes
        if not is_cpu
        for _ in range(node.gpus)
    ]
    if found := gpus or [Slots(node, node.cpus) for node in nodes if node.cpus]:
        return found
    raise FleetError("the nodes of the cluster give away no GPU and no CPU; start them with --num-gpus or --num-cpus")

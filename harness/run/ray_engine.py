"""The engine of a Ray cluster: every unit on one of its devices, the devices side by side, and what dies done again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness import providers
from harness.device.devices import Device
from harness.fleet.cluster import Cluster, FleetError, Lost, Slots
from harness.run.bench import OnStage, dead, may_launch, without
from harness.run.engine import Result, WorkUnit
from harness.run.job import Job
from harness.run.remote import Answer, RemoteWorker, Said, Setup, sources_here
from harness.run.seats import ATTEMPTS, Seat, Task, answers, places
from harness.store.fleet import FleetDevice, StreamCheck, slow_devices
from harness.store.records import Record
from harness.store.vocabulary import Outcome, RunError


class RayEngine:
    """The devices of a cluster: its GPUs, one worker each, or the CPUs of its nodes."""

    def __init__(
        self,
        cluster: Cluster,
        models: Sequence[str],
        is_cpu: bool,
        arch: str | None,
        specs: Sequence[str],
        say: Callable[[str], None],
        limit_s: float | None = None,
    ) -> None:
        """Start a worker on every device whose model has one of `models` in its name; empty: on every one.

        With `is_cpu` those are the CPUs of nodes that have GPUs, too. `specs` are the providers that each node is to
        have. A worker that takes longer than `limit_s` is ended; None: than its unit may, by its own timeouts. Raises
        FleetError.
        """
        self._cluster, self._arch, self._specs, self._say = cluster, arch, _anywhere(specs), say
        self._limit_s = limit_s
        self._sources = sources_here(self._specs)
        found = [self._seat(slots) for slots in places(cluster.nodes(), is_cpu)]
        self._start(found)
        self._seats = _of_models(found, models)
        for seat in found:
            if seat not in self._seats:
                seat.stop()

    @property
    def fleet(self) -> tuple[FleetDevice, ...]:
        """The physical devices, model by model."""
        return tuple(seat.member for seat in self._seats if seat.member is not None)

    @property
    def devices(self) -> tuple[Device, ...]:
        """One of each model."""
        by_model: dict[str, Device] = {}
        for member in self.fleet:
            by_model.setdefault(member.device.name, member.device)
        return tuple(by_model.values())

    @property
    def settings(self) -> dict[str, Any]:
        """Of the first device: `harness.device.health.settings`."""
        return self._seats[0].settings

    def compared(self, units: Sequence[WorkUnit]) -> tuple[FleetDevice, ...]:
        """The physical devices, each with what it attains on one stream; the slow ones are said."""
        if any(_is_timed(unit) for unit in units):
            busy = [seat for seat in self._seats if seat.is_free]
            for seat in busy:
                seat.check()
            while any(seat.call for seat in busy):
                for seat, answer in answers(busy):
                    seat.start() if isinstance(answer, Lost) else seat.take(answer)
        for slow in slow_devices(self.fleet):
            name, place = slow.member.device.name, slow.member.placement
            which = f"{name} {place.uuid or ''}".strip()
            self._say(f"{which} on {place.node} is {slow.behind:.0%} slower than the fastest of its model here")
        return self.fleet

    def results(
        self, units: Sequence[WorkUnit], log: Path, ends: float, on_stage: OnStage
    ) -> Generator[Result, None, None]:
        """The results of units as they are made: first what is validated, on all CPU slots, then what is timed."""
        to_measure = {id(unit): Task(_with(unit, unit.job), "measured", unit) for unit in units}
        validations = deque(
            Task(_with(unit, replace(unit.job, providers=parts)), "validated", unit)
            for unit in units
            if unit.job is not None and (parts := may_launch(unit.job))
        )
        slots: list[Seat] = []
        try:
            if validations:
                slots = self._slots(len(validations))
                for task in validations:
                    del to_measure[id(task.asked)]
                for task, records in self._done(slots, validations, log, ends, on_stage):
                    assert task.asked.job is not None
                    left = without(task.asked.job, records)
                    if left.providers:
                        to_measure[id(task.asked)] = Task(_with(task.asked, left), "measured", task.asked)
                    yield Result(task.asked, records, is_last=not left.providers)
                for seat in slots:
                    if seat not in self._seats:
                        seat.stop()
            tasks = deque(to_measure[id(unit)] for unit in units if id(unit) in to_measure)
            for task, records in self._done(self._seats, tasks, log, ends, on_stage):
                yield Result(task.asked, records, is_last=True)
        finally:
            for seat in (*slots, *self._seats):
                seat.stop()

    def _done(
        self, seats: Sequence[Seat], tasks: deque[Task], log: Path, ends: float, on_stage: OnStage
    ) -> Iterator[tuple[Task, list[Record]]]:
        """The records of each task, once it is done or was given up."""
        for seat in seats if tasks else ():
            if not seat.is_free:
                seat.start()
        while True:
            self._hand_out(seats, tasks, ends, on_stage)
            if not any(seat.task for seat in seats) and (not tasks or time.monotonic() >= ends):
                return
            if not any(seat.call for seat in seats):
                fault = next((seat.fault for seat in seats if seat.fault), "it was there before")
                model = tasks[0].unit.model
                raise RunError(f"no {model} is left in the cluster ({fault}); mend that, and go on with --resume")
            for seat, answer in answers(seats):
                task = seat.task
                if isinstance(answer, Answer) and task is not None:
                    seat.free()
                    _add(log, answer.log)
                    yield task, answer.records
                elif isinstance(answer, Lost):
                    why = f"on {seat.where}: {answer}"
                    seat.start()
                    if task is None:
                        continue
                    task.failed_on.append(seat.slots.node.id)
                    if (given_up := _failed(task, tasks, why)) is not None:
                        yield task, given_up
                    else:
                        self._say(f"a worker was lost {why}; what it was doing is done again")
                else:
                    self._take(seat, answer)

    def _hand_out(self, seats: Sequence[Seat], tasks: deque[Task], ends: float, on_stage: OnStage) -> None:
        """Give each free seat the first task that it may do."""
        there = [seat for seat in seats if seat.call or seat.is_free]
        for seat in there:
            if not seat.is_free or time.monotonic() >= ends:
                continue
            task = next((task for task in tasks if _suits(task, seat, there)), None)
            if task is not None:
                tasks.remove(task)
                on_stage(task.unit.case, "cluster", seat.where)
                seat.do(task, self._limit_s or task.limit_s)

    def _start(self, seats: Sequence[Seat]) -> None:
        """Start all workers; one that cannot be used is said, and left out."""
        for seat in seats:
            seat.start()
        while any(seat.call for seat in seats):
            for seat, answer in answers(seats):
                seat.start() if isinstance(answer, Lost) else self._take(seat, answer)

    def _take(self, seat: Seat, answer: Said | StreamCheck | None) -> None:
        seat.take(answer)
        if seat.fault:
            self._say(f"{seat.where} is left out: {seat.fault}")

    def _slots(self, count: int) -> list[Seat]:
        """Workers of one CPU slot each, node by node in turn; as many as there are tasks for, at most.

        Those that measure, where each of them has one slot; else they give theirs back.
        """
        if all(seat.slots.cpus == 1 and not seat.slots.gpus for seat in self._seats):
            return self._seats[:count]
        for seat in self._seats:
            seat.stop()
        nodes = list({seat.slots.node.id: seat.slots.node for seat in self._seats}.values())
        most = max(node.cpus for node in nodes)
        turns = [Slots(node, 1) for turn in range(most) for node in nodes if turn < node.cpus]
        return [self._seat(slots) for slots in turns[:count]]

    def _seat(self, slots: Slots) -> Seat:
        kind = "cuda" if slots.gpus else "cpu"
        setup = Setup(kind, self._arch, slots.node.id, slots.cpus, self._sources)
        return Seat(self._cluster, slots, partial(RemoteWorker, setup, self._specs))


def _of_models(seats: Sequence[Seat], models: Sequence[str]) -> list[Seat]:
    """The seats of the models that are asked for, in their order. Raises FleetError where there is none of one."""
    usable = [(seat, seat.member.device.name) for seat in seats if seat.member is not None]
    there = list(dict.fromkeys(name for _, name in usable))
    if not usable:
        fault = next((seat.fault for seat in seats if seat.fault), "")
        raise FleetError(f"no device of the cluster can be used: {fault}")
    chosen: list[str] = []
    for model in models:
        matching = [name for name in there if name == model]
        matching = matching or [name for name in there if model.lower() in name.lower()]
        if not matching:
            raise FleetError(f"the cluster has no device of model {model!r}; it has {', '.join(there)}")
        chosen += [name for name in matching if name not in chosen]
    return [seat for model in chosen or there for seat, name in usable if name == model]


def _is_timed(unit: WorkUnit) -> bool:
    """Whether something of a unit may be timed."""
    job = unit.job
    return job is None or job.device.kind != "cpu" or any(each not in providers.LAUNCH_TRITON for each in job.providers)


def _with(unit: WorkUnit, job: Job | None) -> WorkUnit:
    """The unit with this job, as a node can be given it."""
    return replace(unit, job=None if job is None else replace(job, providers=_anywhere(job.providers)))


def _anywhere(specs: Sequence[str]) -> tuple[str, ...]:
    """The providers, their files by paths that are the same in every folder."""
    paths = [(spec, providers.file_of(spec)) for spec in specs]
    return tuple(spec if path is None else f"{providers.name_of(spec)}={path.resolve()}" for spec, path in paths)


def _suits(task: Task, seat: Seat, there: Sequence[Seat]) -> bool:
    """Whether a task may be done there: on its model, by the device that began it, and not where it has failed.

    The last two only where there is such a device.
    """
    may = [each for each in there if each.member is not None and each.member.device.name == task.unit.model]
    began = task.unit.measured_on
    if began is not None and task.method != "validated":
        may = [each for each in may if each.identity == began.identity] or may
    may = [each for each in may if each.slots.node.id not in task.failed_on] or may
    return seat in may


def _failed(task: Task, tasks: deque[Task], why: str) -> list[Record] | None:
    """The task is tried again, first of all; or, given up, these are its records."""
    if len(task.failed_on) < ATTEMPTS:
        tasks.appendleft(task)
        return None
    job, reason = task.unit.job, f"its worker or its node ended {ATTEMPTS} times, at last {why}"
    return [] if job is None else [dead(job, spec, Outcome.CRASHED, reason) for spec in job.providers]


def _add(log: Path, printed: bytes) -> None:
    if printed:
        with log.open("ab") as file:
            file.write(printed)

"""Measures one case in a worker process: gate, regime, interleaved samples with the matched roofs, records."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from harness.correctness import audit, errors, gate, integrity
from harness.correctness.audit import Audit
from harness.device import health, l2
from harness.device.health import Nvml
from harness.device.readings import Readings
from harness.ops import buffers as case_buffers
from harness.ops import catalogue, elementwise, reference
from harness.ops.buffers import BufferSet, allocate, refill
from harness.run import gated as gated_module
from harness.run.gated import ProviderCall, gated
from harness.run.job import Job, RoofJob, Stage
from harness.run.recording import CONTROL, Sampling, roof_record, timed
from harness.run.validating import validate
from harness.store.records import Record
from harness.store.vocabulary import Outcome, Regime, Role
from harness.timing import clocks, energy, estimators, regimes, roofs, sampler
from harness.timing.energy import Energy, energy_of
from harness.timing.estimators import median
from harness.timing.regimes import NotPossible
from harness.timing.sampler import Calls, Watch, sample

_PROBES = 5

# What a provider's code must not replace: see harness.correctness.integrity.
MEASURING_MODULES = (
    clocks, energy, sampler, gate, errors, reference, elementwise, *catalogue.MODULES, audit, case_buffers, estimators,
    integrity, l2, gated_module, sys.modules[__name__],
)  # fmt: skip


def run_job(job: Job | RoofJob, stage: Stage) -> list[Record]:
    """The records of a job. `stage` is told what is being done, so that a crash can be attributed.

    Raises CaptureFailed: the job is to be done in a new process, with what failed in `Job.not_captured`.
    """
    began_s = time.monotonic()
    if job.device.kind == "cuda":
        stage("allocate", None)
        torch.cuda.set_device(job.device.torch_device)  # for all that does not name a device: a user's launch, a spin
        torch.cuda.synchronize()  # makes the context, a part of the state that providers are to leave as it is
        integrity.watch(())
    if isinstance(job, RoofJob):
        records = _curve_point(job, stage)
    else:
        on_device = _gate if job.gate_only else _measure
        records = on_device(job, stage) if job.timed else validate(job, stage)
    wall_s = time.monotonic() - began_s
    return [replace(record, wall_s=wall_s) for record in records]


def _gate(job: Job, stage: Stage) -> list[Record]:
    stage("allocate", None)
    buffers = allocate(job.case, 1, job.device.torch_device, job.seed)[0]
    records = []
    for spec in job.providers:
        stage("gate", spec)
        records.append(gated(job, job.case, spec, buffers)[0])
    return records


def _measure(job: Job, stage: Stage) -> list[Record]:
    case, device = job.case, job.device
    stage("allocate", None)
    sets = regimes.sets(job.regimes, case.bytes_moved, device)
    with sampler.gc_paused():
        buffers = allocate(case, sets, device.torch_device, job.seed)
    records: list[Record] = []
    passed: dict[str, tuple[Record, ProviderCall]] = {}
    for spec in job.providers:
        stage("gate", spec)
        record, call = gated(job, case, spec, buffers[0])
        if record.outcome == Outcome.OK and call is not None:
            passed[record.provider] = (record, call)
        else:
            records.append(record)
    if not passed:
        return records
    stage("sampling", None)
    with sampler.gc_paused():
        calls = {name: _bound(call, buffers) for name, (_, call) in passed.items()}
    blank = {name: record for name, (record, _) in passed.items()}
    failures: dict[str, str] = {}
    for regime, why in _regimes_of(job, calls):
        records += _in_regime(_Turns(job, buffers, blank, calls), regime, why, failures)
    for name, (record, call) in passed.items():
        stage("recheck", name)
        if name not in failures and (found := _after_timing(job, call, buffers[0])):
            failures[name] = found
        if name in failures:  # its times are withdrawn, and with them those of its twin
            records = [each for each in records if each.role == Role.ROOF or each.provider != name]
            why = failures[name]  # names its own input, if it is for one
            records.append(replace(record, outcome=Outcome.REJECTED, reason=why, worst_input=None))
    return records


def _after_timing(job: Job, call: ProviderCall, buffers: BufferSet) -> str | None:
    """What is wrong with a provider once it has been timed."""
    refill(job.case, buffers, job.seed + 1000)
    verdict = gate.check_once(job.case, call, buffers, in_spots=True)
    if replaced := integrity.restore():
        return integrity.sentence(replaced)
    if verdict.passed:
        return None
    at = f", at {verdict.worst_input}" if verdict.worst_input else ""
    return f"after timing: right before it was timed and wrong afterwards, on fresh inputs: {verdict.reason}{at}"


def _bound(call: ProviderCall, buffers: Sequence[BufferSet]) -> list[Callable[[], object]]:
    return [partial(call, *each.inputs, *each.outputs) for each in buffers]


def _regimes_of(job: Job, calls: Calls) -> Iterator[tuple[Regime, str | None]]:
    """Each regime to be timed in, once, and why it was chosen; None: it was asked for."""
    chosen: dict[Regime, str | None] = {}
    for name in job.regimes:
        if name == regimes.AUTO:
            regime, why = _chosen(calls, job.case.bytes_moved, job)
            chosen.setdefault(regime, why)
        else:
            chosen[Regime(name)] = None
    yield from chosen.items()


def _chosen(calls: Calls, working_set_bytes: int, job: Job | RoofJob) -> tuple[Regime, str]:
    """The regime for cold times, by a few cold calls of the quickest entry."""
    device = job.device
    if device.kind == "cpu":
        return regimes.choose(math.inf, working_set_bytes, device)
    setting = regimes.setting(Regime.COLD, calls, working_set_bytes, device, flush=job.flush)
    quickest_s = min(median([setting.clock.time_call(bound[0]) for _ in range(_PROBES)]) for bound in calls.values())
    return regimes.choose(quickest_s, working_set_bytes, device)


@dataclass(frozen=True)
class _Turns:
    """The providers that take turns on a case: what their records say so far, and their calls, by name."""

    job: Job
    buffers: Sequence[BufferSet]
    blank: Mapping[str, Record]
    calls: Calls

    def without(self, names: Collection[str | None]) -> _Turns:
        left = [name for name in self.calls if name not in names]
        return replace(
            self, blank={name: self.blank[name] for name in left}, calls={name: self.calls[name] for name in left}
        )


def _in_regime(turns: _Turns, regime: Regime, why: str | None, failures: dict[str, str]) -> list[Record]:
    """The timed records of one regime, and those of providers that it cannot time. `why` is None: it was asked for.

    What is wrong with timed calls is added to `failures`, by provider.
    """
    job, calls, case = turns.job, turns.calls, turns.job.case
    twin = next(iter(calls))
    streams, remark = _matched_streams(job, regime, turns.buffers)
    entries = {**calls, CONTROL: calls[twin], **{f"roof {name}": bound for name, bound in streams.items()}}
    try:
        _without_failed_captures(job, regime, entries)
        setting = regimes.setting(regime, entries, case.bytes_moved, job.device, flush=job.flush)
    except NotPossible as error:
        if why is not None:  # another regime can be chosen in its place
            return _in_regime(turns, Regime.COLD, f"{why}, but {error}", failures)
        return _not_possible(turns, regime, error, failures)
    audit = Audit(case, turns.buffers[: setting.buffer_sets], {**{name: name for name in calls}, CONTROL: twin})
    sampling = _sampled(setting, f"{why or 'asked for'}{remark}", job, audit)
    if caught := _caught(audit, list(calls)):
        failures.update(caught)
        left = turns.without(caught)  # who cheats may have disturbed the others as well: they are timed again
        return _in_regime(left, regime, why, failures) if left.calls else []
    sampling = replace(sampling, energy=_energies(job, setting, calls))
    roof_bytes = roofs.matched_bytes(case)
    blank = [
        *(roof_record(case, case.roof, name, roof_bytes, job.device.name) for name in streams),
        *turns.blank.values(),
        replace(turns.blank[twin], role=Role.CONTROL, error_by_input=None, flags=()),
    ]
    return [replace(each, audits=audit.count) for each in timed(blank, sampling, twin)]


def _not_possible(turns: _Turns, regime: Regime, error: NotPossible, failures: dict[str, str]) -> list[Record]:
    """The records of one regime where it cannot time the provider that the error names, or, naming none, any."""
    left = turns.without([error.entry])
    failed = [record for name, record in turns.blank.items() if name not in left.calls]
    records = [
        replace(each, regime=regime, outcome=Outcome.UNSUPPORTED, reason=str(error))
        for each in failed or turns.blank.values()
    ]
    return [*records, *_in_regime(left, regime, None, failures)] if failed and left.calls else records


def _matched_streams(job: Job, regime: str, buffers: Sequence[BufferSet]) -> tuple[dict[str, list[roofs.Call]], str]:
    """The streams of the case's roof, each bound to every buffer set; and in words, which cannot be had and why."""
    names = (
        ()
        if regime == Regime.HOST or job.case.op in catalogue.MODEL_OPS
        else roofs.streams(job.case.roof, job.device.kind)
    )
    uncaptured = {f"roof {name}" for name in names} & {entry for entry, _ in job.not_captured}
    with sampler.gc_paused():  # so many objects at once would have it look at them again and again
        bound = roofs.matched(job.case, [name for name in names if f"roof {name}" not in uncaptured], buffers)
    return roofs.usable(bound, job.device)


def _without_failed_captures(job: Job, regime: str, entries: Calls) -> None:
    """Raise NotPossible where a regime of CUDA graphs is asked for an entry that could not be captured."""
    for entry, why in job.not_captured if regime in (Regime.GRAPH, Regime.WARM) else ():
        if entry in entries:
            raise NotPossible(why, entry)


def _caught(audit: Audit, names: list[str]) -> dict[str, str]:
    """The failures that an audit found by provider, a clock that was replaced while nobody looked among them."""
    replaced = [*audit.replaced, *integrity.restore()]
    if replaced and not audit.failures:
        if len(names) > 1:  # whose doing it is shows when each has a process of its own
            raise RuntimeError(integrity.sentence(replaced))
        return {names[0]: integrity.sentence(replaced)}
    return audit.failures


def _sampled(setting: regimes.Setting, why: str, job: Job | RoofJob, watch: Watch | None = None) -> Sampling:
    read, readings = health.reader(job.device), Readings(Nvml.of(job.device), setting.clock.now)
    before = read()
    sampled = sample(setting.calls, setting.clock, job.stop, job.seed, readings.beside(watch))
    meanwhile = readings.slowed_by(is_busy=setting.regime != Regime.HOST)
    state = health.between(before, read(), meanwhile)
    return Sampling(setting, why, sampled, job.seed, state, job.device, readings)


def _energies(job: Job, setting: regimes.Setting, calls: Calls) -> dict[str, Energy]:
    """The energy of each provider's call, where the device counts it; calls in graphs are replayed as such."""
    gpu = Nvml.of(job.device)
    if not isinstance(gpu, Nvml) or job.energy_s == 0 or setting.regime == Regime.HOST:
        return {}
    found = {}
    for name, bound in calls.items():
        batch = setting.calls_per_sample.get(name)
        spent = energy_of(bound if batch is None else setting.calls[name], gpu.energy_mj, job.energy_s, torch.cuda)
        if spent is not None:
            found[name] = replace(spent, per_call_j=spent.per_call_j / (batch or 1))
    return found


def _curve_point(job: RoofJob, stage: Stage) -> list[Record]:
    point, device = job.case, job.device
    stage("roof curve", None)
    working_set = roofs.working_set_bytes(point)
    sets = regimes.sets([regimes.AUTO, Regime.WARM], working_set, device)
    streams, remark = roofs.usable(roofs.curve_calls(point, sets, device, job.seed), device)
    if not streams:
        return []
    calls = {f"roof {name}": bound for name, bound in streams.items()}
    cold, why = _chosen(calls, working_set, job)
    records = []
    for regime, reason in ((cold, f"{why}{remark}"), (Regime.WARM, f"the levels of the caches{remark}")):
        setting = regimes.setting(regime, calls, working_set, device, flush=job.flush)
        blanks = [roof_record(point, point.op, name, working_set, device.name) for name in streams]
        blanks = [replace(blank, flops=roofs.flops(point)) for blank in blanks]
        records += timed(blanks, _sampled(setting, reason, job))
    return records

"""One case, measured: gate, regime, interleaved samples with the matched roofs, records. Runs in a worker process."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from harness.correctness import audit, errors, gate, integrity
from harness.correctness.audit import Audit
from harness.device import health
from harness.device.devices import Device
from harness.ops import buffers as case_buffers
from harness.ops import catalogue, reference
from harness.ops.buffers import BufferSet, allocate, refill
from harness.ops.cases import Case
from harness.run import gated as gated_module
from harness.run.gated import ProviderCall, gated
from harness.run.recording import CONTROL, Sampling, roof_record, timed
from harness.run.validating import validate
from harness.store.records import Record
from harness.sweeps.stop_rule import StopRule
from harness.timing import clocks, estimators, regimes, roofs, sampler
from harness.timing.estimators import median
from harness.timing.regimes import NotPossible
from harness.timing.sampler import Calls, Watch, sample

_PROBES = 5

# What a provider's code must not replace: see harness.correctness.integrity.
MEASURING_MODULES = (
    clocks, sampler, gate, errors, reference, *catalogue.MODULES, audit, case_buffers, estimators, integrity,
    gated_module, sys.modules[__name__],
)  # fmt: skip

Stage = Callable[[str, "str | None"], None]


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do: one case, by some providers, timed or validated on the emulated GPU."""

    case: Case
    providers: tuple[str, ...]
    device: Device
    stop: StopRule
    seed: int
    timed: bool
    regimes: tuple[str, ...] = (regimes.AUTO,)
    is_repeat: bool = False  # a case before it in the sweep differs from it in the sizes of its shape only
    not_captured: tuple[tuple[str, str], ...] = ()  # entries that failed in a capture, and why: in an earlier process


@dataclass(frozen=True)
class RoofJob:
    """One point of a roof's curve (`roofs.curve_cases`), in cold and in warm."""

    case: Case
    device: Device
    stop: StopRule
    seed: int


def run_job(job: Job | RoofJob, stage: Stage) -> list[Record]:
    """The records of a job. `stage` is told what is being done, so that a crash can be attributed.

    Raises CaptureFailed: the job is to be done in a new process, with what failed in `Job.not_captured`.
    """
    began_s = time.monotonic()
    if job.device.kind == "cuda":
        torch.cuda.set_device(job.device.torch_device)  # for all that does not name a device: a user's launch, a spin
    if isinstance(job, RoofJob):
        records = _curve_point(job, stage)
    else:
        records = _measure(job, stage) if job.timed else validate(job, stage)
    wall_s = time.monotonic() - began_s
    return [replace(record, wall_s=wall_s) for record in records]


def _measure(job: Job, stage: Stage) -> list[Record]:
    case, device = job.case, job.device
    stage("allocate", None)
    sets = regimes.sets(job.regimes, case.bytes_moved, device)
    buffers = allocate(case, sets, device.torch_device, job.seed)
    records: list[Record] = []
    passed: dict[str, tuple[Record, ProviderCall]] = {}
    for spec in job.providers:
        stage("gate", spec)
        record, call = gated(job, case, spec, buffers[0])
        if record.outcome == "ok" and call is not None:
            passed[record.provider] = (record, call)
        else:
            records.append(record)
    if not passed:
        return records
    stage("sampling", None)
    calls = {name: _bound(call, buffers) for name, (_, call) in passed.items()}
    blank = {name: record for name, (record, _) in passed.items()}
    failures: dict[str, str] = {}
    for regime, why in _regimes_of(job, calls):
        records += _in_regime(job, regime, why, blank, calls, buffers, failures)
    for name, (record, call) in passed.items():
        stage("recheck", name)
        if name not in failures and (found := _after_timing(job, call, buffers[0])):
            failures[name] = found
        if name in failures:  # its times are withdrawn, and with them those of its twin
            records = [each for each in records if each.role == "roof" or each.provider != name]
            records.append(replace(record, outcome="rejected", reason=failures[name]))
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


def _regimes_of(job: Job, calls: Calls) -> Iterator[tuple[str, str]]:
    """Each regime to be timed in, once, and why it is."""
    chosen: dict[str, str] = {}
    for name in job.regimes:
        if name == regimes.AUTO:
            regime, why = _chosen(calls, job.case.bytes_moved, job.device)
            chosen.setdefault(regime, why)
        else:
            chosen[name] = "asked for"
    yield from chosen.items()


def _chosen(calls: Calls, working_set_bytes: int, device: Device) -> tuple[str, str]:
    """The regime for cold times, by a few cold calls of the quickest entry."""
    if device.kind == "cpu":
        return regimes.choose(math.inf, working_set_bytes, device)
    setting = regimes.setting("cold", calls, working_set_bytes, device)
    quickest_s = min(median([setting.clock.time_call(bound[0]) for _ in range(_PROBES)]) for bound in calls.values())
    return regimes.choose(quickest_s, working_set_bytes, device)


def _in_regime(
    job: Job,
    regime: str,
    why: str,
    blank: dict[str, Record],
    calls: Calls,
    buffers: Sequence[BufferSet],
    failures: dict[str, str],
) -> list[Record]:
    """The timed records of one regime, and those of providers that it cannot time.

    What is wrong with timed calls is added to `failures`, by provider.
    """
    case, device = job.case, job.device
    twin = next(iter(calls))
    streams, remark = _matched_streams(job, regime, buffers)
    entries = {**calls, CONTROL: calls[twin], **{f"roof {name}": bound for name, bound in streams.items()}}
    try:
        _without_failed_captures(job, regime, entries)
        setting = regimes.setting(regime, entries, case.bytes_moved, device)
    except NotPossible as error:
        if why != "asked for":  # a choice of ours can be another
            return _in_regime(job, "cold", f"{why}, but {error}", blank, calls, buffers, failures)
        others = {name: bound for name, bound in calls.items() if name != error.entry}
        failed = (
            [each for name, each in blank.items() if name == error.entry]
            if len(others) < len(calls)
            else blank.values()
        )
        records = [replace(each, regime=regime, outcome="unsupported", reason=str(error)) for each in failed]
        if len(others) in (0, len(calls)):
            return records
        rest = {name: blank[name] for name in others}
        return [*records, *_in_regime(job, regime, why, rest, others, buffers, failures)]
    audit = Audit(case, buffers[: setting.buffer_sets], {**{name: name for name in calls}, CONTROL: twin})
    sampling = _sampled(setting, f"{why}{remark}", job, audit)
    caught = _caught(audit, list(calls))
    if caught:  # who cheats may have disturbed the others as well: they are timed again, without it
        failures.update(caught)
        others = {name: bound for name, bound in calls.items() if name not in caught}
        rest = {name: blank[name] for name in others}
        return _in_regime(job, regime, why, rest, others, buffers, failures) if others else []
    roof_bytes = roofs.matched_bytes(case)
    records = timed(
        [
            *(roof_record(case, case.roof, name, roof_bytes, device.name) for name in streams),
            *blank.values(),
            replace(blank[twin], role="control", details={}, flags=()),
        ],
        sampling,
        twin,
    )
    return [replace(each, details=each.details | {"audits": audit.count}) for each in records]


def _matched_streams(job: Job, regime: str, buffers: Sequence[BufferSet]) -> tuple[dict[str, list[roofs.Call]], str]:
    """The streams of the case's roof, each bound to every buffer set; and in words, which cannot be had and why."""
    names = () if regime == "host" else roofs.streams(job.case.roof, job.device.kind)
    uncaptured = {f"roof {name}" for name in names} & {entry for entry, _ in job.not_captured}
    bound = {
        name: [roofs.matched(job.case, name, each) for each in buffers]
        for name in names
        if f"roof {name}" not in uncaptured
    }
    return roofs.usable(bound, job.device)


def _without_failed_captures(job: Job, regime: str, entries: Calls) -> None:
    """Raise NotPossible where a regime of CUDA graphs is asked for an entry that could not be captured."""
    for entry, why in job.not_captured if regime in ("graph", "warm") else ():
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
    read = health.reader(job.device)
    before = read()
    sampled = sample(setting.calls, setting.clock, job.stop, job.seed, watch)
    return Sampling(setting, why, sampled, job.seed, health.between(before, read()), job.device)


def _curve_point(job: RoofJob, stage: Stage) -> list[Record]:
    point, device = job.case, job.device
    stage("roof curve", None)
    working_set = roofs.working_set_bytes(point)
    sets = regimes.sets([regimes.AUTO, "warm"], working_set, device)
    streams, remark = roofs.usable(roofs.curve_calls(point, sets, device, job.seed), device)
    if not streams:
        return []
    calls = {f"roof {name}": bound for name, bound in streams.items()}
    cold, why = _chosen(calls, working_set, device)
    records = []
    for regime, reason in ((cold, f"{why}{remark}"), ("warm", f"the levels of the caches{remark}")):
        setting = regimes.setting(regime, calls, working_set, device)
        blanks = [roof_record(point, point.op, name, working_set, device.name) for name in streams]
        blanks = [replace(blank, flops=roofs.flops(point)) for blank in blanks]
        records += timed(blanks, _sampled(setting, reason, job))
    return records

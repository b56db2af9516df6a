"""Measures one case in a worker process: gate, regime, interleaved samples with the matched roofs, records."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from harness import providers
from harness.correctness import audit, error_by_input, errors, gate, integrity
from harness.correctness.audit import Audit
from harness.device import health
from harness.device.devices import Device
from harness.ops import buffers as case_buffers
from harness.ops import catalogue, reference
from harness.ops.buffers import BufferSet, allocate, refill
from harness.ops.cases import Case
from harness.providers.file import location
from harness.run.recording import CONTROL, Sampling, blank_record, roof_record, timed
from harness.store.records import Record
from harness.sweeps.stop_rule import StopRule
from harness.timing import clocks, estimators, regimes, roofs, sampler
from harness.timing.estimators import median
from harness.timing.regimes import NotPossible
from harness.timing.sampler import Calls, Watch, sample

# Elements of a case that Triton's interpreter runs: enough for every 16-bit value, and a matter of seconds.
INTERPRETED_ELEMENTS = 2**17
# And where another shape of the same kind has been through that: its own blocks, rows and tails, in a second.
INTERPRETED_AGAIN = 2**14
_PROBES = 5

# What a provider's code must not replace: see harness.correctness.integrity.
MEASURING_MODULES = (
    clocks, sampler, gate, errors, reference, *catalogue.MODULES, audit, case_buffers, estimators, integrity,
    sys.modules[__name__],
)  # fmt: skip

Stage = Callable[[str, "str | None"], None]
ProviderCall = Callable[..., None]


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do: one case, by some providers, timed or only validated."""

    case: Case
    providers: tuple[str, ...]
    device: Device
    stop: StopRule
    seed: int
    timed: bool
    regimes: tuple[str, ...] = (regimes.AUTO,)
    is_repeat: bool = False  # a case before it in the sweep differs from it in the sizes of its shape only


@dataclass(frozen=True)
class RoofJob:
    """One point of a roof's curve (`roofs.curve_cases`), in cold and in warm."""

    case: Case
    device: Device
    stop: StopRule
    seed: int


def run_job(job: Job | RoofJob, stage: Stage) -> list[Record]:
    """The records of a job. `stage` is told what is being done, so that a crash can be attributed."""
    began_s = time.monotonic()
    if isinstance(job, RoofJob):
        records = _curve_point(job, stage)
    else:
        records = _measure(job, stage) if job.timed else _validate(job, stage)
    wall_s = time.monotonic() - began_s
    return [replace(record, wall_s=wall_s) for record in records]


def _validate(job: Job, stage: Stage) -> list[Record]:
    """Every provider through the gate on a small version of the case; nothing is timed."""
    case = job.case.reduced(INTERPRETED_AGAIN if job.is_repeat else INTERPRETED_ELEMENTS)
    shape = "×".join(map(str, case.shape))
    stage("allocate", None)
    buffers = allocate(case, 1, "cpu", job.seed)[0]
    records = []
    for spec in job.providers:
        stage("validate", spec)
        record, _ = _gated(job, case, spec, buffers)
        if record.outcome == "ok":
            reason = f"right, not timed: run by Triton's interpreter at {shape}, as there is no GPU"
            record = replace(record, outcome="validated", reason=reason)
        records.append(record)
    return records


def _gated(job: Job, case: Case, spec: str, buffers: BufferSet) -> tuple[Record, ProviderCall | None]:
    """A provider's record so far (outcome "ok" if it passed the gate), and its call."""
    record, call = _through_gate(job, case, spec, buffers)
    replaced = integrity.restore()
    if replaced:
        return replace(record, outcome="rejected", reason=integrity.sentence(replaced)), None
    return record, call


def _through_gate(job: Job, case: Case, spec: str, buffers: BufferSet) -> tuple[Record, ProviderCall | None]:
    name = providers.name_of(spec)
    try:
        call = providers.load(spec).prepare(case)
        verdict = gate.check(case, call, buffers, job.seed)
    except providers.Unsupported as error:
        return blank_record(job.case, name, job.device.name, "unsupported", str(error)), None
    except providers.WrongOutput as error:
        return blank_record(job.case, name, job.device.name, "rejected", f"gate: {error}"), None
    except Exception as error:
        return failed_record(job, spec, error), None
    remark = getattr(call, "remark", "")
    why = f"gate: {verdict.reason}{f'; {remark}' if remark else ''}"
    outcome, reason = ("ok", None) if verdict.passed else ("rejected", why)
    record = blank_record(job.case, name, job.device.name, outcome, reason)
    record = replace(record, max_ulp=_finite(verdict.max_ulp), worst_input=verdict.worst_input)
    if error_by_input.is_profiled(case):
        record = replace(record, details={"error_by_input": error_by_input.error_by_input(case, call, buffers)})
    return record, call


def failed_record(job: Job, spec: str, error: Exception) -> Record:
    """The record of a provider that raised; what it raised goes to the worker's log, whole."""
    name = providers.name_of(spec)
    traceback.print_exception(error)
    if is_out_of_memory(error):
        return blank_record(job.case, name, job.device.name, "oom", _sentence(error))
    if "CUDA error" in str(error) or "Error [CUDA]" in str(error):
        raise error  # the CUDA context may be gone with it: only a new process can go on for certain
    path = providers.file_of(spec)
    where = location(error, path) if path is not None and not isinstance(error, providers.ProviderError) else ""
    reason = f"{_sentence(error)}{f' ({where})' if where else ''}"
    return blank_record(job.case, name, job.device.name, "crashed", reason)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the device or the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def _sentence(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:500]


def _measure(job: Job, stage: Stage) -> list[Record]:
    case, device = job.case, job.device
    stage("allocate", None)
    sets = regimes.sets(job.regimes, case.bytes_moved, device)
    buffers = allocate(case, sets, device.torch_device, job.seed)
    records: list[Record] = []
    passed: dict[str, tuple[Record, ProviderCall]] = {}
    for spec in job.providers:
        stage("gate", spec)
        record, call = _gated(job, case, spec, buffers[0])
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
    entries = {**calls, CONTROL: calls[twin]}
    streams = () if regime == "host" else roofs.streams(case.roof, device.kind)
    for name in streams:
        entries[f"roof {name}"] = [roofs.matched(case, name, each) for each in buffers]
    try:
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
    sampling = _sampled(setting, why, job, audit)
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
            replace(blank[twin], role="control", details={}),
        ],
        sampling,
        twin,
    )
    return [replace(each, details=each.details | {"audits": audit.count}) for each in records]


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
    streams = roofs.curve_calls(point, sets, device, job.seed)
    calls = {f"roof {name}": bound for name, bound in streams.items()}
    cold, why = _chosen(calls, working_set, device)
    records = []
    for regime, reason in ((cold, why), ("warm", "the levels of the caches")):
        setting = regimes.setting(regime, calls, working_set, device)
        blanks = [roof_record(point, point.op, name, working_set, device.name) for name in streams]
        blanks = [replace(blank, flops=roofs.flops(point)) for blank in blanks]
        records += timed(blanks, _sampled(setting, reason, job))
    return records


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""One case, measured: gate, matched roofs, interleaved samples, records. Runs inside a worker process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from harness import accuracy, gate, providers
from harness.buffers import BufferSet, allocate, flat, is_cold, refill, sets_needed
from harness.cases import Case
from harness.clocks import Clock, CpuClock, CudaClock
from harness.devices import Device
from harness.records import SCHEMA, Record
from harness.sampler import Sampled, StopRule, sample
from harness.statistics import attained, noise_floor, paired_ratio, relative_half_width

# Elements of a case that Triton's interpreter runs: enough for every 16-bit value, and a matter of seconds.
INTERPRETED_ELEMENTS = 2**17
# A 95% interval of the median wider than this on either side marks a row as noisy.
NOISY_HALF_WIDTH = 0.05

Stage = Callable[[str, "str | None"], None]


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do: one case, by some providers, timed or only validated."""

    case: Case
    providers: tuple[str, ...]
    device: Device
    stop: StopRule
    seed: int
    timed: bool


def run_job(job: Job, stage: Stage) -> list[Record]:
    """The records of a job. `stage` is told what is being done, so that a crash can be attributed."""
    return _measure(job, stage) if job.timed else _validate(job, stage)


def blank_record(case: Case, provider: str, device: str, outcome: str, reason: str | None) -> Record:
    """A record of a case that was not timed."""
    return Record(
        schema=SCHEMA,
        case_key=case.key,
        op=case.op,
        params=dict(case.params),
        shape=case.shape,
        dtype=case.dtype,
        layout=case.layout,
        provider=provider,
        regime=None,
        outcome=outcome,
        reason=reason,
        samples_s=(),
        median_s=None,
        ci95_s=None,
        stop_rule=None,
        elements=case.elements,
        bytes_moved=case.bytes_moved,
        flops=case.flops,
        working_set_bytes=case.bytes_moved,
        bandwidth_gbps=None,
        roof=case.roof,
        roof_gbps=None,
        max_ulp=None,
        worst_input=None,
        flags=(),
        device=device,
    )


def _validate(job: Job, stage: Stage) -> list[Record]:
    """Every provider through the gate on a small version of the case; nothing is timed."""
    case = job.case.reduced(INTERPRETED_ELEMENTS)
    shape = "×".join(map(str, case.shape))
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


def _gated(job: Job, case: Case, spec: str, buffers: BufferSet) -> tuple[Record, Callable[..., None] | None]:
    """A provider's record so far (outcome "ok" if it passed the gate), and its call."""
    name = providers.name_of(spec)
    try:
        call = providers.load(spec).prepare(case)
        verdict = gate.check(case, call, buffers, job.seed)
    except providers.Unsupported as error:
        return blank_record(job.case, name, job.device.name, "unsupported", str(error)), None
    except Exception as error:
        return failed_record(job, name, error), None
    record = blank_record(job.case, name, job.device.name, "ok" if verdict.passed else "rejected", verdict.reason)
    record = replace(record, max_ulp=_finite(verdict.max_ulp), worst_input=verdict.worst_input)
    if accuracy.is_profiled(case):
        record = replace(record, details={"error_by_input": accuracy.error_by_input(case, call, buffers)})
    return record, call


def failed_record(job: Job, name: str, error: Exception) -> Record:
    """The record of a provider that raised."""
    if is_out_of_memory(error):
        return blank_record(job.case, name, job.device.name, "oom", _sentence(error))
    if "device-side" in str(error) or "illegal memory access" in str(error):
        raise error  # the CUDA context is gone: only a new process can go on
    return blank_record(job.case, name, job.device.name, "crashed", _sentence(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the device or the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def _sentence(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:500]


def _measure(job: Job, stage: Stage) -> list[Record]:
    case, device = job.case, job.device
    stage("allocate", None)
    on_cuda = device.kind == "cuda"
    sets = 1 if on_cuda else sets_needed(case, device.last_level_cache_bytes, device.memory_bytes)
    buffers = allocate(case, sets, device.torch_device, job.seed)
    records: list[Record] = []
    passed: dict[str, tuple[Record, Callable[..., None]]] = {}
    for spec in job.providers:
        stage("gate", spec)
        record, call = _gated(job, case, spec, buffers[0])
        if record.outcome == "ok" and call is not None:
            passed[record.provider] = (record, call)
        else:
            records.append(record)
    if not passed:
        return records
    cold = on_cuda or is_cold(case, sets, device.last_level_cache_bytes)
    stage("sampling", None)
    entries, twin = _entries(case, buffers, {name: call for name, (_, call) in passed.items()})
    clock: Clock = CudaClock(device.torch_device, 2 * device.last_level_cache_bytes) if on_cuda else CpuClock()
    sampled = sample(entries, clock, job.stop, job.seed)
    details = {"clock": clock.name, "regime_why": _why(cold, on_cuda, sets)}
    roofs = _roof_records(job, sampled, cold, details)
    roof = max(roofs, key=lambda record: record.roof_gbps or 0.0)
    for name, (record, call) in passed.items():
        stage("recheck", name)
        refill(case, buffers[0], job.seed + 1000)
        verdict = gate.check_once(case, call, buffers[0])
        if not verdict.passed:
            reason = f"right before it was timed and wrong afterwards, on fresh inputs: {verdict.reason}"
            records.append(replace(record, outcome="rejected", reason=reason, worst_input=verdict.worst_input))
            continue
        records.append(_timed(record, sampled[name], cold, roof, details))
        if name == twin:
            control = replace(record, role="control", details={})
            records.append(_timed(control, sampled[CONTROL], cold, roof, details))
    shared: dict[str, Any] = {
        "buffer_sets": sets,
        "seed": job.seed,
        "entries": tuple(entries),
        "regime_why": details["regime_why"],
    }
    timed = [replace(record, **shared) if record.samples_s else record for record in (*roofs, *records)]
    return _compared(timed, twin)


def _compared(records: list[Record], twin: str) -> list[Record]:
    """The timed records with their ratios to the baseline, and with the noise floor that the control gives."""
    timed = {record.entry: record for record in records if record.samples_s and record.role != "roof"}
    control = paired_ratio(timed[CONTROL].samples_s, timed[twin].samples_s) if CONTROL in timed else None
    floor = noise_floor(control) if control is not None else None
    baseline = timed.get(BASELINE)
    return [
        _against(replace(record, noise_floor=floor), baseline) if record.samples_s else record for record in records
    ]


def _against(record: Record, baseline: Record | None) -> Record:
    if baseline is None or record.role != "provider" or record.provider == baseline.provider:
        return record
    found = paired_ratio(record.samples_s, baseline.samples_s, record.seed or 0)
    if found is None:
        return record
    return replace(record, baseline=baseline.provider, ratio=found.ratio, ratio_ci95=(found.low, found.high))


CONTROL = "control"  # the name among entries of the first provider's twin
BASELINE = "eager"  # what the others are compared with, by pairs


def _entries(
    case: Case, buffers: Sequence[BufferSet], calls: dict[str, Callable[..., None]]
) -> tuple[dict[str, list[Callable[[], object]]], str]:
    """Everything that is sampled together: providers, the twin of the first one, and the matched roofs."""
    entries: dict[str, list[Callable[[], object]]] = {
        name: [partial(call, *each.inputs, *each.outputs) for each in buffers] for name, call in calls.items()
    }
    twin = next(iter(entries))
    entries[CONTROL] = entries[twin]
    for name in ROOFS[case.roof]:
        entries[f"roof {name}"] = [roof_call(name, each) for each in buffers]
    return entries, twin


# What attains a ceiling: plain streams with the traffic of the op, over the op's own buffers. The best counts.
ROOFS = {"copy": ("copy", "invert"), "triad": ("triad",)}


def roof_call(name: str, buffers: BufferSet) -> Callable[[], object]:
    """One stream over the case's own main tensors, as integers, so that no value makes arithmetic slow."""
    shape = buffers.outputs[0].shape
    sources = [_words(tensor) for tensor in buffers.inputs if tensor.shape == shape]
    out = _words(buffers.outputs[0])
    if name == "copy":
        return partial(out.copy_, sources[0])
    if name == "invert":
        return partial(torch.bitwise_not, sources[0], out=out)
    return partial(torch.bitwise_xor, sources[0], sources[1], out=out)


def _words(tensor: torch.Tensor) -> torch.Tensor:
    line = flat(tensor)
    if line.element_size() == 2:
        return line.view(torch.int32 if line.numel() % 2 == 0 else torch.int16)
    return line.view(torch.int32)


def _roof_records(job: Job, sampled: dict[str, Sampled], cold: bool, details: dict[str, Any]) -> list[Record]:
    case = job.case
    streams = {"copy": 2, "triad": 3}[case.roof]
    bytes_moved = streams * case.outputs[0].nbytes
    records = []
    for name in ROOFS[case.roof]:
        record = replace(
            blank_record(case, name, job.device.name, "ok", None),
            role="roof",
            bytes_moved=bytes_moved,
            working_set_bytes=bytes_moved,
            flops=0,
        )
        timed = sampled[f"roof {name}"]
        record = _timed(record, timed, cold, None, details)
        records.append(replace(record, roof_gbps=bytes_moved / attained(timed.samples_s) / 1e9))
    return records


def _timed(record: Record, timed: Sampled, cold: bool, roof: Record | None, details: dict[str, Any]) -> Record:
    flags = [] if cold else ["warm"]
    if timed.ci95_s is None:
        flags.append("few_samples")
    elif relative_half_width(timed.ci95_s, timed.median_s) > NOISY_HALF_WIDTH:
        flags.append("noisy")
    if roof is not None and _is_over(record, timed, roof):
        flags.append("over_roof")
    return replace(
        record,
        regime="cold" if cold else "warm",
        samples_s=timed.samples_s,
        median_s=timed.median_s,
        ci95_s=timed.ci95_s,
        stop_rule=timed.stop_rule,
        bandwidth_gbps=record.bytes_moved / timed.median_s / 1e9,
        roof_gbps=roof.roof_gbps if roof is not None else None,
        flags=tuple(flags),
        details=record.details | details,
    )


def _is_over(record: Record, timed: Sampled, roof: Record) -> bool:
    """Whether the rate exceeds the roof even at the slow end of its interval."""
    if timed.ci95_s is None or roof.roof_gbps is None:
        return False
    return record.bytes_moved / timed.ci95_s[1] / 1e9 > roof.roof_gbps


def _why(cold: bool, on_cuda: bool, sets: int) -> str:
    if on_cuda:
        return "L2 written over before each call"
    if cold:
        return f"{sets} buffer sets in rotation, more than twice the last-level cache"
    return f"{sets} buffer sets are all that memory allows, less than twice the last-level cache"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

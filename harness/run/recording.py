"""Makes records from samples: statistics, the comparison with the baseline, the roof, the flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.device.devices import Device
from harness.device.readings import Readings
from harness.ops.cases import Case
from harness.ops.catalogue import MODEL_OPS
from harness.store.records import ClockRange, Record
from harness.store.vocabulary import PROVIDED, SCHEMA, Flag, Mix, Outcome, Regime, Role
from harness.timing import sample_flags
from harness.timing.energy import Energy
from harness.timing.estimators import attained, median, noise_floor, paired_ratio, relative_half_width
from harness.timing.regimes import Setting
from harness.timing.sampler import Sampled

CONTROL = "control"  # the name among entries of the first provider's twin
BASELINE = "eager"  # what the others are compared with, by pairs
# A clock that could not hide the launch of more calls than this share has the host's time in its samples.
UNHIDDEN_SHARE = 0.05


def blank_record(case: Case, provider: str, device: str, outcome: Outcome, reason: str | None) -> Record:
    """A record of a case that was not timed."""
    record = _record(case, provider, device, case.roof, case.bytes_moved)
    return replace(record, role=role_of(case), flops=case.flops, outcome=outcome, reason=reason)


def role_of(case: Case) -> Role:
    """Of a provider's records of a case."""
    return Role.MODEL if case.op in MODEL_OPS else Role.PROVIDER


def roof_record(case: Case, mix: str, stream: str, bytes_moved: int, device: str) -> Record:
    """A record of a stream, not timed yet: the matched roof of a case, or a point of a mix's curve."""
    return replace(_record(case, stream, device, mix, bytes_moved), role=Role.ROOF)


def _record(case: Case, provider: str, device: str, mix: str, bytes_moved: int) -> Record:
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
        outcome=Outcome.OK,
        reason=None,
        samples_s=(),
        median_s=None,
        ci95_s=None,
        stop_rule=None,
        elements=case.elements,
        bytes_moved=bytes_moved,
        flops=0,
        working_set_bytes=bytes_moved,
        bandwidth_gbps=None,
        roof=Mix(mix),
        roof_gbps=None,
        max_ulp=None,
        worst_input=None,
        flags=(),
        device=device,
        data=case.data,
    )


@dataclass(frozen=True)
class Sampling:
    """All that was sampled together, in one regime, and under which conditions."""

    setting: Setting
    why: str  # this regime
    sampled: Mapping[str, Sampled]  # by entry
    seed: int
    health: Mapping[str, Any]
    device: Device
    readings: Readings | None = None  # of the device's clocks
    energy: Mapping[str, Energy] = field(default_factory=dict)  # by entry, where the device has a counter


def timed(records: Sequence[Record], sampling: Sampling, twin: str | None = None) -> list[Record]:
    """The records of all entries with what their samples say; `twin` is the provider that the control doubles."""
    made = [_with_samples(record, sampling) for record in records]
    roofs = [record for record in made if record.role == Role.ROOF]
    roof = max(roofs, key=lambda record: record.roof_gbps or 0.0, default=None)
    by_entry = {record.entry: record for record in made}
    control = None
    if twin is not None:
        control = paired_ratio(sampling.sampled[CONTROL].samples_s, sampling.sampled[twin].samples_s, sampling.seed)
    floor = noise_floor(control) if control is not None else None
    baseline = by_entry.get(BASELINE)
    return [
        record
        if record.role == Role.ROOF
        else _under_roof(_against(replace(record, noise_floor=floor), baseline), roof, sampling.device)
        for record in made
    ]


def _with_samples(record: Record, sampling: Sampling) -> Record:
    setting, taken = sampling.setting, sampling.sampled[record.entry]
    # A launch moves no bytes, and how many a model moves nobody counts.
    has_bytes = setting.regime != Regime.HOST and record.op not in MODEL_OPS
    is_roof = record.role == Role.ROOF
    energy = sampling.energy.get(record.entry)
    return replace(
        record,
        regime=setting.regime,
        regime_why=f"{sampling.why}; {setting.why}",
        samples_s=taken.samples_s,
        median_s=taken.median_s,
        ci95_s=taken.ci95_s,
        stop_rule=taken.stop_rule,
        bandwidth_gbps=record.bytes_moved / taken.median_s / 1e9 if has_bytes else None,
        roof=record.roof if has_bytes else None,
        roof_gbps=record.bytes_moved / attained(taken.samples_s) / 1e9 if is_roof else None,
        flags=(*record.flags, *_flags(taken, sampling)),
        buffer_sets=setting.buffer_sets,
        flush=setting.flush,
        seed=sampling.seed,
        entries=tuple(sampling.sampled),
        measured_s=taken.measured_s,
        warmup_s=taken.warmup_s,
        health=dict(sampling.health),
        sm_clock=_range(sampling.readings.sm_clocks_mhz if sampling.readings else ()),
        memory_clock=_range(sampling.readings.memory_clocks_mhz if sampling.readings else ()),
        energy_j=energy.per_call_j if energy else None,
        power_w=energy.power_w if energy else None,
        clock=setting.clock.name,
        calls_per_sample=setting.calls_per_sample.get(record.entry),
    )


def _range(clocks_mhz: Sequence[int]) -> ClockRange | None:
    if not clocks_mhz:
        return None
    return ClockRange(median(clocks_mhz), min(clocks_mhz), max(clocks_mhz), len(clocks_mhz))


def _flags(taken: Sampled, sampling: Sampling) -> list[Flag]:
    setting = sampling.setting
    flags = [*setting.flags, *sample_flags.flags(taken.samples_s, taken.median_s, taken.ci95_s, setting.resolution_s)]
    if not taken.is_settled:
        flags.append(Flag.UNSETTLED)
    calls = sum(len(each.samples_s) for each in sampling.sampled.values())
    if getattr(setting.clock, "unhidden_calls", 0) > UNHIDDEN_SHARE * calls:
        flags.append(Flag.UNHIDDEN)
    return [*flags, *(Flag[name.upper()] for name in sampling.health.get("flags", ()))]


def _against(record: Record, baseline: Record | None) -> Record:
    if baseline is None or record.role not in PROVIDED or record.provider == baseline.provider:
        return record
    found = paired_ratio(record.samples_s, baseline.samples_s, record.seed or 0)
    if found is None:
        return record
    return replace(record, baseline=baseline.provider, ratio=found.ratio, ratio_ci95=(found.low, found.high))


def _under_roof(record: Record, roof: Record | None, device: Device) -> Record:
    """The record held against its roof: over it only where even the slow end of its interval is."""
    if roof is None or roof.roof_gbps is None or record.ci95_s is None:
        return replace(record, roof_gbps=roof.roof_gbps if roof else None)
    record = replace(record, roof_gbps=roof.roof_gbps)
    if over_roof_by(record, device.peak_gbps) <= over_roof_allowance(record):
        return record
    reasons = tuple(over_roof_reasons(record, roof, device))
    return replace(record, flags=(*record.flags, Flag.OVER_ROOF), over_roof_reasons=reasons)


def over_roof_by(record: Record, peak_gbps: float | None) -> float:
    """How far the slow end of a record's interval is above its roof, or the datasheet's peak: 0.01 is 1%."""
    if record.ci95_s is None or not record.roof_gbps:
        return -1.0
    limit = record.roof_gbps if peak_gbps is None or record.regime == Regime.WARM else min(record.roof_gbps, peak_gbps)
    return record.bytes_moved / record.ci95_s[1] / 1e9 / limit - 1


def over_roof_allowance(record: Record) -> float:
    """How far above its roof is no finding: 1%, or the noise floor of its case where that is more."""
    return max(0.01, record.noise_floor or 0.0)


def over_roof_reasons(record: Record, roof: Record, device: Device) -> list[str]:
    """Why a record may be faster than its roof, likeliest first: something about the measurement, not a feat."""
    reasons = []
    if Flag.NOT_COLD in record.flags:
        reasons.append("its buffers do not go round past the last-level cache, which is faster than memory")
    cache = device.last_level_cache_bytes
    if record.regime in (Regime.COLD, Regime.GRAPH) and record.working_set_bytes < 4 * cache:
        reasons.append("a part of what it wrote may still lie in the cache, and is written to memory after its time")
    if roof.flags:
        reasons.append(f"the roof's own times are not clean ({', '.join(roof.flags)})")
    if roof.ci95_s and roof.median_s and relative_half_width(roof.ci95_s, roof.median_s) > sample_flags.SHIFT:
        reasons.append("the roof's own times spread by more than ±1%")
    if device.peak_gbps and record.bandwidth_gbps and record.bandwidth_gbps > device.peak_gbps:
        reasons.append(f"more than the datasheet's peak of {device.peak_gbps:g} GB/s: not all of it came from memory")
    if record.bandwidth_gbps and roof.roof_gbps and record.bandwidth_gbps < 1.05 * roof.roof_gbps:
        reasons.append("within 5% of the roof: its launch shape may suit this device better than those of the streams")
    return reasons or ["it may move fewer bytes than the op needs: look at what it leaves out"]

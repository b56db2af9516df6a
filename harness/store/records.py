"""The record: the one stored row for (case, role, provider, regime), and a run of them read from disk.

A run is a directory with `manifest.json` (who, where, with what) and `records.jsonl` (one JSON object a line,
append-only). Everything that reads a run, reads it through this module.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.device.placement import Placement
from harness.store.lines import Decoder, VersionedDecoder, is_torn, iter_lines
from harness.store.manifest import Manifest, read_manifest
from harness.store.vocabulary import (
    FLAGS_OF_RESULTS,
    PROVIDED,
    RECORDS,
    Cause,
    Flag,
    Flush,
    Mix,
    Outcome,
    Regime,
    Role,
    RunError,
)  # fmt: skip


@dataclass(frozen=True)
class ErrorByInput:
    """The largest error in ULP of each bucket of neighbouring inputs; see harness.correctness.error_by_input."""

    patterns_per_bucket: int
    max_ulp: tuple[float | None, ...]


@dataclass(frozen=True)
class ClockRange:
    """A clock of the device through the samples of a case, as it was read between them."""

    median_mhz: float
    least_mhz: float
    most_mhz: float
    readings: int


_CURVES = frozenset(Mix)


@dataclass(frozen=True)
class Record:
    """The one stored row for (case, role, provider, regime).

    Times are seconds per call, `bandwidth_gbps` is 1e9 bytes per second, `max_ulp` counts units in the last
    place of the output dtype. What was not measured is None, never 0. Only the samples are measured: every
    statistic follows from them by `harness.timing.estimators`, and can be computed again.

    All records of one case and regime were sampled in the same rounds: their n-th samples are a pair, taken
    within one round. The order within the rounds follows from `entries` and `seed` (`harness.timing.sampler.rounds`).
    """

    schema: int
    case_key: str  # op, params, shape, dtype and layout as one readable string; see harness.ops.cases
    op: str  # an op; or, where `is_roof_curve`, a Mix
    params: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str  # "float32", "float16", "bfloat16", "float64"
    layout: str  # "contiguous", "transposed", "channels_last", …
    provider: str  # of a roof: the stream that was timed
    regime: Regime | None  # as asked for or as chosen; None: not timed, in any of them
    outcome: Outcome
    reason: str | None  # why, in a sentence, where the outcome is not OK
    samples_s: tuple[float, ...]
    median_s: float | None
    ci95_s: tuple[float, float] | None
    stop_rule: str | None  # which one fired: "precision", "max_samples", "max_seconds"
    elements: int  # elements of the main tensor
    bytes_moved: int  # fewest possible: each input read once, each output written once
    flops: int  # floating-point operations of the op's formula, for the roofline
    bandwidth_gbps: float | None
    roof: Mix | None  # the traffic of the matched roof
    roof_gbps: float | None  # what the matched streams attained, interleaved with this case
    max_ulp: float | None
    worst_input: str | None  # the input with the largest error, as text
    flags: tuple[Flag, ...]  # empty: nothing is against it
    device: str  # its model: which one of that model is in `placement`
    role: Role = Role.PROVIDER
    data: str = "normal"  # of the inputs; see harness.ops.cases
    cause: Cause | None = None  # of an outcome that others are decided by
    validated_by: str | None = None  # what ran it where no device did: "ptx sm_90"

    regime_why: str | None = None  # why this regime, and how it was kept, in a sentence
    flush: Flush | None = None  # what was before each of its calls, where the L2 was flushed; None before schema 3 too
    working_set_bytes: int = 0  # bytes of the tensors that one call touches
    buffer_sets: int = 0  # sets of such tensors that the calls rotated over

    baseline: str | None = None  # the provider that `ratio` is against; None: not compared
    ratio: float | None = None  # this time over the baseline's, by pairs (estimators.paired_ratio)
    ratio_ci95: tuple[float, float] | None = None
    noise_floor: float | None = None  # of its case and regime, from the A/A control: 0.01 is ±1%

    seed: int | None = None  # with `entries`, decides the order within every round
    entries: tuple[str, ...] = ()  # everything that took turns, this record's own `entry` among it
    measured_s: float = 0.0  # seconds spent on its samples, with what the regime does around each call
    warmup_s: float = 0.0  # seconds spent on its warm-up
    wall_s: float = 0.0  # seconds that the whole case took, the same in all of its records

    clock: str | None = None  # the name of what timed it: "perf_counter", "cuda_events", …
    calls_per_sample: int | None = None  # where each sample is of many calls, replayed as a graph
    audits: int | None = None  # how often its outputs were checked between its samples
    error_by_input: ErrorByInput | None = None
    over_roof_reasons: tuple[str, ...] = ()  # why it may be faster than its roof, likeliest first

    sm_clock: ClockRange | None = None
    memory_clock: ClockRange | None = None
    energy_j: float | None = None  # of one call, by the device's counter: what the whole board used
    power_w: float | None = None  # at which the device was meanwhile

    peak_bytes: int | None = None  # of memory, over what there was before, in one call of a whole model

    health: dict[str, Any] = dataclasses.field(default_factory=dict)  # the device "before" and "after" the case
    placement: Placement | None = None  # the physical device that measured it; None in runs from before that was noted

    @property
    def key(self) -> tuple[str, Role, str, Regime | None, str]:
        """What makes a record the only one of its kind in a run: a run may be of several models of devices."""
        return (*self.subject, self.device)

    @property
    def subject(self) -> tuple[str, Role, str, Regime | None]:
        """What it is of, whatever device measured it: by this the records of two runs are held against each other."""
        return (self.case_key, self.role, self.provider, self.regime)

    @property
    def doubts(self) -> tuple[Flag, ...]:
        """The flags that speak against its times."""
        # Most records have no flag, and a report asks each of them many times.
        return tuple(flag for flag in self.flags if flag not in FLAGS_OF_RESULTS) if self.flags else ()

    @property
    def entry(self) -> str:
        """Its name among `entries`."""
        if self.role in PROVIDED:
            return self.provider
        return f"roof {self.provider}" if self.role == Role.ROOF else self.role

    @property
    def is_roof_curve(self) -> bool:
        """Whether this is a point of a roof's curve, or the ceiling of arithmetic, rather than the roof of a case."""
        return self.role == Role.ROOF and self.op in _CURVES


@dataclass(frozen=True)
class _Details:
    """What schema 2 kept in a dict of its own."""

    clock: str | None = None
    calls_per_sample: dict[str, int] = dataclasses.field(default_factory=dict)  # by entry
    audits: int | None = None
    error_by_input: ErrorByInput | None = None
    over_roof: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Schema2:
    details: _Details = dataclasses.field(default_factory=_Details)


_record = VersionedDecoder(Record)
_schema2 = Decoder(_Schema2)


def from_json(line: bytes | str, samples: bool = True) -> Record:
    """The record of one line; without its samples, which are most of it, where they are not needed.

    Raises RunError where the line is not a record of a schema that can be read.
    """
    line = line if isinstance(line, bytes) else line.encode()
    line = line if samples else _without_samples(line)
    record = _record.row(line, "a record")
    return _lifted(record, line) if record.schema == 2 else record


def _lifted(record: Record, line: bytes) -> Record:
    """A record of schema 2 with what it kept in `details` in its own fields."""
    try:
        details = _schema2(line).details
    except ValueError as error:
        raise RunError(f"a line is not a record ({error}); it may have been edited by hand") from None
    return dataclasses.replace(
        record,
        clock=details.clock,
        calls_per_sample=details.calls_per_sample.get(record.entry),
        audits=details.audits,
        error_by_input=details.error_by_input,
        over_roof_reasons=details.over_roof,
    )


def to_json(row: Any) -> str:
    """One line of `records.jsonl`, without the newline, of any dataclass. Raises ValueError for NaN and infinities."""
    return json.dumps(dataclasses.asdict(row), separators=(",", ":"), allow_nan=False)


# A quote inside of a string is escaped in JSON, so this is a field of the record and nothing else.
_SAMPLES = b',"samples_s":['


def _without_samples(line: bytes) -> bytes:
    start = line.find(_SAMPLES)
    end = line.find(b"]", start)
    return line[:start] + b',"samples_s":[]' + line[end + 1 :] if 0 <= start < end else line


@dataclass(frozen=True)
class Head:
    """What stands before the samples of a record: enough to choose it by."""

    case_key: str
    op: str
    params: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str
    layout: str
    provider: str


# Chooses records by what stands before their samples.
Where = Callable[[Head], bool]

_head = Decoder(Head)


def _is_wanted(line: bytes, where: Where) -> bool:
    """Whether the record of a line is wanted. A line that cannot be read so is, for the fault in it to be said."""
    end = line.find(_SAMPLES)
    try:
        return end < 0 or where(_head(line[:end] + b"}"))
    except ValueError:
        return True


@dataclass(frozen=True)
class Run:
    """A run read from disk: its directory, its manifest, its records in the order of writing."""

    path: Path
    manifest: Manifest
    records: tuple[Record, ...]
    torn: bool = False  # the last line was cut short (a crash mid-write); it is not among the records


def iter_records(run: Path, where: Where | None = None, samples: bool = True) -> Iterator[Record]:
    """The records of a run, one by one, or those that are wanted; a torn last line is passed over."""
    path = Path(run) / RECORDS
    for number, line in enumerate(iter_lines(path), start=1):
        if where is not None and not _is_wanted(line, where):
            continue
        try:
            yield from_json(line, samples)
        except RunError as error:
            raise RunError(f"{path}, line {number}: {error}") from None


def read_run(run: Path | str, where: Where | None = None, samples: bool = True) -> Run:
    """A run from disk: whole, or the records that are wanted, or without their samples. Raises RunError."""
    run = Path(run)
    manifest = read_manifest(run)
    if manifest.verb != "run":
        raise RunError(f"{run} was made by 'elubench {manifest.verb}' and holds no records of a sweep")
    return Run(run, manifest, tuple(iter_records(run, where, samples)), is_torn(run / RECORDS))

"""The record schema: what one stored row and one run directory hold. Standard library only.

A run is a directory with `manifest.json` (who, where, with what) and `records.jsonl` (one JSON object a line,
append-only). Everything that reads a run, reads it through this module.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 2
MANIFEST = "manifest.json"
RECORDS = "records.jsonl"
INSPECTION = "inspect.json"  # what the machine code of the run's kernels would cost: harness.machine_code.rows
INSPECTED = "inspected"  # in a manifest: that the run has such rows, which its seal then covers

OUTCOMES = ("ok", "rejected", "unsupported", "oom", "timeout", "crashed", "validated")
REGIMES = ("cold", "graph", "warm", "host")
ROLES = ("provider", "roof", "control")  # a roof is a plain stream, a control the A/A twin of its provider
MIXES = ("copy", "triad", "read")  # traffic of a roof: reads and writes are 1 + 1, 2 + 1, and almost 1 + 0
ARITHMETIC = "arithmetic"  # in place of a mix: a product of matrices, for the ceiling of arithmetic


class RunError(ValueError):
    """A run directory that cannot be read or continued; the message names the fault and the mend."""


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
    op: str  # an op; or, where `is_roof_curve`, a traffic mix: "copy", "triad", "read"
    params: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str  # "float32", "float16", "bfloat16", "float64"
    layout: str  # "contiguous", "transposed", "channels_last", …
    provider: str  # of a roof: the stream that was timed
    regime: str | None  # one of REGIMES, as asked for or as chosen; None: not timed, in any of them
    outcome: str  # one of OUTCOMES
    reason: str | None  # why, in a sentence, where the outcome is not "ok"
    samples_s: tuple[float, ...]
    median_s: float | None
    ci95_s: tuple[float, float] | None
    stop_rule: str | None  # which one fired: "precision", "max_samples", "max_seconds"
    elements: int  # elements of the main tensor
    bytes_moved: int  # fewest possible: each input read once, each output written once
    flops: int  # floating-point operations of the op's formula, for the roofline
    bandwidth_gbps: float | None
    roof: str | None  # the traffic mix of the matched roof: "copy" or "triad"
    roof_gbps: float | None  # what the matched streams attained, interleaved with this case
    max_ulp: float | None
    worst_input: str | None  # the input with the largest error, as text
    flags: tuple[str, ...]  # validity marks, explained by reports.analysis.summary.FLAGS; empty: nothing is against it
    device: str
    role: str = "provider"  # one of ROLES
    validated_by: str | None = None  # what ran it where no device did: "ptx sm_90"

    regime_why: str | None = None  # why this regime, and how it was kept, in a sentence
    working_set_bytes: int = 0  # bytes of the tensors that one call touches
    buffer_sets: int = 0  # sets of such tensors that the calls rotated over

    baseline: str | None = None  # the provider that `ratio` is against; None: not compared
    ratio: float | None = None  # this time over the baseline's, by pairs (statistics.paired_ratio)
    ratio_ci95: tuple[float, float] | None = None
    noise_floor: float | None = None  # of its case and regime, from the A/A control: 0.01 is ±1%

    seed: int | None = None  # with `entries`, decides the order within every round
    entries: tuple[str, ...] = ()  # everything that took turns, this record's own `entry` among it
    measured_s: float = 0.0  # seconds spent on its samples, with what the regime does around each call
    warmup_s: float = 0.0  # seconds spent on its warm-up
    wall_s: float = 0.0  # seconds that the whole case took, the same in all of its records

    health: dict[str, Any] = dataclasses.field(default_factory=dict)  # the device "before" and "after" the case
    details: dict[str, Any] = dataclasses.field(default_factory=dict)  # clock, calls per sample, …

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What makes a record the only one of its kind in a run."""
        return (self.case_key, self.role, self.provider, self.regime)

    @property
    def entry(self) -> str:
        """Its name among `entries`."""
        return {"provider": self.provider, "roof": f"roof {self.provider}"}.get(self.role, self.role)

    @property
    def is_roof_curve(self) -> bool:
        """Whether this is a point of a roof's curve, or the ceiling of arithmetic, rather than the roof of a case."""
        return self.role == "roof" and self.op in (*MIXES, ARITHMETIC)


_TUPLES = ("shape", "samples_s", "ci95_s", "flags", "ratio_ci95", "entries")


def to_json(record: Any) -> str:
    """One line of `records.jsonl`, without the newline: of a Record, or of another dataclass that a run stores."""
    return json.dumps(dataclasses.asdict(record), separators=(",", ":"), allow_nan=False)


def from_json(line: str, samples: bool = True) -> Record:
    """The record of one line; without its samples, which are most of it, where they are not needed.

    Raises RunError where the line is not a record of this schema.
    """
    try:
        row = json.loads(line if samples else _without_samples(line))
        if row.get("schema") != SCHEMA:
            raise RunError(
                f"a record has schema {row.get('schema')!r} and this elubench reads {SCHEMA}; "
                "read it with the version that its manifest names, or measure again"
            )
        for name in _TUPLES:
            if row.get(name) is not None:
                row[name] = tuple(row[name])
        return Record(**{"samples_s": ()} | row)
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise RunError(f"a line is not a record ({error}); it may have been edited by hand") from error


# A quote inside of a string is escaped in JSON, so this is a field of the record and nothing else.
_SAMPLES = ',"samples_s":['


def _without_samples(line: str) -> str:
    head, found, rest = line.partition(_SAMPLES)
    return head + rest[rest.index("]") + 1 :] if found and "]" in rest else line


def _is_wanted(line: str, where: Where) -> bool:
    """Whether the record of a line is wanted, from the fields before its samples: case, op, shape, dtype, layout,
    provider. A line that cannot be read so is wanted, for the fault in it to be said.
    """
    head, found, _ = line.partition(_SAMPLES)
    try:
        return not found or where(json.loads(head + "}"))
    except (json.JSONDecodeError, KeyError, AttributeError):
        return True


@dataclass(frozen=True)
class Run:
    """A run read from disk: its directory, its manifest as a dict, its records in the order of writing."""

    path: Path
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    torn: bool = False  # the last line was cut short (a crash mid-write); it is not among the records


# Chooses records by what stands before their samples, as a dict.
Where = Callable[[Mapping[str, Any]], bool]


def complete_lines(path: Path) -> tuple[list[str], int]:
    """The lines of `path` that end in a newline, and how many bytes they take.

    Whatever follows the last newline was cut short by a crash: a record is written with its newline in one go.
    """
    data = path.read_bytes() if path.exists() else b""
    end = data.rfind(b"\n") + 1
    return data[:end].decode("utf-8", errors="replace").splitlines(), end


def iter_lines(path: Path) -> Iterator[str]:
    """The complete lines of a file, one by one, with their newlines: a store may be larger than memory."""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line.decode("utf-8", errors="replace")


def whole_bytes(path: Path) -> int:
    """How many bytes the complete lines of a file take: all of it, unless a crash cut the last line short."""
    at = path.stat().st_size if path.exists() else 0
    while at:
        start = max(0, at - 2**16)
        with path.open("rb") as file:
            file.seek(start)
            newline = file.read(at - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        at = start
    return 0


def _is_torn(path: Path) -> bool:
    return path.exists() and whole_bytes(path) != path.stat().st_size


def read_manifest(run: Path) -> dict[str, Any]:
    """The manifest of a run. Raises RunError where `run` is not one, or is of another schema."""
    path = Path(run) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{run} holds no {MANIFEST}; name a directory made by 'elubench run'") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path} cannot be read ({error}); restore it from a copy") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else None
        raise RunError(
            f"{run} has schema {found!r} and this elubench reads {SCHEMA}; "
            "read it with the version that its manifest names, or start a new run"
        )
    return manifest


def made_by_verb(manifest: dict[str, Any]) -> str:
    """The verb of the command line that makes runs of this kind: "run", or "claims", whose rows are no records."""
    return str(manifest.get("verb", "run"))


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
    if made_by_verb(manifest) != "run":
        raise RunError(f"{run} was made by 'elubench {made_by_verb(manifest)}' and holds no records of a sweep")
    return Run(run, manifest, tuple(iter_records(run, where, samples)), _is_torn(run / RECORDS))

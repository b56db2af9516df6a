"""The record schema: what one stored row and one run directory hold. Standard library only.

A run is a directory with `manifest.json` (who, where, with what) and `records.jsonl` (one JSON object a line,
append-only). Everything that reads a run, reads it through this module.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1
MANIFEST = "manifest.json"
RECORDS = "records.jsonl"

OUTCOMES = ("ok", "rejected", "unsupported", "oom", "timeout", "crashed", "validated")
REGIMES = ("cold", "graph", "warm", "host")


class RunError(ValueError):
    """A run directory that cannot be read or continued; the message names the fault and the mend."""


@dataclass(frozen=True)
class Record:
    """The one stored row for (case, provider, regime).

    Times are seconds per call, `bandwidth_gbps` is 1e9 bytes per second, `max_ulp` counts units in the last
    place of the output dtype. What was not measured is None, never 0.
    """

    schema: int
    case_key: str  # op, params, shape, dtype and layout as one readable string; see harness.cases
    op: str
    params: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str  # "float32", "float16", "bfloat16", "float64"
    layout: str  # "contiguous", "transposed", "channels_last", …
    provider: str
    regime: str | None  # how it was timed; None where nothing was timed
    outcome: str  # one of OUTCOMES
    reason: str | None  # why, in a sentence, where the outcome is not "ok"
    samples_s: tuple[float, ...]
    median_s: float | None
    ci95_s: tuple[float, float] | None
    stop_rule: str | None  # "precision", "max_samples", "max_seconds"
    elements: int  # elements of the main tensor
    bytes_moved: int  # fewest possible: each input read once, each output written once
    flops: int  # floating-point operations of the op's formula, for the roofline
    bandwidth_gbps: float | None
    roof: str | None  # the traffic mix of the matched roof: "copy" or "triad"
    roof_gbps: float | None  # what the matched streams attained, interleaved with this case
    max_ulp: float | None
    worst_input: str | None  # the input with the largest error, as text
    flags: tuple[str, ...]  # validity marks: "over_roof", "throttled", "warm", "noisy", …
    device: str
    role: str = "provider"  # "provider", "roof" (a matched ceiling), "control" (the A/A twin of `provider`)
    details: dict[str, Any] = dataclasses.field(default_factory=dict)  # regime's why, clocks, seed, …

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a record the only one of its kind in a run."""
        return (self.case_key, self.role, self.provider)


_TUPLES = ("shape", "samples_s", "ci95_s", "flags")


def to_json(record: Any) -> str:
    """One line of `records.jsonl`, without the newline: of a Record, or of another dataclass that a run stores."""
    return json.dumps(dataclasses.asdict(record), separators=(",", ":"), allow_nan=False)


def from_json(line: str) -> Record:
    """The record of one line. Raises RunError where the line is not a record of this schema."""
    try:
        row = json.loads(line)
        if row.get("schema") != SCHEMA:
            raise RunError(
                f"a record has schema {row.get('schema')!r} and this elubench reads {SCHEMA}; "
                "read it with the version named in its manifest"
            )
        for name in _TUPLES:
            if row.get(name) is not None:
                row[name] = tuple(row[name])
        return Record(**row)
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise RunError(f"a line is not a record ({error}); it may have been edited by hand") from error


@dataclass(frozen=True)
class Run:
    """A run read from disk: its directory, its manifest as a dict, its records in the order of writing."""

    path: Path
    manifest: dict[str, Any]
    records: tuple[Record, ...]
    torn: bool = False  # the last line was cut short (a crash mid-write); it is not among the records


def complete_lines(path: Path) -> tuple[list[str], int]:
    """The lines of `path` that end in a newline, and how many bytes they take.

    Whatever follows the last newline was cut short by a crash: a record is written with its newline in one go.
    """
    data = path.read_bytes() if path.exists() else b""
    end = data.rfind(b"\n") + 1
    return data[:end].decode("utf-8", errors="replace").splitlines(), end


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


def iter_records(run: Path) -> Iterator[Record]:
    """The records of a run, one by one; a torn last line is passed over."""
    path = Path(run) / RECORDS
    for number, line in enumerate(complete_lines(path)[0], start=1):
        try:
            yield from_json(line)
        except RunError as error:
            raise RunError(f"{path}, line {number}: {error}") from None


def read_run(run: Path | str) -> Run:
    """A whole run from disk. Raises RunError."""
    run = Path(run)
    manifest = read_manifest(run)
    if made_by_verb(manifest) != "run":
        raise RunError(f"{run} was made by 'elubench {made_by_verb(manifest)}' and holds no records of a sweep")
    records = run / RECORDS
    torn = records.exists() and complete_lines(records)[1] != os.path.getsize(records)
    return Run(run, manifest, tuple(iter_records(run)), torn)

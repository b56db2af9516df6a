"""The row that a claims run stores, and a whole claims run read from disk. Imports no torch.

A claims run is a directory like that of a sweep: `manifest.json`, and `records.jsonl` with a row for each claim, net
and seed. What activations cost is an ordinary run of the sweep "activations" inside it, in `cost/`, which keeps the
counts of machine code too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.machine_code.rows import InspectedRow, read_rows
from harness.paper.plan import CLAIMS, JUDGE, NETS, PILOT, TIME, Plan, from_content, variant_of
from harness.store.lines import VersionedDecoder, decoded_lines, is_torn
from harness.store.manifest import Manifest, read_manifest_of
from harness.store.records import Run, read_run
from harness.store.vocabulary import MANIFEST, RECORDS, SCHEMA

VERB = "claims"
COST = "cost"  # the directory of the sweep


@dataclass(frozen=True)
class ClaimRow:
    """One row of a claims run. `values` holds numbers and lists of them, by epoch or by layer; see the claim's
    module under harness/paper. What is not finite, since a net diverged, is None.
    """

    schema: int
    claim: str  # one of harness.paper.plan.CLAIMS
    net: str  # one of harness.paper.plan.NETS
    variant: str  # "relu+bn"; see harness.paper.plan.variant_of
    rate: float  # the learning rate that the net was trained at
    seed: int
    values: dict[str, Any]
    device: str
    stage: str | None = None  # one of harness.paper.plan.Stage; None in runs of the first edition

    @property
    def key(self) -> tuple[str, str, str, float, int]:
        """What makes a row the only one of its kind in a run."""
        return (self.claim, self.net, self.variant, self.rate, self.seed)


def make_row(
    stage: str, claim: str, net: str, variant: str, rate: float, seed: int, values: dict[str, Any], device: str
) -> ClaimRow:
    """A row of this version, with what is not finite made None."""
    return ClaimRow(SCHEMA, claim, net, variant, rate, seed, finite(values), device, stage)


def finite(value: Any) -> Any:
    """Plain data with what is not finite made None, as JSON has no word for it."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_row = VersionedDecoder(ClaimRow)


def row_from_json(line: bytes) -> ClaimRow:
    """The row of one line. Raises RunError where the line is not a row of this schema."""
    return _row.row(line, "a row of claims")


@dataclass(frozen=True)
class ClaimsRun:
    """A claims run read from disk: its rows in the order of its plan, and the sweep of its costs, where it has one.

    `inspected` is what was read from the machine code of this suite's kernels for the ops of that sweep: modelled.
    """

    path: Path
    manifest: Manifest
    plan: Plan
    rows: tuple[ClaimRow, ...]
    cost: Run | None
    torn: bool = False  # the last line was cut short (a crash mid-write); it is not among the rows
    inspected: tuple[InspectedRow, ...] = ()


def read_claims(path: Path | str) -> ClaimsRun:
    """A whole claims run of this edition from disk, its rows in the order of its plan. Raises RunError or ClaimError.

    Runs of the first edition are read by `harness.paper.first_edition`.
    """
    path = Path(path)
    manifest = read_manifest_of(path, VERB)
    plan = from_content(manifest.plan or {})
    rows = sorted(decoded_lines(path / RECORDS, row_from_json), key=lambda row: _place(plan, row))
    cost = read_run(path / COST) if (path / COST / MANIFEST).exists() else None
    return ClaimsRun(path, manifest, plan, tuple(rows), cost, is_torn(path / RECORDS), read_rows(path / COST))


def _place(plan: Plan, row: ClaimRow) -> tuple[object, ...]:
    """Rows lie by stage, net, variant, claim, rate and seed, in the order of the plan."""
    stages, nets, claims = (PILOT, JUDGE, TIME), tuple(NETS), tuple(CLAIMS)
    activation = variant_of(row.variant).activation
    known = plan.activations.index(activation) if activation in plan.activations else len(plan.activations)
    return (
        stages.index(row.stage) if row.stage in stages else len(stages),
        nets.index(row.net) if row.net in nets else len(nets),
        known,
        row.variant,
        claims.index(row.claim) if row.claim in claims else len(claims),
        row.rate,
        row.seed,
    )

"""Reads claims runs of the first edition of the study, which had one stage and other claims. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.paper.plan import PAPER_RATE, ClaimError
from harness.paper.rows import COST, VERB, ClaimRow, row_from_json
from harness.store.lines import decoded_lines, is_torn
from harness.store.manifest import Manifest, read_manifest_of
from harness.store.records import Run, read_run
from harness.store.vocabulary import MANIFEST, RECORDS

Key = tuple[object, ...]


@dataclass(frozen=True)
class FirstRun:
    """A claims run of the first edition, its rows by net, variant, claim, rate and seed."""

    path: Path
    manifest: Manifest
    rows: tuple[ClaimRow, ...]
    cost: Run | None
    torn: bool

    def expected_keys(self) -> set[Key]:
        """The keys (ClaimRow.key) of the rows that its plan has."""
        try:
            return _expected_keys(self.manifest.plan or {})
        except (KeyError, TypeError) as error:
            raise ClaimError(f"the manifest's plan cannot be read ({error}); restore it from a copy") from None


def is_first(manifest: Manifest) -> bool:
    """Whether a claims run is of the first edition, whose plan did not say so."""
    return "edition" not in (manifest.plan or {})


def read_first(path: Path | str) -> FirstRun:
    """A whole claims run of the first edition from disk. Raises RunError."""
    path = Path(path)
    manifest = read_manifest_of(path, VERB)
    rows = decoded_lines(path / RECORDS, row_from_json)
    rows.sort(key=lambda row: (row.net, row.variant, row.claim, row.rate, row.seed))
    cost = read_run(path / COST) if (path / COST / MANIFEST).exists() else None
    return FirstRun(path, manifest, tuple(rows), cost, is_torn(path / RECORDS))


def _expected_keys(plan: dict[str, Any]) -> set[Key]:
    claims = set(plan["claims"])
    plain_and_bn = [f"{name}{form}" for name in plan["activations"] for form in ("", "+bn")]
    references = ["relu+centred", "relu+prong"]
    at_paper = [
        ("mean_shift", "deep", [*plain_and_bn, *references]),
        ("saturation", "deep", plain_and_bn),
        ("vanishing", "deep", [*plain_and_bn, "sigmoid"]),
        ("natural_gradient", "small", [*plain_and_bn, *references]),
    ]
    cells = [(claim, net, variant, PAPER_RATE) for claim, net, names in at_paper for variant in names]
    nets = ("deep", "shallow", "conv")
    cells += [("learning", net, name, rate) for net in nets for name in plain_and_bn for rate in plan["rates"]]
    return {(*cell, seed) for cell in cells if cell[0] in claims for seed in plan["seeds"]}

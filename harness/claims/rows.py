"""The row that a claims run stores: what was measured of one net with one seed. Standard library only."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from harness.records import SCHEMA, RunError


@dataclass(frozen=True)
class ClaimRow:
    """One row of a claims run. `values` holds numbers and lists of them, by epoch or by layer; see the claim's
    module under harness/claims. What is not finite, since a net diverged, is None.
    """

    schema: int
    claim: str  # one of harness.claims.plan.CLAIMS
    net: str  # one of harness.claims.plan.NETS
    variant: str  # "relu+bn"; see harness.claims.plan.variant_of
    rate: float  # the learning rate that the net was trained at
    seed: int
    values: dict[str, Any]
    device: str

    @property
    def unit(self) -> str:
        return f"{self.net} {self.variant} rate={self.rate:g}"

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes a row the only one of its kind in a run."""
        return (self.claim, self.unit, self.seed)


def make_row(
    claim: str, net: str, variant: str, rate: float, seed: int, values: dict[str, Any], device: str
) -> ClaimRow:
    """A row of this version, with what is not finite made None."""
    return ClaimRow(SCHEMA, claim, net, variant, rate, seed, finite(values), device)


def finite(value: Any) -> Any:
    """Plain data with what is not finite made None, as JSON has no word for it."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row_from_json(line: str) -> ClaimRow:
    """The row of one line. Raises RunError where the line is not a row of this schema."""
    try:
        fields = json.loads(line)
        if fields.get("schema") != SCHEMA:
            raise RunError(
                f"a row has schema {fields.get('schema')!r} and this elubench reads {SCHEMA}; "
                "read it with the version named in its manifest"
            )
        row = ClaimRow(**fields)
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise RunError(f"a line is not a row of claims ({error}); it may have been edited by hand") from error
    if not isinstance(row.values, dict):
        raise RunError("a line is not a row of claims (no values); it may have been edited by hand")
    return row

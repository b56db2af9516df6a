"""Which learning rate a net is judged at: chosen by the pilot seeds alone. Pure; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.paper.plan import CURVES, PILOT, Plan
from harness.paper.rows import ClaimRow


def chosen_rates(plan: Plan, rows: Iterable[ClaimRow]) -> dict[tuple[str, str], float]:
    """The chosen rate by net and variant; one whose pilot rows are not all there has none.

    The rate with the least median, over the pilot seeds, of the training loss averaged over epochs. A seed that
    diverged ranks last, and of equal rates the lowest is chosen.
    """
    found: dict[tuple[str, str], dict[float, list[float]]] = {}
    for row in rows:
        if row.stage == PILOT and row.claim in CURVES:
            found.setdefault((row.net, row.variant), {}).setdefault(row.rate, []).append(mean_loss(row.values))
    return {
        net: _best(losses)
        for net, losses in found.items()
        if all(len(losses.get(rate, ())) == len(plan.pilot_seeds) for rate in plan.rates)
    }


def mean_loss(values: Mapping[str, Any]) -> float:
    """The training loss of a row averaged over its epochs; infinite where the net diverged."""
    losses = values["loss"]
    if values["diverged_at"] is not None or any(loss is None for loss in losses):
        return math.inf
    return sum(losses) / len(losses)


def _best(losses: Mapping[float, Sequence[float]]) -> float:
    """The rate of the least median: with an even number of seeds that of the upper of the middle two."""
    return min(losses, key=lambda rate: (sorted(losses[rate])[len(losses[rate]) // 2], rate))

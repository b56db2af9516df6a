"""Claims runs for the tests of reports: rows as training would store them, with effects that are chosen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.paper.plan import PAPER_RATE, QUICK, Plan
from harness.paper.rows import ClaimRow, ClaimsRun, make_row
from tests.reports.runs import run_of

PLAN = dataclasses.replace(QUICK, epochs=10)


def row(claim: str, variant: str, seed: int, values: dict, net: str = "deep", rate: float = PAPER_RATE) -> ClaimRow:
    return make_row(claim, net, variant, rate, seed, values, "Test device")


def learned(variant: str, seed: int, loss: float, accuracy: float = 0.9, net: str = "deep", rate: float = PAPER_RATE):
    """A net that goes down to `loss` and up to `accuracy`; seeds differ by a little."""
    epochs = range(PLAN.epochs_of(net))
    losses = [loss * (1 + 1 / (epoch + 1)) + 0.001 * seed for epoch in epochs]
    return row("learning", variant, seed, {"loss": losses, "accuracy": [accuracy] * len(losses)}, net, rate)


def shifted(variant: str, seed: int, mean: float) -> ClaimRow:
    """A net whose units' means stay about `mean`."""
    epochs = list(range(PLAN.epochs + 1))
    values = {
        "epoch": epochs,
        "median_mean": [mean + 0.01 * seed + 0.001 * epoch for epoch in epochs],
        "abs_mean": [[mean + 0.1] * 8 for _ in epochs],
        "variance": [[1.0] * 8 for _ in epochs],
        "bias_shift": [mean / 10] * len(epochs),
        "relative_shift": [mean / 10] * len(epochs),
    }
    return row("mean_shift", variant, seed, values)


def angled(variant: str, seed: int, degrees: float) -> ClaimRow:
    values = {"epoch": [0, 10], "natural": [degrees + seed] * 2, "unit_natural": [degrees - 5 + seed] * 2}
    return row("natural_gradient", variant, seed, values, net="small")


def claims_run(*rows: ClaimRow, plan: Plan = PLAN, path: Path = Path("somewhere"), cost=None, **manifest) -> ClaimsRun:
    """A run as `read_claims` gives it."""
    whole = run_of(verb="claims", sweep={"name": f"claims, {plan.name}"}, plan=plan.content(), **manifest).manifest
    return ClaimsRun(path, whole, plan, rows, cost)


def varied(path: Path = Path("somewhere"), **manifest) -> ClaimsRun:
    """A run with something of several claims."""
    rows = []
    for seed in PLAN.seeds:
        for variant, mean in (("elu", 0.1), ("relu", 0.5), ("lrelu_0.1", 0.4), ("relu+bn", 0.4)):
            rows.append(shifted(variant, seed, mean))
        for net in ("deep", "shallow", "conv"):
            for rate in PLAN.rates:
                for variant, loss in (("elu", 0.2), ("elu+bn", 0.3), ("relu", 0.4), ("relu+bn", 0.3)):
                    rows.append(learned(variant, seed, loss / (rate * 100) ** 0.3, 0.9 - loss / 10, net, rate))
        for variant, degrees in (("elu", 60.0), ("relu", 70.0), ("relu+prong", 40.0)):
            rows.append(angled(variant, seed, degrees))
    plan = dataclasses.replace(PLAN, claims=("mean_shift", "learning", "natural_gradient"))
    return claims_run(*rows, plan=plan, path=path, **manifest)

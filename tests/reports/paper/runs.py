"""Claims runs for the tests of reports: rows as training would store them, with effects that are chosen."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.paper.choice import chosen_rates
from harness.paper.judging import judging_sha256
from harness.paper.plan import JUDGE, PAPER_RATE, Plan, Unit, make_plan
from harness.paper.rows import ClaimRow, ClaimsRun, make_row, read_claims
from harness.store.manifest import write_manifest
from harness.store.records import to_json
from tests.reports.runs import run_of

# Twelve judged seeds, as in a full run, of nets that are trained for a few epochs at two rates.
PLAN = dataclasses.replace(
    make_plan(True, [], [], "digits"), pilot_seeds=(100, 101, 102), judge_seeds=tuple(range(12)),
    fisher_seeds=tuple(range(12)), rates=(PAPER_RATE, 0.1),
)  # fmt: skip

Losses = Callable[[str, str, float, int], "float | None"]  # of net, variant, rate and seed; None: it diverged

LOSS = {"elu": 0.2, "relu": 0.4, "srelu": 0.15, "lrelu_0.1": 0.35, "relu+centred": 0.1, "elu+centred": 0.08}


def loss_of(net: str, variant: str, rate: float, seed: int) -> float | None:
    """Every net learns more at 0.1, but for those of the shifted ReLU, which diverge there."""
    if variant == "srelu" and rate > PAPER_RATE:
        return None
    return LOSS.get(variant, 0.3) * (1.0 if rate > PAPER_RATE else 2.0) + 0.001 * (seed % 7)


def row(
    claim: str, variant: str, seed: int, values: dict, net: str = "deep", rate: float = PAPER_RATE, stage: str = JUDGE
) -> ClaimRow:
    return make_row(stage, claim, net, variant, rate, seed, values, "Test device")


def values_of(plan: Plan, unit: Unit, claim: str, rate: float, seed: int, losses: Losses = loss_of) -> dict[str, Any]:
    """The values of a row, of the shapes that measuring gives them."""
    loss = losses(unit.net, unit.variant.name, rate, seed)
    epochs, size = plan.epochs_of(unit.net), 1.0 if loss is None else loss
    curve = [None if loss is None else loss * (1 + 0.1 / (n + 1)) for n in range(epochs)]
    by_layer = [[size + 0.01 * layer for layer in range(8)] for _ in range(epochs + 1)]
    looks = by_layer[: len(plan.looks)]
    diverged = {"diverged_at": 1 if loss is None else None}
    made: Mapping[str, dict[str, Any]] = {
        "learning": {
            "loss": curve, "accuracy": [None if loss is None else 1 - loss / 4] * epochs,
            "final_accuracy": None if loss is None else 1 - loss / 4, **diverged,
        },
        "reconstruction": {"loss": curve, "error": curve, **diverged},
        "mean_shift": {
            "epoch": list(range(epochs + 1)), "median_mean": [size] * (epochs + 1), "abs_mean": by_layer,
            "variance": by_layer,
        },
        "bias_shift": {"epoch": list(plan.looks), "share": looks, "size": looks, "correlation": looks},
        "saturation": {
            "epoch": [0, epochs], "passed": [size] * 2, "by_depth": [[size * n for n in range(1, 11)]] * 2,
            "inactive": [0.5] * 2, "through_net": [[1.0, 0.9, 0.8, 0.7, 0.5 + size]] * 2,
        },
        "noise": {
            "epoch": [epochs], "accuracy": [[0.9, 0.8, 0.7, 0.6, 0.5 - size / 10]],
            "change": [[0.0, 1.0, 2.0, 3.0, 4.0]],
        },
        "vanishing": {"epoch": [0, epochs], "gradient_norm": [[1.0 + size] + [1.0] * 7] * 2},
        "natural_gradient": {
            "epoch": list(plan.looks), "mean_share": looks, "mean_share_q": looks, "scale": looks,
            "scale_q": [[1 / each for each in layers] for layers in looks],
        },
        "step_time": {"step_s": [size + 0.001 * n for n in range(20)], "forward_s": [size / 3] * 20},
    }  # fmt: skip
    if unit.net == "small":
        angles = [[60.0 + 10 * size + seed] * len(plan.dampings)] * len(plan.fisher_looks)
        return {"epoch": list(plan.fisher_looks), "natural": angles, "unit_natural": angles}
    return made[claim]


def rows_of(plan: Plan, losses: Losses = loss_of) -> list[ClaimRow]:
    """All rows of a plan."""

    def of(units: tuple[Unit, ...]) -> list[ClaimRow]:
        return [
            row(claim, variant, seed, values_of(plan, unit, claim, rate, seed, losses), net, rate, unit.stage)
            for unit in units
            for claim, net, variant, rate, seed in sorted(unit.keys())
        ]

    pilots = of(plan.pilots())
    return [*pilots, *of(plan.judged(chosen_rates(plan, pilots))), *of(plan.timed())]


def claims_run(*rows: ClaimRow, plan: Plan = PLAN, path: Path = Path("somewhere"), cost=None, **manifest) -> ClaimsRun:
    """A run as `read_claims` gives it."""
    fields = {"judging_sha256": judging_sha256(), **manifest}
    whole = run_of(verb="claims", sweep={"name": f"claims, {plan.name}"}, plan=plan.content(), **fields).manifest
    return ClaimsRun(path, whole, plan, rows, cost)


def only(*claims: str, losses: Losses = loss_of, **changes) -> ClaimsRun:
    """A whole run of some claims."""
    chosen = tuple(claim for claim in PLAN.claims if not claims or claim in claims)
    plan = dataclasses.replace(PLAN, claims=chosen, **changes)
    return claims_run(*rows_of(plan, losses), plan=plan)


@functools.cache
def varied() -> ClaimsRun:
    """A whole run of all claims."""
    return only()


def stored(path: Path, run: ClaimsRun | None = None, **manifest) -> ClaimsRun:
    """A run on disk, not sealed, read again."""
    run = run or only("vanishing", "reconstruction")
    path.mkdir(parents=True)
    whole = claims_run(*run.rows, plan=run.plan, path=path, **manifest)
    write_manifest(path / "manifest.json", whole.manifest)
    (path / "records.jsonl").write_text("".join(to_json(each) + "\n" for each in run.rows))
    return read_claims(path)

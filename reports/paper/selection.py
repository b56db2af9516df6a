"""Selects from stored rows one value per seed for each measure that the statements are about. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.paper.plan import PAPER_RATE
from harness.paper.rows import ClaimRow, ClaimsRun
from harness.timing.estimators import median
from reports.paper.verdicts import BySeed

Measure = Callable[[Mapping[str, Any]], "float | None"]


def by_seed(run: ClaimsRun, claim: str, net: str, variant: str, rate: float, measure: Measure) -> BySeed:
    """The measure of every seed; a seed whose net diverged or died, so that there is none, is left out."""
    found = {}
    for row in rows_of(run, claim, net, variant, rate):
        value = measure(row.values)
        if value is not None and math.isfinite(value):
            found[row.seed] = value
    return found


def rows_of(run: ClaimsRun, claim: str, net: str, variant: str, rate: float = PAPER_RATE) -> list[ClaimRow]:
    """The rows of one net, by seed."""
    wanted = (claim, net, variant, rate)
    return sorted((r for r in run.rows if (r.claim, r.net, r.variant, r.rate) == wanted), key=lambda row: row.seed)


def variants_of(run: ClaimsRun, claim: str, net: str) -> list[str]:
    """The variants that there are rows of, in the order of measuring."""
    return list(dict.fromkeys(row.variant for row in run.rows if (row.claim, row.net) == (claim, net)))


def best_rate(run: ClaimsRun, net: str, variant: str) -> float | None:
    """The rate of the least median training loss; a seed that diverged counts as infinitely bad."""
    rates = sorted({r.rate for r in run.rows if (r.claim, r.net, r.variant) == ("learning", net, variant)})
    losses = {rate: _median_loss(rows_of(run, "learning", net, variant, rate)) for rate in rates}
    return min(losses, key=lambda rate: losses[rate], default=None)


def _median_loss(rows: Iterable[ClaimRow]) -> float:
    losses = [mean_loss(row.values) for row in rows]
    ordered = sorted(math.inf if loss is None else loss for loss in losses)
    finite = [loss for loss in ordered if math.isfinite(loss)]
    # The median as long as it is finite, whatever the seeds beyond it did.
    return median(ordered) if len(finite) == len(ordered) else ordered[len(ordered) // 2]


def is_edge(rates: Sequence[float], rate: float | None) -> bool:
    """Whether a best rate lies at the end of the grid, so that a better one may lie beyond it."""
    return rate in (min(rates), max(rates))


def mean_loss(values: Mapping[str, Any]) -> float | None:
    """Training loss averaged over the epochs."""
    return _mean(values["loss"])


def last_accuracy(values: Mapping[str, Any]) -> float | None:
    """Test accuracy averaged over the last fifth of the epochs."""
    accuracy = values["accuracy"]
    return _mean(accuracy[-max(1, len(accuracy) // 5) :])


def epochs_to(loss: float) -> Measure:
    """After how many epochs the training loss is first at or below `loss`; infinite where it never is."""

    def measure(values: Mapping[str, Any]) -> float:
        reached = (epoch for epoch, each in enumerate(values["loss"], 1) if each is not None and each <= loss)
        return next(reached, math.inf)

    return measure


def distance_from_zero(values: Mapping[str, Any]) -> float | None:
    """The paper's median of mean activations: its distance from zero, averaged over all epochs but the start."""
    return _mean([None if value is None else abs(value) for value in values["median_mean"][1:]])


def median_variance(values: Mapping[str, Any]) -> float | None:
    """The variance over epochs of the paper's median, from the first epoch on."""
    medians = values["median_mean"][1:]
    mean = _mean(medians)
    return None if mean is None else _mean([(value - mean) ** 2 for value in medians])


def averaged(name: str) -> Measure:
    """The mean over all epochs but the start of a value by epoch."""
    return lambda values: _mean(values[name][1:])


def at_end(name: str) -> Measure:
    """The last of the values by epoch."""
    return lambda values: values[name][-1]


def over_training(name: str) -> Measure:
    """The mean over all epochs that were looked at, the start among them."""
    return lambda values: _mean(values[name])


def fading(values: Mapping[str, Any]) -> float | None:
    """What the tenth of the deactivated inputs that is furthest down passes on, over what the nearest tenth does."""
    by_depth = values["by_depth"][-1]
    return by_depth[0] / by_depth[-1] if by_depth[-1] else None


def first_over_last(epoch_index: int) -> Measure:
    """The gradient's norm at the first hidden layer over that at the last."""

    def measure(values: Mapping[str, Any]) -> float | None:
        norms = values["gradient_norm"][epoch_index]
        return norms[0] / norms[-1] if norms[0] is not None and norms[-1] else None

    return measure


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if values and len(known) == len(values) else None

"""The measures that the rules compare: one number a judged seed, from what a row stores. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.paper.choice import chosen_rates
from harness.paper.plan import JUDGE, PAPER_RATE, TIME
from harness.paper.rows import ClaimRow, ClaimsRun

Values = Mapping[str, Any]
Reader = Callable[[Values], "float | None"]


@dataclass(frozen=True)
class Measure:
    """One number of a row of `claim`. A net that diverged has none, and counts as `worst`: it ranks last."""

    claim: str
    what: str
    read: Reader
    worst: float = math.inf


def rate_of(run: ClaimsRun, net: str, variant: str, rate: str) -> float | None:
    """The paper's rate, or the one that the pilot seeds chose; None where they chose none."""
    return PAPER_RATE if rate == "paper" else chosen_rates(run.plan, run.rows).get((net, variant))


def by_seed(run: ClaimsRun, net: str, variant: str, rate: float | None, measure: str) -> dict[int, float]:
    """A measure of every judged seed; of a training step, which was timed and has no seeds, of every sample."""
    chosen = MEASURES[measure]
    rows = [] if rate is None else rows_of(run, chosen.claim, net, variant, rate)
    if chosen.claim == "step_time":
        return {number: value for row in rows for number, value in enumerate(_samples(row.values, measure))}
    found = {row.seed: chosen.read(row.values) for row in rows}
    return {seed: chosen.worst if value is None else value for seed, value in found.items()}


def rows_of(run: ClaimsRun, claim: str, net: str, variant: str, rate: float = PAPER_RATE) -> list[ClaimRow]:
    """The rows of one net that are judged, or that were timed, by seed."""
    wanted = (TIME if claim == "step_time" else JUDGE, claim, net, variant, rate)
    found = (row for row in run.rows if (row.stage, row.claim, row.net, row.variant, row.rate) == wanted)
    return sorted(found, key=lambda row: row.seed)


def variants_of(run: ClaimsRun, claim: str, net: str) -> list[str]:
    """The variants that there are rows of, in the order of measuring."""
    return list(dict.fromkeys(row.variant for row in run.rows if (row.claim, row.net) == (claim, net)))


def _samples(values: Values, name: str) -> Sequence[float]:
    return [value for value in values.get(name) or () if value is not None]


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where there are no values, or where one of them is not finite."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def averaged(name: str, start: int = 0) -> Reader:
    """The mean of a value by epoch, from place `start` on; where it is by layer too, over all layers."""
    return lambda values: mean([each for place in values[name][start:] for each in _flat(place)])


def _flat(value: Any) -> Sequence[float | None]:
    return value if isinstance(value, list) else [value]


def first_look(name: str) -> Reader:
    """The mean over layers before training."""
    return lambda values: mean(_flat(values[name][0]))


def _distance_from_zero(values: Values) -> float | None:
    return mean([None if value is None else abs(value) for value in values["median_mean"][1:]])


def _median_variance(values: Values) -> float | None:
    medians = values["median_mean"][1:]
    middle = mean(medians)
    return None if middle is None else mean([(value - middle) ** 2 for value in medians])


def _fading(values: Values) -> float | None:
    by_depth = values["by_depth"][-1]
    return by_depth[0] / by_depth[-1] if by_depth[0] is not None and by_depth[-1] else None


def _large_over_small_dose(values: Values) -> float | None:
    through = values["through_net"][-1]
    return through[-1] / through[0] if through[-1] is not None and through[0] else None


def _first_over_last_layer(epoch: int) -> Reader:
    def read(values: Values) -> float | None:
        norms = values["gradient_norm"][epoch]
        return norms[0] / norms[-1] if norms[0] is not None and norms[-1] else None

    return read


def _accuracy_lost(values: Values) -> float | None:
    clean, *noisy = values["accuracy"][-1]
    left = mean(noisy)
    return None if clean is None or left is None else clean - left


def _noisy(name: str) -> Reader:
    """The mean over all sizes of noise but none."""
    return lambda values: mean(values[name][-1][1:])


def epochs_to(loss: float) -> Reader:
    """After how many epochs the training loss is first at or below `loss`; infinite where it never is."""

    def read(values: Values) -> float:
        reached = (epoch for epoch, each in enumerate(values["loss"], 1) if each is not None and each <= loss)
        return next(reached, math.inf)

    return read


def _last(name: str) -> Reader:
    return lambda values: values[name][-1]


def _at_damping(name: str, place: int) -> Reader:
    return lambda values: mean([epoch[place] for epoch in values[name]])


LEARNED = 0.5  # a training loss that nets reach on every data set here

MEASURES: Mapping[str, Measure] = {
    "mean_loss": Measure("learning", "training loss, mean over epochs", averaged("loss")),
    "last_loss": Measure("learning", "training loss of the last epoch", _last("loss")),
    "epochs_to_loss": Measure("learning", f"epochs to a training loss of {LEARNED:g}", epochs_to(LEARNED)),
    "accuracy": Measure("learning", "test accuracy at the end", lambda v: v["final_accuracy"], -math.inf),
    "reconstruction": Measure("reconstruction", "test reconstruction error at the end", _last("error")),
    "reconstruction_loss": Measure(
        "reconstruction", "training reconstruction error, mean over epochs", averaged("loss")
    ),
    "unit_mean": Measure("mean_shift", "size of the units' means, mean over units and epochs", averaged("abs_mean", 1)),
    "median_mean": Measure("mean_shift", "distance of the median unit's mean from 0", _distance_from_zero),
    "median_variance": Measure("mean_shift", "variance over epochs of the median unit's mean", _median_variance),
    "correlation": Measure("bias_shift", "correlation of pairs of units", averaged("correlation")),
    "shift_share": Measure("bias_shift", "share of the mean in the change of a net input", averaged("share")),
    "shift_share_start": Measure("bias_shift", "the same before training", first_look("share")),
    "shift_size": Measure("bias_shift", "size of the mean change of a net input", averaged("size")),
    "mean_share_q": Measure(
        "natural_gradient",
        "share of the mean in the length of the activations, under the paper's q",
        averaged("mean_share_q"),
    ),
    "mean_share": Measure(
        "natural_gradient", "share of the mean in the length of the activations", averaged("mean_share")
    ),
    "scale_q": Measure("natural_gradient", "scale of Theorem 1 under the paper's q", averaged("scale_q")),
    "unit_angle_1e-4": Measure(
        "natural_gradient", "angle to the unit natural gradient, degrees", _at_damping("unit_natural", 0)
    ),
    "unit_angle_1e-3": Measure(
        "natural_gradient", "angle to the unit natural gradient, degrees", _at_damping("unit_natural", 1)
    ),
    "unit_angle_1e-2": Measure(
        "natural_gradient", "angle to the unit natural gradient, degrees", _at_damping("unit_natural", 2)
    ),
    "unit_angle_1e-1": Measure(
        "natural_gradient", "angle to the unit natural gradient, degrees", _at_damping("unit_natural", 3)
    ),
    "fading": Measure("saturation", "share passed on, furthest tenth over nearest tenth", _fading),
    "passed": Measure("saturation", "share of a perturbation passed on", _last("passed")),
    "large_dose": Measure(
        "saturation", "change at the last layer per push, largest push over smallest", _large_over_small_dose
    ),
    "accuracy_lost": Measure("noise", "test accuracy lost under noise, mean over its sizes", _accuracy_lost),
    "accuracy_noisy": Measure("noise", "test accuracy under noise, mean over its sizes", _noisy("accuracy"), -math.inf),
    "noise_change": Measure("noise", "change of the last hidden layer under noise", _noisy("change")),
    "gradient_start": Measure(
        "vanishing", "gradient at layer 1 over layer 8, before training", _first_over_last_layer(0), 0.0
    ),
    "gradient_end": Measure(
        "vanishing", "gradient at layer 1 over layer 8, after training", _first_over_last_layer(-1), 0.0
    ),
    "step_s": Measure("step_time", "time of a training step", lambda values: None),
    "forward_s": Measure("step_time", "time of inference", lambda values: None),
    "folded_s": Measure("step_time", "time of inference, normalisation folded", lambda values: None),
}

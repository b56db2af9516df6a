"""What a claims run measures: nets, activations, claims, seeds, learning rates. Plain data; imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The claims of the paper, in the order of its argument, each with what is measured for it.
CLAIMS: Mapping[str, str] = {
    "cost": "time of each activation and of batch normalisation + ReLU, as an ordinary sweep",
    "mean_shift": "mean and variance of the activations by depth and epoch, and what one update does to the means",
    "saturation": "how much of a perturbation of deactivated units is passed on, by unit and through the net",
    "vanishing": "norm of the gradient by depth, at initialisation and after training",
    "learning": "training loss and test accuracy by epoch, at the paper's rate and over a grid of rates",
    "natural_gradient": "angle between the gradient and the natural gradient, by the exact Fisher matrix",
}

ACTIVATIONS: Mapping[str, str] = {
    "elu": "ELU, α = 1",
    "relu": "ReLU",
    "lrelu_0.1": "leaky ReLU, slope 0.1",
    "lrelu_0.01": "leaky ReLU, slope 0.01",
    "prelu": "PReLU, one learned slope a layer, from 0.25",
}

# What can be done to a layer besides choosing its activation.
FORMS: Mapping[str, str] = {
    "plain": "as it is",
    "bn": "batch normalisation before the activation",
    "centred": "units transformed to zero mean and zero mean slope, with shortcuts (Raiko et al. 2012)",
    "prong": "inputs of every layer whitened (PRONG, Desjardins et al. 2015)",
}

# The contractive activation that the vanishing gradient is known from; a contrast for that claim alone.
CONTRAST = "sigmoid"

DATASETS: Mapping[str, str] = {
    "digits": "1,797 handwritten digits of 8×8 pixels, inside scikit-learn",
}

NETS: Mapping[str, str] = {
    "deep": "8 hidden layers of 128 units (the paper's section 4.1)",
    "shallow": "3 hidden layers of 128 units",
    "conv": "5 convolutions of 3×3 with two poolings, and a linear layer",
    "small": "6 hidden layers of 10 units on 4×4 pixels, small enough for the exact Fisher matrix",
}

PAPER_RATE = 0.01  # of plain stochastic gradient descent, in the paper's section 4.1
BATCH = 64  # ditto


# Processor time of an epoch against that of the deep net; of a form against a plain net; and of one Fisher matrix.
_EPOCH_COST = {"deep": 1.0, "shallow": 0.37, "conv": 1.4, "small": 0.18}
_FORM_COST = {"plain": 1.0, "bn": 1.1, "centred": 6.0, "prong": 4.0}
_FISHER_COST = {"plain": 4.0, "bn": 5.0, "centred": 64.0, "prong": 4.0}  # shortcuts are many parameters


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


@dataclass(frozen=True)
class Unit:
    """What is measured in one go, all seeds and rates side by side: a net with a variant, for some claims."""

    net: str
    variant: Variant
    rates: tuple[float, ...]
    claims: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.net} {self.variant.name}"

    def rates_for(self, claim: str) -> tuple[float, ...]:
        """Learning is measured at every rate, what is inside a net at the paper's rate alone."""
        return self.rates if claim == "learning" else (PAPER_RATE,)


@dataclass(frozen=True)
class Plan:
    """A whole claims run: what is to be measured follows from these fields, so a manifest holds just these."""

    name: str  # "full" or "quick"
    claims: tuple[str, ...]
    activations: tuple[str, ...]
    dataset: str
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    epochs: int
    fisher_epochs: tuple[int, ...]  # after how many epochs the angle is measured

    def content(self) -> dict[str, Any]:
        """The plan as plain data, for the manifest; `from_content` is its inverse."""
        return dataclasses.asdict(self)

    def units(self) -> tuple[Unit, ...]:
        """Everything but the cost, which is a sweep: the units of work, in the order of measuring."""
        return (*self._trained("deep"), *self._trained("shallow"), *self._trained("conv"), *self._small())

    def epochs_of(self, net: str) -> int:
        """For how many epochs a net is trained; convolutions cost more and get half."""
        return self.epochs // 2 if net == "conv" else self.epochs

    def steps_of(self, unit: Unit) -> float:
        """About how much work a unit is, in epochs of the deep net for one seed at one rate; for the time left."""
        runs = len(self.seeds) * len(unit.rates)
        steps = self.epochs_of(unit.net) * runs * _EPOCH_COST[unit.net] * _FORM_COST[unit.variant.form]
        if "natural_gradient" in unit.claims:
            steps += len(self.fisher_epochs) * runs * _FISHER_COST[unit.variant.form]
        return steps

    def variants(self) -> list[Variant]:
        """Every activation of the plan, with and without batch normalisation."""
        return [Variant(activation, form) for activation in self.activations for form in ("plain", "bn")]

    def references(self) -> list[Variant]:
        """The nets that are known to be centred and whitened, for what is said about bias shift."""
        return [Variant("relu", "centred"), Variant("relu", "prong")]

    def _trained(self, net: str) -> list[Unit]:
        """Nets to train: `deep` serves all claims that look into a net, the others only `learning`."""
        inside = ("mean_shift", "saturation", "vanishing") if net == "deep" else ()
        claims = tuple(claim for claim in (*inside, "learning") if claim in self.claims)
        if not claims:
            return []
        rates = self.rates if "learning" in claims else (PAPER_RATE,)
        units = [Unit(net, variant, rates, claims) for variant in self.variants()]
        if "mean_shift" in claims:
            units += [Unit(net, variant, (PAPER_RATE,), ("mean_shift",)) for variant in self.references()]
        if "vanishing" in claims:
            units.append(Unit(net, Variant(CONTRAST), (PAPER_RATE,), ("vanishing",)))
        return units

    def _small(self) -> list[Unit]:
        if "natural_gradient" not in self.claims:
            return []
        variants = [*self.variants(), *self.references()]
        return [Unit("small", variant, (PAPER_RATE,), ("natural_gradient",)) for variant in variants]


FULL = Plan(
    name="full",
    claims=tuple(CLAIMS),
    activations=tuple(ACTIVATIONS),
    dataset="digits",
    seeds=(0, 1, 2, 3, 4, 5),
    rates=(0.01, 0.03, 0.1, 0.3),
    epochs=40,
    fisher_epochs=(0, 5, 20, 40),
)
QUICK = dataclasses.replace(FULL, name="quick", rates=(0.01, 0.03), epochs=4, fisher_epochs=(4,))


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
    plan = QUICK if quick else FULL
    return dataclasses.replace(
        plan,
        claims=tuple(name for name in CLAIMS if name in claims) or plan.claims,
        activations=tuple(name for name in ACTIVATIONS if name in activations) or plan.activations,
        dataset=dataset,
    )


def from_content(content: Mapping[str, Any]) -> Plan:
    """The plan that a manifest holds. Raises ClaimError where it was edited into something else."""
    try:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        plan = Plan(**fields)
        known = make_plan(False, plan.claims, plan.activations, plan.dataset)
        if (known.claims, known.activations) != (plan.claims, plan.activations):
            raise ValueError("names out of order")
        return plan
    except (AttributeError, TypeError, ValueError) as error:
        raise ClaimError(f"the manifest's plan cannot be read ({error}); start a new run") from None

"""The name, colour, marker and line of each activation, the same in every figure and table of claims."""

from __future__ import annotations

from dataclasses import replace

from harness.ops.catalogue import ACTIVATIONS
from harness.ops.op import Shown
from harness.paper.plan import variant_of

# Ops have their own; these are of what nets have beside them.
_LOOKS = {name: op.shown for name, op in ACTIVATIONS.items() if op.shown is not None}
_LOOKS |= {
    "lrelu_0.1": replace(_LOOKS["leaky_relu"], name="LReLU 0.1"),
    "lrelu_0.01": Shown("LReLU 0.01", "#cc79a7", "v", ":"),
    "srelu": Shown("SReLU", "#8c564b", "d"),
    "elu_0.5": replace(_LOOKS["elu"], name="ELU, α = 0.5", line=":"),
    "elu_2": replace(_LOOKS["elu"], name="ELU, α = 2", line="--"),
    "relu+centred": Shown("ReLU, centred", "#6a3d9a", "P"),
    "elu+centred": Shown("ELU, centred", "#1b7837", "P"),
    "relu+prong": Shown("ReLU, PRONG", "#b28500", "X"),
    "sigmoid": Shown("sigmoid", "#8a8a8a", "x", ":"),
}
_FORM_NAMES = {"bn": " + BN", "centred": ", centred", "prong": ", PRONG", "lecun": ", LeCun's weights"}


def look_of(variant: str) -> Shown:
    """The look of a variant, or of an op; of another form that of its activation, dotted: "ReLU + BN"."""
    if variant in _LOOKS:
        return _LOOKS[variant]
    parts = variant_of(variant)
    plain = _LOOKS.get(parts.activation, replace(_LOOKS["sigmoid"], name=parts.activation))
    return replace(plain, name=plain.name + _FORM_NAMES.get(parts.form, ""), line=":")


def name_of(variant: str) -> str:
    """What a variant, or an op, is called."""
    return look_of(variant).name

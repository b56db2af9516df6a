"""The colour, marker and name of each activation, the same in every figure of claims and on the page."""

from __future__ import annotations

import dataclasses

from harness.paper.plan import variant_of
from reports.figures.style import Look

_LOOKS = {
    "elu": Look("#0072b2", "#4db3ec", "o", "-"),
    "relu": Look("#000000", "#f0f0f0", "s", "--"),
    "lrelu_0.1": Look("#d55e00", "#ff8a3d", "^", "-."),
    "lrelu_0.01": Look("#cc79a7", "#e79cc5", "v", ":"),
    "prelu": Look("#009e73", "#2fd3a6", "D", "-."),
    "relu+centred": Look("#6a3d9a", "#b48be0", "P", "-"),
    "relu+prong": Look("#b28500", "#f0c419", "X", "-"),
    "sigmoid": Look("#8a8a8a", "#9a9a9a", "x", ":"),
}
_NAMES = {
    "elu": "ELU",
    "relu": "ReLU",
    "lrelu_0.1": "LReLU 0.1",
    "lrelu_0.01": "LReLU 0.01",
    "prelu": "PReLU",
    "sigmoid": "sigmoid",
    "batch_norm_relu": "BN + ReLU",
    "leaky_relu": "LReLU",
    "shifted_relu": "SReLU",
}
_FORM_NAMES = {"bn": " + BN", "centred": ", centred", "prong": ", PRONG"}


def look_of(variant: str) -> Look:
    """The look of a variant; with batch normalisation that of its activation, dotted."""
    if variant in _LOOKS:
        return _LOOKS[variant]
    plain = _LOOKS.get(variant_of(variant).activation, _LOOKS["sigmoid"])
    return dataclasses.replace(plain, line=":")


def name_of(variant: str) -> str:
    """What a variant, or an op, is called: "ReLU + BN"."""
    parts = variant_of(variant)
    return _NAMES.get(parts.activation, parts.activation) + _FORM_NAMES.get(parts.form, "")

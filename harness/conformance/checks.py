"""ELU's semantics, as data: each check a demand, the inputs to put it to, and the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.conformance import judges, values
from harness.conformance.judges import CheckResult
from harness.conformance.subject import CheckedProvider
from harness.ops.op import SHORT_DTYPES

DTYPES = ("bfloat16", "float16", "float32")
SHAPE = (257, 259)  # more elements than a 16-bit dtype has values, and of no round number
FORWARD, BACKWARD = "elu", "elu_backward"
# Within these ELU's result does not tell the side of its input, so that the gradient in place cannot be right.
_NEGATIVE = ("alpha", "scale", "input_scale")


@dataclass(frozen=True)
class SemanticCheck:
    """A demand of ELU or of its gradient.

    Args:
        demand: what is asked, in a few words.
        values: (dtype) -> the inputs that it is put to.
        counts_from_one: whether errors of numbers below 1 are counted in ULP of 1: where digits are not the question.
        forgives_flush: whether 0 in place of a subnormal number passes, with a note.
        judge: a pure function of the provider, this check and a dtype. Raises Unsupported.
    """

    name: str
    op: str
    demand: str
    values: Callable[[torch.dtype], Tensor] = values.moderate
    params: Mapping[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = DTYPES
    shape: tuple[int, ...] = SHAPE
    layout: str = "contiguous"
    counts_from_one: bool = False
    forgives_flush: bool = True
    judge: Callable[[CheckedProvider, SemanticCheck, str], CheckResult] = judges.pointwise


def _parameters(op: str) -> tuple[SemanticCheck, ...]:
    """The checks of the parameters, the same for the value and for the gradient."""
    demands = {
        "alpha = 0": ({"alpha": 0.0}, "0 below 0, with its sign" if op == FORWARD else "0 below 0"),
        "alpha < 0": ({"alpha": -1.25}, "the formula holds"),
        "alpha ≠ 1": ({"alpha": 1.6732632423543772}, "the formula holds"),
        "scale ≠ 1": ({"scale": 1.75}, "it multiplies both sides"),
        "scale < 0": ({"scale": -1.75}, "it multiplies both sides"),
        "input_scale ≠ 1": (
            {"input_scale": 0.625},
            "it multiplies the argument of exp alone",
        ),
        "input_scale < 0": ({"input_scale": -0.625}, "the same"),
    }
    return tuple(
        SemanticCheck(name, op, demand, params=params, counts_from_one=True)
        for name, (params, demand) in demands.items()
    )


def _strides(op: str) -> tuple[SemanticCheck, ...]:
    shapes = {"transposed": SHAPE, "channels_last": (3, 5, 17, 31)}
    return tuple(
        SemanticCheck(
            f"strides: {layout}", op, "each element where it belongs", shape=shape, layout=layout, dtypes=("float32",)
        )
        for layout, shape in shapes.items()
    )


_OF_ELU = (
    SemanticCheck("near 0⁻", FORWARD, "about x: no exp(x) − 1, which cancels", values.near_zero),
    SemanticCheck("subnormals", FORWARD, "kept, not flushed to 0", values.subnormals, forgives_flush=False),
    SemanticCheck("special values", FORWARD, "±0, ±∞ and NaN with their signs", values.specials),
    SemanticCheck("large |x|", FORWARD, "x above, −alpha below, and never NaN", values.large),
    SemanticCheck("every 16-bit input", FORWARD, "at most 2 ULP", values.every, dtypes=DTYPES[:2]),
    *_parameters(FORWARD),
    *_strides(FORWARD),
    SemanticCheck("empty", FORWARD, "no elements, no error", dtypes=("float32",), judge=judges.empty),
    SemanticCheck("huge", FORWARD, "more than 2³¹ elements", dtypes=("float16",), judge=judges.huge),
)  # fmt: skip
_OF_GRADIENT = (
    SemanticCheck("special values", BACKWARD, "grad · scale at +∞, 0 at −∞; NaN at NaN is allowed", values.specials),
    SemanticCheck(
        "large |x|", BACKWARD, "grad · scale above, about 0 below, never NaN", values.large, counts_from_one=True
    ),
    SemanticCheck("far below 0", BACKWARD, "exp(x) with all digits: result + alpha cancels", values.far_below),
    SemanticCheck("every 16-bit input", BACKWARD, "at most 2 ULP", values.every, dtypes=DTYPES[:2]),
    *_parameters(BACKWARD),
    SemanticCheck("is_result", BACKWARD, "the gradient from the result", values.results, {"is_result": True}),
    *_strides(BACKWARD),
    SemanticCheck("empty", BACKWARD, "no elements, no error", dtypes=("float32",), judge=judges.empty),
    SemanticCheck("in place", BACKWARD, "the gradient is right", dtypes=("float32",), judge=judges.in_place),
    *(
        SemanticCheck(
            f"in place, {name} < 0", BACKWARD, "refused, or right: never wrong in silence", params={name: -1.0},
            dtypes=("float32",), judge=judges.in_place,
        )
        for name in _NEGATIVE
    ),
    SemanticCheck(
        "second derivative", BACKWARD, "that of the formula", dtypes=("float32",), judge=judges.second_derivative
    ),
)  # fmt: skip
CHECKS = (*_OF_ELU, *_OF_GRADIENT)


def full_name(check: SemanticCheck, dtype: str) -> str:
    """A check in one dtype as a line: "elu: near 0⁻, bf16"."""
    return f"{check.op}: {check.name}, {SHORT_DTYPES[dtype]}"

"""What is measured: ops as tensor specs, and cases. Pure data; imports no torch.

Bytes moved are derived here, once, from the tensors an op reads and writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
LAYOUTS = ("contiguous", "transposed", "channels_last")


class CaseError(ValueError):
    """A case that cannot exist; the message names the fault and the mend."""


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a case: its name in the op's signature, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class Op:
    """What is computed: its parameters with their defaults, the tensors it reads and writes, its arithmetic.

    `flops_per_element` counts the operations of the formula in `kernels/formulas.py`, an exponential as one.
    """

    name: str
    summary: str
    params: Mapping[str, Any]
    inputs: Callable[[Case], tuple[TensorSpec, ...]]
    outputs: Callable[[Case], tuple[TensorSpec, ...]]
    flops_per_element: int
    mixes_elements: bool = False  # an output depends on many inputs, so that one NaN or overflow hides the others
    has_kernel: bool = True
    least_result: Callable[[Mapping[str, Any]], float] | None = None  # of the activation, by params with `is_result`


@dataclass(frozen=True)
class Case:
    """An op with its parameters, the main tensor's shape, a dtype and a memory layout."""

    op: str
    params: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str
    layout: str = "contiguous"

    @property
    def key(self) -> str:
        """The case as one readable string; equal cases have equal keys."""
        params = ",".join(f"{name}={_text(value)}" for name, value in sorted(self.params.items()))
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"{self.op}({params}) {shape} {self.dtype} {self.layout}"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return OPS[self.op].inputs(self)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return OPS[self.op].outputs(self)

    @property
    def bytes_moved(self) -> int:
        """The fewest bytes the op can move: every input read once, every output written once."""
        return sum(spec.nbytes for spec in (*self.inputs, *self.outputs))

    @property
    def flops(self) -> int:
        return self.elements * OPS[self.op].flops_per_element

    @property
    def roof(self) -> str:
        """The traffic mix of the matching roof: one large read per write is a copy, two or more are a triad."""
        reads = sum(spec.shape == self.shape for spec in self.inputs)
        return "triad" if reads >= 2 else "copy"

    @property
    def least_known(self) -> float:
        """The least that `self_or_result` can be: -inf for an input of the activation, a bound for a result of it."""
        least = OPS[self.op].least_result
        return least(self.params) if least is not None and self.params["is_result"] else -math.inf

    def reduced(self, max_elements: int) -> Case:
        """This case with its first dimension cut so that it has at most about `max_elements` elements."""
        if self.elements <= max_elements or not self.shape:
            return self
        row = self.elements // self.shape[0]
        return Case(self.op, self.params, (max(1, max_elements // row), *self.shape[1:]), self.dtype, self.layout)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _main(case: Case, name: str) -> TensorSpec:
    return TensorSpec(name, case.shape, case.dtype)


def _bias(case: Case, name: str) -> TensorSpec:
    return TensorSpec(name, (case.shape[case.params["dim"]],), case.dtype)


_LEAKY_PARAMS = {"negative_slope": 0.01}
_PRELU_PARAMS = {"dim": 1}
_NORM_PARAMS = {"dim": 1, "eps": 1e-5}
_ELU_PARAMS = {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}

OPS: Mapping[str, Op] = {
    op.name: op
    for op in (
        Op(
            "elu",
            "scale * (x if x > 0 else alpha * expm1(input_scale * x))",
            _ELU_PARAMS,
            lambda case: (_main(case, "x"),),
            lambda case: (_main(case, "out"),),
            flops_per_element=4,
        ),
        Op(
            "elu_backward",
            "gradient of elu from its input, or from its result (is_result)",
            {**_ELU_PARAMS, "is_result": False},
            lambda case: (_main(case, "grad_output"), _main(case, "self_or_result")),
            lambda case: (_main(case, "grad_input"),),
            flops_per_element=5,
            least_result=lambda params: -abs(params["alpha"] * params["scale"]),
        ),
        Op(
            "bias_elu",
            "elu(x + bias), bias broadcast along dim",
            {"alpha": 1.0, "dim": -1},
            lambda case: (_main(case, "x"), _bias(case, "bias")),
            lambda case: (_main(case, "out"),),
            flops_per_element=3,
        ),
        Op(
            "bias_elu_backward",
            "gradients of bias_elu with respect to x and to bias",
            {"alpha": 1.0, "dim": -1},
            lambda case: (_main(case, "grad_output"), _main(case, "x"), _bias(case, "bias")),
            lambda case: (_main(case, "grad_x"), _bias(case, "grad_bias")),
            flops_per_element=5,
        ),
        Op(
            "elu_plus_one",
            "elu(x) + 1: the feature map of linear attention (Katharopoulos et al. 2020)",
            {},
            lambda case: (_main(case, "x"),),
            lambda case: (_main(case, "out"),),
            flops_per_element=3,
        ),
        Op(
            "elu_plus_one_backward",
            "gradient of elu_plus_one from its input, or from its result (is_result)",
            {"is_result": False},
            lambda case: (_main(case, "grad_output"), _main(case, "self_or_result")),
            lambda case: (_main(case, "grad_input"),),
            flops_per_element=3,
            least_result=lambda params: 0.0,
        ),
        Op(
            "relu",
            "x if x > 0 else 0",
            {},
            lambda case: (_main(case, "x"),),
            lambda case: (_main(case, "out"),),
            flops_per_element=1,
        ),
        Op(
            "relu_backward",
            "gradient of relu",
            {},
            lambda case: (_main(case, "grad_output"), _main(case, "x")),
            lambda case: (_main(case, "grad_input"),),
            flops_per_element=1,
        ),
        Op(
            "leaky_relu",
            "x if x > 0 else negative_slope * x",
            _LEAKY_PARAMS,
            lambda case: (_main(case, "x"),),
            lambda case: (_main(case, "out"),),
            flops_per_element=2,
        ),
        Op(
            "leaky_relu_backward",
            "gradient of leaky_relu",
            _LEAKY_PARAMS,
            lambda case: (_main(case, "grad_output"), _main(case, "x")),
            lambda case: (_main(case, "grad_input"),),
            flops_per_element=2,
        ),
        Op(
            "prelu",
            "x if x > 0 else weight * x, weight broadcast along dim",
            _PRELU_PARAMS,
            lambda case: (_main(case, "x"), _bias(case, "weight")),
            lambda case: (_main(case, "out"),),
            flops_per_element=2,
        ),
        Op(
            "prelu_backward",
            "gradients of prelu with respect to x and to weight",
            _PRELU_PARAMS,
            lambda case: (_main(case, "grad_output"), _main(case, "x"), _bias(case, "weight")),
            lambda case: (_main(case, "grad_x"), _bias(case, "grad_weight")),
            flops_per_element=4,
            mixes_elements=True,  # the gradient of the weight is a sum of products, which extreme inputs overflow
        ),
        Op(
            "batch_norm_relu",
            "batch normalisation in training mode, then relu: a comparison for activations",
            _NORM_PARAMS,
            lambda case: (_main(case, "x"), _bias(case, "weight"), _bias(case, "bias")),
            lambda case: (_main(case, "out"), _bias(case, "mean"), _bias(case, "rstd")),
            flops_per_element=8,
            mixes_elements=True,
            has_kernel=False,
        ),
        Op(
            "batch_norm_relu_backward",
            "gradients of batch_norm_relu with respect to x, weight and bias, from what autograd keeps",
            _NORM_PARAMS,
            lambda case: (
                *(_main(case, name) for name in ("grad_output", "result", "x")),
                *(_bias(case, name) for name in ("weight", "mean", "rstd")),
            ),
            lambda case: (_main(case, "grad_x"), _bias(case, "grad_weight"), _bias(case, "grad_bias")),
            flops_per_element=12,
            mixes_elements=True,
            has_kernel=False,
        ),
    )
}

# Those that this suite has Triton kernels for; the others are there to compare with.
KERNEL_OPS = {name: op for name, op in OPS.items() if op.has_kernel}


def make_case(
    op: str,
    shape: tuple[int, ...],
    dtype: str,
    params: Mapping[str, Any] | None = None,
    layout: str = "contiguous",
) -> Case:
    """A checked case with the op's defaults filled in. Raises CaseError."""
    if op not in OPS:
        raise CaseError(f"there is no op {op!r}; choose from {', '.join(OPS)}")
    if dtype not in ITEM_BYTES:
        raise CaseError(f"there is no dtype {dtype!r}; choose from {', '.join(ITEM_BYTES)}")
    if layout not in LAYOUTS:
        raise CaseError(f"there is no layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    case = Case(op, _checked_params(op, params or {}), tuple(shape), dtype, layout)
    _check_shape(case)
    return case


def _checked_params(op: str, given: Mapping[str, Any]) -> dict[str, Any]:
    params = dict(OPS[op].params)
    for name, value in given.items():
        if name not in params:
            raise CaseError(f"{op} has no parameter {name!r}; it takes {', '.join(params)}")
        wanted = type(params[name])
        number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if not number and type(value) is not wanted:
            raise CaseError(f"{op}'s parameter {name!r} is a {wanted.__name__}, not {value!r}")
        params[name] = wanted(value)
    return params


def _check_shape(case: Case) -> None:
    if not all(type(size) is int and size >= 1 for size in case.shape):
        raise CaseError(f"a shape is a list of whole numbers of at least 1, not {list(case.shape)}")
    if case.layout == "channels_last" and len(case.shape) != 4:
        raise CaseError(f"layout 'channels_last' needs 4 dimensions, and {list(case.shape)} is not that")
    if case.layout == "transposed" and len(case.shape) < 2:
        raise CaseError(f"layout 'transposed' needs at least 2 dimensions, and {list(case.shape)} is not that")
    if "dim" in case.params and not -len(case.shape) <= case.params["dim"] < len(case.shape):
        raise CaseError(f"dim={case.params['dim']} is outside the {len(case.shape)} dimensions of {list(case.shape)}")

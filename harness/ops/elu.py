"""elu, scale * (x if x > 0 else alpha * expm1(input_scale * x)), and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.ops.op import AtenCalls, Op, Shown
from harness.ops.reference import Expected, arithmetic_ulp, finite

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case

_PARAMS = {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}
SELU_ALPHA = 1.6732632423543772
_GENERAL = {"alpha": SELU_ALPHA, "scale": 1.0507009873554805, "input_scale": 1.25}


def value(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """elu of an fp64 tensor."""
    return scale * x.where(x > 0, alpha * (input_scale * x).expm1())


def gradient(grad: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """grad * elu'(x) of fp64 tensors; as ATen compares, a NaN input takes the positive side."""
    slope = alpha * scale * input_scale * (input_scale * x).exp()
    return grad * slope.where(x <= 0, scale)


def _product_slack(case: Case, x: Tensor, dtype: Tensor) -> Tensor | float:
    """exp's condition number is |input_scale·x|: it multiplies the rounding error of that product."""
    input_scale = case.params["input_scale"]
    if input_scale == 1.0:
        return 0.0
    return finite((input_scale * x).abs()) * arithmetic_ulp(dtype.dtype)


def _formula(case: Case) -> tuple[float, float, float]:
    return case.params["alpha"], case.params["scale"], case.params["input_scale"]


def _forward(case: Case, x: Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    return (Expected(value(wide, *_formula(case)), _product_slack(case, wide, x), signed_zero=True),)


def _backward(case: Case, grad: Tensor, known: Tensor) -> tuple[Expected, ...]:
    alpha, scale, input_scale = _formula(case)
    wide = known.double()
    if not case.params["is_result"]:
        true = gradient(grad.double(), wide, alpha, scale, input_scale)
        return (Expected(true, _product_slack(case, wide, known), nan_allowed=known.isnan()),)
    total = wide + alpha * scale
    true = grad.double() * (input_scale * total).where(wide <= 0, scale)
    # The sum cancels near the result's limit of -alpha·scale, and both terms are rounded before it.
    cancellation = (wide.abs() + abs(alpha * scale)) / total.abs() * arithmetic_ulp(known.dtype)
    return (Expected(true, cancellation.where(wide <= 0, 0.0).nan_to_num(nan=0.0), nan_allowed=known.isnan()),)


def _calls(aten: Any, case: Case) -> AtenCalls:
    params = _formula(case)
    return lambda x: aten.elu(x, *params), lambda x, out: aten.elu.out(x, *params, out=out)


def _backward_calls(aten: Any, case: Case) -> AtenCalls:
    params = (*_formula(case), case.params["is_result"])
    return (
        lambda grad, known: aten.elu_backward(grad, *params, known),
        lambda grad, known, out: aten.elu_backward.grad_input(grad, *params, known, grad_input=out),
    )


OPS = (
    Op(
        "elu",
        "scale * (x if x > 0 else alpha * expm1(input_scale * x))",
        _PARAMS,
        inputs=("x",),
        outputs=("out",),
        flops_per_element=4,
        expected=_forward,
        calls=_calls,
        variants={"unit": {}, "unscaled": {"alpha": SELU_ALPHA}, "general": _GENERAL},
        in_triton="scale * tl.where(x > 0, x, alpha * libdevice.expm1(input_scale * x))",
        shown=Shown("ELU", "#0072b2", "o"),
    ),
    Op(
        "elu_backward",
        "gradient of elu from its input, or from its result (is_result)",
        {**_PARAMS, "is_result": False},
        inputs=("grad_output", "self_or_result"),
        outputs=("grad_input",),
        flops_per_element=5,
        expected=_backward,
        calls=_backward_calls,
        least_result=lambda params: -abs(params["alpha"] * params["scale"]),
        variants={"unit": {}, "general": _GENERAL},
        in_triton="""\
grad_output * tl.where(
        self_or_result > 0,
        scale,
        input_scale * (self_or_result + alpha * scale)
        if is_result
        else alpha * scale * input_scale * libdevice.exp(input_scale * self_or_result),
    )""",
    ),
)

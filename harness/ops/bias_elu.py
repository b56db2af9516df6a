"""bias_elu, elu(x + bias) with the bias broadcast along `dim`, and its gradients with respect to x and bias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.ops import elu
from harness.ops.op import AtenCalls, Op, other_dims, summed, vector_shape
from harness.ops.reference import Expected, broadcast, finite, significand_bits, ulp_size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness.ops.cases import Case

_PARAMS = {"alpha": 1.0, "dim": -1}
_VARIANTS = {"unit": {}, "general": {"alpha": elu.SELU_ALPHA}}


def _forward(case: Case, x: Tensor, bias: Tensor) -> tuple[Expected, ...]:
    total = x.double() + broadcast(bias, case)
    # x + bias may be rounded to the tensors' dtype before the activation, as it is when they are two calls. The
    # condition number of ELU is at most 1, so half an ulp of the sum is at most one of the result.
    return (Expected(elu.value(total, case.params["alpha"], 1.0, 1.0), 1.0, signed_zero=True),)


def _backward(case: Case, grad: Tensor, x: Tensor, bias: Tensor) -> tuple[Expected, ...]:
    total = x.double() + broadcast(bias, case)
    grad_x = elu.gradient(grad.double(), total, case.params["alpha"], 1.0, 1.0)
    terms = summed(grad_x.abs(), case)
    error = _sum_error(grad_x, total, x.dtype)
    slack = finite(error / ulp_size(grad_x, x.dtype)).clamp(min=1.0)
    sum_slack = finite(summed(error, case) / ulp_size(terms, x.dtype))
    column_has_nan = summed(total.isnan().double(), case) > 0
    return (
        Expected(grad_x, slack, nan_allowed=total.isnan()),
        Expected(summed(grad_x, case), sum_slack, terms, nan_allowed=column_has_nan),
    )


def _sum_error(gradient: Tensor, total: Tensor, dtype: torch.dtype) -> Tensor:
    """What a sum rounded to `dtype` before exp does to the gradient: a factor of up to e^(half an ulp of the sum)."""
    rounding = finite(total.abs()) * 2.0 ** -significand_bits(dtype)
    return finite((gradient.abs() * rounding.expm1()).where(total <= 0, 0.0))


def _calls(aten: Any, case: Case) -> AtenCalls:
    alpha, shape = case.params["alpha"], vector_shape(case)

    def into(x: Tensor, bias: Tensor, out: Tensor) -> None:
        aten.add.out(x, bias.view(shape), out=out)
        aten.elu_(out, alpha)

    return lambda x, bias: aten.elu(x + bias.view(shape), alpha), into


def _backward_calls(aten: Any, case: Case) -> AtenCalls:
    alpha, shape, others = case.params["alpha"], vector_shape(case), other_dims(case)

    def compute(grad: Tensor, x: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        gradient = aten.elu_backward(grad, alpha, 1.0, 1.0, False, x + bias.view(shape))
        return gradient, gradient.sum(others) if others else gradient

    def into(grad: Tensor, x: Tensor, bias: Tensor, grad_x: Tensor, grad_bias: Tensor) -> None:
        aten.add.out(x, bias.view(shape), out=grad_x)
        aten.elu_backward.grad_input(grad, alpha, 1.0, 1.0, False, grad_x, grad_input=grad_x)
        if others:
            aten.sum.IntList_out(grad_x, others, out=grad_bias)
        else:
            grad_bias.copy_(grad_x)

    return compute, into


OPS = (
    Op(
        "bias_elu",
        "elu(x + bias), bias broadcast along dim",
        _PARAMS,
        inputs=("x", "bias*"),
        outputs=("out",),
        flops_per_element=3,
        expected=_forward,
        calls=_calls,
        variants=_VARIANTS,
        in_triton="tl.where(x + bias > 0, x + bias, alpha * libdevice.expm1(x + bias))",
    ),
    Op(
        "bias_elu_backward",
        "gradients of bias_elu with respect to x and to bias",
        _PARAMS,
        inputs=("grad_output", "x", "bias*"),
        outputs=("grad_x", "grad_bias*"),
        flops_per_element=5,
        expected=_backward,
        calls=_backward_calls,
        variants=_VARIANTS,
    ),
)

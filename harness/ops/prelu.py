"""prelu, a leaky_relu whose slopes are learned and lie along `dim`, and its gradients with respect to x and weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.ops.op import AtenCalls, Op, Shown, other_dims, summed, vector_shape
from harness.ops.reference import STATISTICS_ULP, Expected, broadcast

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case

_PARAMS = {"dim": 1}


def _forward(case: Case, x: Tensor, weight: Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    return (Expected(wide.where(wide > 0, wide * broadcast(weight, case)), signed_zero=True),)


def _backward(case: Case, grad: Tensor, x: Tensor, weight: Tensor) -> tuple[Expected, ...]:
    wide = grad.double()
    terms = (wide * x.double()).where(~(x > 0), 0.0)
    has_nan = summed(x.isnan().double(), case) > 0
    return (
        Expected(wide.where(x > 0, wide * broadcast(weight, case)), nan_allowed=x.isnan()),
        Expected(summed(terms, case), STATISTICS_ULP, magnitude=summed(terms.abs(), case), nan_allowed=has_nan),
    )


# ATen has no forms that write into given tensors: results are copied, which is in eager's time.


def _calls(aten: Any, case: Case) -> AtenCalls:
    shape = vector_shape(case)
    return lambda x, weight: aten._prelu_kernel(x, weight.view(shape)), None


def _backward_calls(aten: Any, case: Case) -> AtenCalls:
    shape, others = vector_shape(case), other_dims(case)

    def compute(grad: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        grad_x, terms = aten._prelu_kernel_backward(grad, x, weight.view(shape))
        return grad_x, terms.sum(others) if others else terms

    return compute, None


OPS = (
    Op(
        "prelu",
        "x if x > 0 else weight * x, weight broadcast along dim",
        _PARAMS,
        inputs=("x", "weight*"),
        outputs=("out",),
        flops_per_element=2,
        expected=_forward,
        calls=_calls,
        in_triton="tl.where(x > 0, x, weight * x)",
        shown=Shown("PReLU", "#009e73", "D", "-."),
    ),
    Op(
        "prelu_backward",
        "gradients of prelu with respect to x and to weight",
        _PARAMS,
        inputs=("grad_output", "x", "weight*"),
        outputs=("grad_x", "grad_weight*"),
        flops_per_element=4,
        expected=_backward,
        calls=_backward_calls,
        mixes_elements=True,  # the gradient of the weight is a sum of products, which extreme inputs overflow
    ),
)

"""leaky_relu, which elu is compared with, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.ops.op import Op, aten
from harness.ops.reference import Expected

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case

_PARAMS = {"negative_slope": 0.01}


def _forward(case: Case, x: Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    return (Expected(wide.where(wide > 0, wide * case.params["negative_slope"]), signed_zero=True),)


def _backward(case: Case, grad: Tensor, x: Tensor) -> tuple[Expected, ...]:
    wide = grad.double()
    return (Expected(wide.where(x > 0, wide * case.params["negative_slope"]), nan_allowed=x.isnan()),)


def _pytorch(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops, slope = aten(), case.params["negative_slope"]
    return lambda x: (ops.leaky_relu(x, slope),)


def _into(case: Case) -> Callable[..., None]:
    ops, slope = aten(), case.params["negative_slope"]
    return lambda x, out: ops.leaky_relu.out(x, slope, out=out)


def _pytorch_backward(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops, slope = aten(), case.params["negative_slope"]
    return lambda grad, x: (ops.leaky_relu_backward(grad, x, slope, False),)


def _into_backward(case: Case) -> Callable[..., None]:
    ops, slope = aten(), case.params["negative_slope"]
    return lambda grad, x, grad_x: ops.leaky_relu_backward.grad_input(grad, x, slope, False, grad_input=grad_x)


OPS = (
    Op(
        "leaky_relu",
        "x if x > 0 else negative_slope * x",
        _PARAMS,
        inputs=("x",),
        outputs=("out",),
        flops_per_element=2,
        expected=_forward,
        pytorch=_pytorch,
        into=_into,
    ),
    Op(
        "leaky_relu_backward",
        "gradient of leaky_relu",
        _PARAMS,
        inputs=("grad_output", "x"),
        outputs=("grad_input",),
        flops_per_element=2,
        expected=_backward,
        pytorch=_pytorch_backward,
        into=_into_backward,
    ),
)

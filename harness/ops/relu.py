"""relu, which elu is compared with, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.ops.op import Op, aten
from harness.ops.reference import Expected

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case


def _forward(case: Case, x: Tensor) -> tuple[Expected, ...]:
    return (Expected(x.double().relu()),)


def _backward(case: Case, grad: Tensor, x: Tensor) -> tuple[Expected, ...]:
    # ATen's order of comparison: a NaN input takes the positive branch.
    return (Expected(grad.double().where(~(x <= 0), 0.0), nan_allowed=x.isnan()),)


def _pytorch(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops = aten()
    return lambda x: (ops.relu(x),)


def _into(case: Case) -> Callable[..., None]:
    ops = aten()
    return lambda x, out: ops.clamp_min.out(x, 0.0, out=out)


def _pytorch_backward(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops = aten()
    return lambda grad, x: (ops.threshold_backward(grad, x, 0.0),)


def _into_backward(case: Case) -> Callable[..., None]:
    ops = aten()
    return lambda grad, x, grad_x: ops.threshold_backward.grad_input(grad, x, 0.0, grad_input=grad_x)


OPS = (
    Op(
        "relu",
        "x if x > 0 else 0",
        {},
        inputs=("x",),
        outputs=("out",),
        flops_per_element=1,
        expected=_forward,
        pytorch=_pytorch,
        into=_into,
    ),
    Op(
        "relu_backward",
        "gradient of relu",
        {},
        inputs=("grad_output", "x"),
        outputs=("grad_input",),
        flops_per_element=1,
        expected=_backward,
        pytorch=_pytorch_backward,
        into=_into_backward,
    ),
)

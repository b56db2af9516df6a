"""The shifted ReLU of the ELU paper's figure 1, max(x, -1), and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.ops.op import Op, aten
from harness.ops.reference import Expected

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case


def _forward(case: Case, x: Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    return (Expected(wide.clamp(min=-1.0)),)


def _backward(case: Case, grad: Tensor, x: Tensor) -> tuple[Expected, ...]:
    # As torch.nn.functional.threshold(x, -1, -1) compares: 0 at -1, and a NaN input takes the positive branch.
    return (Expected(grad.double().where(~(x <= -1), 0.0), nan_allowed=x.isnan()),)


def _pytorch(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops = aten()
    return lambda x: (ops.clamp_min(x, -1.0),)


def _into(case: Case) -> Callable[..., None]:
    ops = aten()
    return lambda x, out: ops.clamp_min.out(x, -1.0, out=out)


def _pytorch_backward(case: Case) -> Callable[..., tuple[Tensor, ...]]:
    ops = aten()
    return lambda grad, x: (ops.threshold_backward(grad, x, -1.0),)


def _into_backward(case: Case) -> Callable[..., None]:
    ops = aten()
    return lambda grad, x, grad_x: ops.threshold_backward.grad_input(grad, x, -1.0, grad_input=grad_x)


OPS = (
    Op(
        "shifted_relu",
        "the larger of x and -1",
        {},
        inputs=("x",),
        outputs=("out",),
        flops_per_element=1,
        expected=_forward,
        pytorch=_pytorch,
        into=_into,
    ),
    Op(
        "shifted_relu_backward",
        "gradient of shifted_relu",
        {},
        inputs=("grad_output", "x"),
        outputs=("grad_input",),
        flops_per_element=1,
        expected=_backward,
        pytorch=_pytorch_backward,
        into=_into_backward,
    ),
)

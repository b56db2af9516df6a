"""elu(x) + 1, the feature map of linear attention (Katharopoulos et al. 2020), and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.ops import elu
from harness.ops.op import AtenCalls, Op
from harness.ops.reference import Expected, finite, ulp_size

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case


def _forward(case: Case, x: Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    value = (wide + 1).where(wide > 0, wide.exp())
    # In two calls elu(x) is rounded before 1 is added: far below 0, no digit of e^x is left of it.
    rounding = ulp_size(wide.expm1(), x.dtype) / ulp_size(value, x.dtype)
    return (Expected(value, rounding.where(wide <= 0, 0.0)),)


def _backward(case: Case, grad: Tensor, known: Tensor) -> tuple[Expected, ...]:
    wide_grad, wide = grad.double(), known.double()
    if not case.params["is_result"]:
        return (Expected(elu.gradient(wide_grad, wide, 1.0, 1.0, 1.0), nan_allowed=known.isnan()),)
    value = wide_grad * wide.where(wide <= 1, 1.0)
    # The slope is the result itself, up to 1. Whoever asks elu for it, of result - 1, rounds that difference.
    rounding = wide_grad.abs() * ulp_size(wide - 1, known.dtype) / ulp_size(value, known.dtype)
    return (Expected(value, finite(rounding).where(wide <= 1, 0.0), nan_allowed=known.isnan()),)


def _calls(aten: Any, case: Case) -> AtenCalls:
    def into(x: Tensor, out: Tensor) -> None:
        aten.elu.out(x, 1.0, 1.0, 1.0, out=out)
        out.add_(1.0)

    return lambda x: aten.elu(x) + 1.0, into


def _backward_calls(aten: Any, case: Case) -> AtenCalls:
    """Of a result, that of elu, whose gradient ATen knows."""
    is_result = case.params["is_result"]

    def compute(grad: Tensor, known: Tensor) -> Any:
        return aten.elu_backward(grad, 1.0, 1.0, 1.0, is_result, known - 1.0 if is_result else known)

    def into(grad: Tensor, known: Tensor, grad_input: Tensor) -> None:
        if is_result:
            known = aten.sub.out(known, 1.0, out=grad_input)
        aten.elu_backward.grad_input(grad, 1.0, 1.0, 1.0, is_result, known, grad_input=grad_input)

    return compute, into


OPS = (
    Op(
        "elu_plus_one",
        "elu(x) + 1: the feature map of linear attention (Katharopoulos et al. 2020)",
        {},
        inputs=("x",),
        outputs=("out",),
        flops_per_element=3,
        expected=_forward,
        calls=_calls,
        in_triton="tl.where(x > 0, x + 1, libdevice.exp(x))",
    ),
    Op(
        "elu_plus_one_backward",
        "gradient of elu_plus_one from its input, or from its result (is_result)",
        {"is_result": False},
        inputs=("grad_output", "self_or_result"),
        outputs=("grad_input",),
        flops_per_element=3,
        expected=_backward,
        calls=_backward_calls,
        least_result=lambda params: 0.0,
        in_triton="""\
grad_output * (
        tl.where(self_or_result > 1, 1.0, self_or_result)
        if is_result
        else tl.where(self_or_result > 0, 1.0, libdevice.exp(self_or_result))
    )""",
    ),
)

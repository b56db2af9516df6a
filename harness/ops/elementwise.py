"""The template of an activation of single elements, and of its gradient: from formulas and PyTorch's operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.ops.op import AtenCalls, Op, Params, Shown
from harness.ops.reference import Expected

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case


def activation(
    name: str,
    summary: str,
    params: Params | None = None,
    *,
    value: Callable[..., Tensor],
    gradient: Callable[..., Tensor],
    calls: Callable[..., AtenCalls],
    backward_calls: Callable[..., AtenCalls],
    flops_per_element: int,
    signed_zero: bool = False,
    in_triton: str = "",
    backward_in_triton: str = "",
    shown: Shown | None = None,
) -> tuple[Op, Op]:
    """The ops `name` and `name_backward`. Functions take the values of `params` last.

    Args:
        value: (x) -> the true result, of an fp64 tensor.
        gradient: (grad, x) -> the true gradient, of fp64 tensors. At a NaN, NaN is right too.
        calls: (ATen's operators) -> the calls of (x) and (x, out), as `Op` has them.
        backward_calls: the same for (grad_output, x) and (grad_output, x, grad_input).
        flops_per_element, in_triton, shown: as `Op` has them; signed_zero: as `Expected` has it.
    """

    def expected(case: Case, x: Tensor) -> tuple[Expected, ...]:
        return (Expected(value(x.double(), *case.params.values()), signed_zero=signed_zero),)

    def backward_expected(case: Case, grad: Tensor, x: Tensor) -> tuple[Expected, ...]:
        true = gradient(grad.double(), x.double(), *case.params.values())
        return (Expected(true, nan_allowed=x.isnan()),)

    def of_params(made: Callable[..., AtenCalls]) -> Callable[[Any, Case], AtenCalls]:
        return lambda aten, case: made(aten, *case.params.values())

    of = params or {}
    forward = Op(
        name, summary, of, ("x",), ("out",), flops_per_element, expected, of_params(calls),
        in_triton=in_triton, shown=shown,
    )  # fmt: skip
    backward = Op(
        f"{name}_backward", f"gradient of {name}", of, ("grad_output", "x"), ("grad_input",), flops_per_element,
        backward_expected, of_params(backward_calls), in_triton=backward_in_triton,
    )  # fmt: skip
    return forward, backward

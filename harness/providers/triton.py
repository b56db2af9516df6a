"""The kernels of this suite. Never anything else: on a CPU without the interpreter there is nothing to run."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from harness.cases import Case
from harness.providers import Unsupported
from kernels.elementwise import elu_backward_out, elu_out
from kernels.vector import bias_elu_backward_out, bias_elu_out


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches the Triton kernel of the case."""
    if case.op not in _PREPARE:
        raise Unsupported(f"this suite has no kernel for {case.op}")
    return _PREPARE[case.op](case)


def _elu(case: Case) -> Callable[..., None]:
    alpha, scale, input_scale = (case.params[name] for name in ("alpha", "scale", "input_scale"))

    def call(x: Tensor, out: Tensor) -> None:
        elu_out(x, out, alpha, scale, input_scale)

    return call


def _elu_backward(case: Case) -> Callable[..., None]:
    params = tuple(case.params[name] for name in ("alpha", "scale", "input_scale", "is_result"))

    def call(grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor) -> None:
        elu_backward_out(grad_output, self_or_result, grad_input, *params)

    return call


def _bias_elu(case: Case) -> Callable[..., None]:
    alpha, dim = case.params["alpha"], case.params["dim"]

    def call(x: Tensor, bias: Tensor, out: Tensor) -> None:
        bias_elu_out(x, bias, out, alpha, dim)

    return call


def _bias_elu_backward(case: Case) -> Callable[..., None]:
    alpha, dim = case.params["alpha"], case.params["dim"]

    def call(grad_output: Tensor, x: Tensor, bias: Tensor, grad_x: Tensor, grad_bias: Tensor) -> None:
        bias_elu_backward_out(grad_output, x, bias, grad_x, grad_bias, alpha, dim)

    return call


_PREPARE = {
    "elu": _elu,
    "elu_backward": _elu_backward,
    "bias_elu": _bias_elu,
    "bias_elu_backward": _bias_elu_backward,
}

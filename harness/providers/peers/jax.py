"""JAX: jax.nn.elu and its gradient, compiled by XLA. On a CPU: on a GPU it uses streams that our clocks do not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from harness.ops.cases import Case
from harness.ops.op import Unsupported
from harness.providers.peers import check_case, check_on, imported


def prepare(case: Case) -> Callable[..., None]:
    """A call that hands the inputs to XLA without a copy, waits, and copies the result into the output."""
    jax = _jax()
    check_case(case, "JAX", ("elu", "elu_backward"))
    if case.params.get("is_result"):
        raise Unsupported("JAX computes the gradient of ELU from its input alone")
    alpha = case.params["alpha"]

    def activation(x: Any) -> Any:
        return jax.nn.elu(x, alpha)

    def gradient(grad: Any, x: Any) -> Any:
        return jax.vjp(activation, x)[1](grad)[0]

    compiled = jax.jit(activation if case.op == "elu" else gradient)

    def call(*tensors: Tensor) -> None:
        check_on("cpu", "JAX", tensors)
        result = compiled(*map(jax.numpy.from_dlpack, tensors[:-1]))
        tensors[-1].copy_(torch.from_dlpack(result.block_until_ready()))

    return call


def second_derivative(x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """The second derivative of jax.nn.elu at each x."""
    if scale != 1.0 or input_scale != 1.0:
        raise Unsupported("JAX's ELU has no scale and no input_scale")
    jax = _jax()
    twice = jax.grad(jax.grad(lambda each: jax.nn.elu(each, alpha)))
    return torch.from_dlpack(jax.vmap(twice)(jax.numpy.from_dlpack(x)).block_until_ready())


def _jax() -> Any:
    jax = imported("jax", "JAX", "'elubench[peers]'")
    jax.config.update("jax_enable_x64", True)  # without it fp64 becomes fp32
    return jax

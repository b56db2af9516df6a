"""Registers an activation of a tensor and a vector along one dimension (a bias, a slope per channel) with PyTorch.

As `elementwise.py`, with two operators for each: `NAME`, and `NAME_backward`, which gives both gradients in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .. import broadcast, private
from ..dispatch import (
    Operator,
    at_front,
    completed,
    define,
    floats,
    is_foreign,
    is_ordinary,
    needs_derivative,
    on_triton,
    run,
)
from ..layout import check_shapes, check_tensors, check_vector, dense_view, same_strides


@dataclass(frozen=True, eq=False)
class VectorActivation:
    """How it is computed: by one kernel, and step by step where there is none or where derivatives are derived.

    In the steps, `vector` has the dimensions of x, of size 1 but for its own, so that the two broadcast; all of them
    are differentiable. Every function takes the float parameters last.

    Args:
        parameters: their names and defaults.
        dim: along which the vector lies where launchers are not given another.
        functions: (*parameters): the device functions that the kernels are filled with.
        steps: (x, vector) -> result.
        backward_steps: (grad_output, x, vector) -> the gradient of x, and the terms that sum to that of the vector.
        tangent: (of_x, of_vector, x, vector) -> that of the result.
        second: (second_x, second_vector, grad_output, x, vector) -> the gradients of grad_output and x, and the terms
            of that of the vector, given those of what the backward returns.
        backward_tangent: (of_grad, of_x, of_vector, grad_output, x, vector) -> those of what backward_steps returns.
    """

    name: str
    vector: str  # what errors and the schema call it
    parameters: Mapping[str, float]
    dim: int
    functions: broadcast.Choose
    steps: Callable[..., Tensor]
    backward_steps: Callable[..., tuple[Tensor, Tensor]]
    tangent: Callable[..., Tensor]
    second: Callable[..., tuple[Tensor, Tensor, Tensor]]
    backward_tangent: Callable[..., tuple[Tensor, Tensor]]

    def __post_init__(self) -> None:
        _ = self.operator, self.backward_operator  # tells PyTorch of them

    def __call__(self, x: Tensor, vector: Tensor, *rest: Any) -> Tensor:
        """`rest`: the parameters, then dim."""
        if is_ordinary(x, vector):
            if not needs_derivative(x, vector):
                return self.compute(x, vector, *rest)
        else:
            private.untraced(self._check, x, vector, rest[-1])
            if is_foreign(x, vector):
                return self.steps(x, along(vector, x, rest[-1]), *rest[:-1])
            if not private.has_transforms():  # which see a Function, and no operator
                return self.operator(x, vector, *rest)
        return _VectorForward.apply(self, x, vector, *rest)

    def backward(self, grad_output: Tensor, x: Tensor, vector: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        if is_ordinary(grad_output, x, vector):
            if not needs_derivative(grad_output, x, vector):
                return self.compute_backward(grad_output, x, vector, *rest)
        else:
            private.untraced(self._check, x, vector, rest[-1], grad_output=grad_output)
            if is_foreign(grad_output, x, vector):
                return self._backward_in_steps(grad_output, x, vector, *rest)
            if not private.has_transforms():
                return self.backward_operator(grad_output, x, vector, *rest)
        return _VectorBackward.apply(self, grad_output, x, vector, *rest)

    def launch(self, x: Tensor, vector: Tensor, out: Tensor, *rest: Any) -> None:
        """Write the result into `out`, by a kernel and nothing else: x and what is addressed like it are dense.

        `rest`: the parameters, then dim; what is left out has its default.
        """
        tensors = (x, vector.contiguous(), out)
        *parameters, dim = completed(rest, self.parameters, self.dim)
        broadcast.forward(tensors, self.vector, dim, self.functions, *parameters)(*tensors)

    def launch_backward(
        self, grad_output: Tensor, x: Tensor, vector: Tensor, grad_x: Tensor, grad_vector: Tensor, *rest: Any
    ) -> None:
        """Write both gradients into `grad_x` and `grad_vector`: one pass over grad_output and x.

        The vector's is summed in fp32 (fp64 for fp64), with the same bits in every run.
        """
        tensors = (grad_output, x, vector.contiguous(), grad_x, grad_vector)
        *parameters, dim = completed(rest, self.parameters, self.dim)
        broadcast.backward(tensors, self.vector, dim, self.functions, *parameters)(*tensors)

    def compute(self, x: Tensor, vector: Tensor, *rest: Any) -> Tensor:
        self._check(x, vector, rest[-1])
        if not on_triton(x, vector):
            return self.steps(x, along(vector, x, rest[-1]), *rest[:-1])
        x = _dense(x)
        out = torch.empty_like(x)
        self.launch(x, vector, out, *rest)
        return out

    def compute_backward(self, grad_output: Tensor, x: Tensor, vector: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        self._check(x, vector, rest[-1], grad_output=grad_output)
        if not on_triton(grad_output, x, vector):
            return self._backward_in_steps(grad_output, x, vector, *rest)
        x = _dense(x)
        grad_x = torch.empty_like(x)
        grad_vector = torch.empty_like(vector, memory_format=torch.contiguous_format)
        if not same_strides(x, grad_output):  # a broadcast gradient, or one in another memory format
            grad_output = torch.empty_like(x).copy_(grad_output)
        self.launch_backward(grad_output, x, vector, grad_x, grad_vector, *rest)
        return grad_x, grad_vector

    def _backward_in_steps(self, grad_output: Tensor, x: Tensor, vector: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        grad_x, terms = self.backward_steps(grad_output, x, along(vector, x, rest[-1]), *rest[:-1])
        return grad_x, sum_along(terms, rest[-1])

    def _check(self, x: Tensor, vector: Tensor, dim: int, **others: Tensor) -> None:
        check_tensors(x=x, **others, **{self.vector: vector})
        check_shapes(x=x, **others)
        check_vector(x, self.vector, vector, dim)

    @property
    def _arguments(self) -> str:
        return f"Tensor x, Tensor {self.vector}, {floats(self.parameters)}int dim"

    @cached_property
    def operator(self) -> Operator:
        """NAME(x, vector, *parameters, dim)"""

        def fake(x: Tensor, vector: Tensor, *rest: Any) -> Tensor:
            self._check(x, vector, rest[-1])
            return torch.empty_like(x)

        return define(
            self.name,
            f"({self._arguments}) -> Tensor",
            compute=self.compute,
            fake=fake,
            differentiable=lambda *args: _VectorForward.apply(self, *args),
        )

    @cached_property
    def backward_operator(self) -> Operator:
        """NAME_backward(grad_output, x, vector, *parameters, dim)"""

        def fake(grad_output: Tensor, x: Tensor, vector: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
            self._check(x, vector, rest[-1], grad_output=grad_output)
            return torch.empty_like(x), torch.empty_like(vector, memory_format=torch.contiguous_format)

        return define(
            f"{self.name}_backward",
            f"(Tensor grad_output, {self._arguments}) -> (Tensor, Tensor)",
            compute=self.compute_backward,
            fake=fake,
            differentiable=lambda *args: _VectorBackward.apply(self, *args),
        )


class _VectorForward(Function):
    @staticmethod
    def forward(activation: VectorActivation, x: Tensor, vector: Tensor, *rest: Any) -> Tensor:
        return run(activation.operator, activation.compute, x, vector, *rest)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.activation, x, vector, *ctx.rest = inputs
        ctx.save_for_backward(x, vector)
        ctx.save_for_forward(x, vector)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        grads = ctx.activation.backward(grad_output, *ctx.saved_tensors, *ctx.rest)
        return None, *grads, *([None] * len(ctx.rest))

    @staticmethod
    def jvp(ctx: Any, _activation: None, of_x: Tensor, of_vector: Tensor, *_rest: None) -> Tensor:
        x, vector = ctx.saved_tensors
        *parameters, dim = ctx.rest
        return ctx.activation.tangent(of_x, along(of_vector, x, dim), x, along(vector, x, dim), *parameters)

    @staticmethod
    def vmap(
        info: Any, dims: tuple[Any, ...], activation: VectorActivation, x: Tensor, vector: Tensor, *rest: Any
    ) -> Any:
        x, spread, parameters, _ = _batched(info, dims[1:3], (x, vector), rest)
        return activation.steps(x, spread, *parameters), 0


class _VectorBackward(Function):
    @staticmethod
    def forward(
        activation: VectorActivation, grad_output: Tensor, x: Tensor, vector: Tensor, *rest: Any
    ) -> tuple[Tensor, Tensor]:
        return run(activation.backward_operator, activation.compute_backward, grad_output, x, vector, *rest)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.activation, grad_output, x, vector, *ctx.rest = inputs
        ctx.save_for_backward(grad_output, x, vector)
        ctx.save_for_forward(grad_output, x, vector)

    @staticmethod
    def backward(ctx: Any, second_x: Tensor, second_vector: Tensor) -> tuple[Tensor | None, ...]:
        grad_output, x, vector = ctx.saved_tensors
        *parameters, dim = ctx.rest
        to_grad, to_x, terms = ctx.activation.second(
            second_x, along(second_vector, x, dim), grad_output, x, along(vector, x, dim), *parameters
        )
        return None, to_grad, to_x, sum_along(terms, dim), *([None] * len(ctx.rest))

    @staticmethod
    def jvp(
        ctx: Any, _activation: None, of_grad: Tensor, of_x: Tensor, of_vector: Tensor, *_: None
    ) -> tuple[Tensor, Tensor]:
        grad_output, x, vector = ctx.saved_tensors
        *parameters, dim = ctx.rest
        of_grad_x, terms = ctx.activation.backward_tangent(
            of_grad, of_x, along(of_vector, x, dim), grad_output, x, along(vector, x, dim), *parameters
        )
        return of_grad_x, sum_along(terms, dim)

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], activation: VectorActivation, *inputs: Any) -> Any:
        grad_output, *tensors = inputs[:3]
        grad_output = at_front(info, dims[1], grad_output)
        x, spread, parameters, dim = _batched(info, dims[2:4], tensors, inputs[3:])
        grad_x, terms = activation.backward_steps(grad_output, x, spread, *parameters)
        others = [axis for axis in range(1, x.dim()) if axis != dim]
        return (grad_x, terms.sum(others) if others else terms), (0, 0)


def _batched(info: Any, dims: tuple[Any, ...], tensors: Any, rest: Any) -> tuple[Tensor, Tensor, tuple[Any, ...], int]:
    """(x, the vector made to broadcast, the parameters, dim), the batch in front."""
    x, vector = (at_front(info, dim, tensor) for dim, tensor in zip(dims, tensors, strict=True))
    *parameters, dim = rest
    dim = dim % (x.dim() - 1) + 1
    shape = [1] * x.dim()
    shape[0], shape[dim] = vector.shape
    return x, vector.reshape(shape), tuple(parameters), dim


def along(vector: Tensor, x: Tensor, dim: int) -> Tensor:
    """The vector with the dimensions of x, all of size 1 but `dim`."""
    shape = [1] * x.dim()
    shape[dim] = -1
    return vector.reshape(shape)


def sum_along(terms: Tensor, dim: int) -> Tensor:
    """The sums over all dimensions but `dim`."""
    others = [axis for axis in range(terms.dim()) if axis != dim % terms.dim()]
    return terms.sum(others) if others else terms


def _dense(x: Tensor) -> Tensor:
    return x if x.numel() == 0 or dense_view(x, -1) is not None else x.contiguous()

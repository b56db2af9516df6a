"""Registers an elementwise activation with PyTorch: operators, derivatives of every order and mode, vmap.

Two operators for each, `NAME` and `NAME_backward`. The backward takes the input of the activation or its result, as
ATen's `is_result` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .. import elementwise, private
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
from ..layout import check_shapes, check_tensors


def straight(weight: Tensor, known: Tensor, *_: Any) -> Tensor:
    """The curvature of an activation whose slope is a constant on either side."""
    return torch.zeros_like(weight)


def _check_writable(x: Tensor) -> None:
    if not x.is_contiguous() and any(s == 0 and n > 1 for n, s in zip(x.shape, x.stride(), strict=True)):
        raise RuntimeError("x has elements that share memory, so it cannot be written in place; use x.clone()")


@dataclass(frozen=True, eq=False)
class Activation:
    """How an activation with float parameters is computed, on our kernels and by PyTorch's own operators.

    Its slope can be told from its result alone where no parameter is negative.

    Args:
        parameters: their names and defaults.
        functions: (*parameters): the device functions that the kernels are filled with.
        aten: (x, *parameters), as `aten_in_place`, and `aten_backward` (grad_output, self_or_result, *parameters,
            is_result), on tensors that no kernel of ours can compute with.
        curvature: (weight, self_or_result, *parameters, is_result): weight times the derivative of the slope with
            respect to self_or_result.
    """

    name: str
    parameters: Mapping[str, float]
    functions: elementwise.Choose
    aten: Callable[..., Tensor]
    aten_in_place: Callable[..., Tensor]
    aten_backward: Callable[..., Tensor]
    curvature: Callable[..., Tensor] = straight

    def __post_init__(self) -> None:
        _ = self.operator, self.backward_operator  # tells PyTorch of them

    def __call__(self, x: Tensor, *parameters: float, save_result: bool = False) -> Tensor:
        if save_result:
            self._check_invertible(*parameters)
        if is_ordinary(x):
            if not needs_derivative(x):
                return self.compute(x, *parameters)
        else:
            check_tensors(x=x)
            if is_foreign(x):
                return self.aten(x, *parameters)
            if not private.has_transforms():  # which see a Function, and no operator
                return self.operator(x, *parameters, save_result)
        return _Forward.apply(self, save_result, x, *parameters)

    def in_place(self, x: Tensor, *parameters: float) -> Tensor:
        if not is_ordinary(x):
            if is_foreign(x):
                check_tensors(x=x)
                return self.aten_in_place(x, *parameters)
            _check_writable(x)
            # A compiler makes this one kernel that writes into x, which the gradient then has to do without.
            return x.copy_(
                self(x, *parameters, save_result=x.requires_grad or torch.jit.is_tracing() or private.has_transforms())
            )
        _check_writable(x)
        if not needs_derivative(x):
            return self.compute_in_place(x, *parameters)
        self._check_invertible(*parameters)
        return _InPlace.apply(self, x, *parameters)

    def backward(self, grad_output: Tensor, known: Tensor, *parameters: Any) -> Tensor:
        """The gradient from `known`, the input or the result; differentiable in both. `parameters` and is_result."""
        if is_ordinary(grad_output, known):
            if not needs_derivative(grad_output, known):
                return self.compute_backward(grad_output, known, *parameters)
        else:
            check_tensors(grad_output=grad_output, self_or_result=known)
            if is_foreign(grad_output, known):
                return self.aten_backward(grad_output, known, *parameters)
            if not private.has_transforms():
                return self.backward_operator(grad_output, known, *parameters)
        return _Backward.apply(self, grad_output, known, *parameters)

    def launch(self, x: Tensor, out: Tensor, *parameters: float) -> None:
        """Write activation(x) into `out`, of the shape, dtype and device of x, by a kernel and nothing else.

        `out` may be x itself. Parameters that are left out have their defaults.
        """
        elementwise.forward((x, out), self.functions, *completed(parameters, self.parameters))(x, out)

    def launch_backward(self, grad_output: Tensor, known: Tensor, grad_input: Tensor, *parameters: Any) -> None:
        """Write the gradient into `grad_input`, by a kernel and nothing else; the tensors have one shape.

        `parameters`, and is_result: whether `known` is the activation's result, or its input, as by default.
        """
        tensors = (grad_output, known, grad_input)
        *floats, is_result = completed(parameters, self.parameters, False)
        elementwise.backward(tensors, is_result, self.functions, *floats)(*tensors)

    def compute(self, x: Tensor, *parameters: float) -> Tensor:
        check_tensors(x=x)
        if not on_triton(x):
            return self.aten(x, *parameters)
        out = torch.empty_like(x)
        self.launch(x, out, *parameters)
        return out

    def compute_in_place(self, x: Tensor, *parameters: float) -> Tensor:
        check_tensors(x=x)
        if on_triton(x):
            self.launch(x, x, *parameters)
        else:
            self.aten_in_place(x, *parameters)
        return x

    def compute_backward(self, grad_output: Tensor, known: Tensor, *parameters: Any) -> Tensor:
        self._check_backward(grad_output, known, *parameters)
        if not on_triton(grad_output, known):
            return self.aten_backward(grad_output, known, *parameters)
        grad_input = torch.empty_like(known)
        self.launch_backward(grad_output, known, grad_input, *parameters)
        return grad_input

    def _check_backward(self, grad_output: Tensor, known: Tensor, *parameters: Any) -> None:
        check_tensors(grad_output=grad_output, self_or_result=known)
        check_shapes(grad_output=grad_output, self_or_result=known)
        if parameters[-1]:
            self._check_invertible(*parameters[:-1])

    def _check_invertible(self, *parameters: float) -> None:
        for name, value in zip(self.parameters, parameters, strict=True):
            if value < 0:
                raise RuntimeError(
                    f"the gradient of {self.name} from its result (inplace=True, save_result=True, is_result=True) "
                    f"needs {name} of at least 0, not {value:g}: the sign of a result does not tell that of its input; "
                    "compute it from the input"
                )

    @cached_property
    def operator(self) -> Operator:
        """NAME(x, *parameters, save_result): which of x and the result autograd keeps is part of the schema."""
        count = len(self.parameters)

        def fake(x: Tensor, *_: Any) -> Tensor:
            check_tensors(x=x)
            return torch.empty_like(x)

        def differentiable(x: Tensor, *rest: Any) -> Tensor:
            save_result = len(rest) > count and rest[-1]  # PyTorch leaves out what has its default
            return _Forward.apply(self, save_result, x, *rest[:count])

        return define(
            self.name,
            f"(Tensor x, {floats(self.parameters)}bool save_result=False) -> Tensor",
            compute=lambda x, *rest: self.compute(x, *rest[:count]),
            fake=fake,
            differentiable=differentiable,
        )

    @cached_property
    def backward_operator(self) -> Operator:
        """NAME_backward(grad_output, self_or_result, *parameters, is_result)"""

        def fake(grad_output: Tensor, known: Tensor, *parameters: Any) -> Tensor:
            self._check_backward(grad_output, known, *parameters)
            return torch.empty_like(known)

        return define(
            f"{self.name}_backward",
            f"(Tensor grad_output, Tensor self_or_result, {floats(self.parameters)}bool is_result) -> Tensor",
            compute=self.compute_backward,
            fake=fake,
            differentiable=lambda *args: _Backward.apply(self, *args),
        )


class _Forward(Function):
    """activation(x), keeping x or, where asked to, the result."""

    @staticmethod
    def forward(activation: Activation, save_result: bool, x: Tensor, *parameters: float) -> Tensor:
        return run(activation.operator, activation.compute, x, *parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        activation, save_result, x, *parameters = inputs
        known = output if save_result else x
        ctx.save_for_backward(known)
        ctx.save_for_forward(known)
        ctx.activation, ctx.parameters = activation, (*parameters, save_result)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        grad = ctx.activation.backward(grad_output, *ctx.saved_tensors, *ctx.parameters)
        return None, None, grad, *([None] * (len(ctx.parameters) - 1))

    @staticmethod
    def jvp(ctx: Any, _activation: None, _save_result: None, tangent: Tensor, *_parameters: None) -> Tensor:
        return ctx.activation.backward(tangent, *ctx.saved_tensors, *ctx.parameters)

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, int]:
        return _Forward.apply(*inputs), dims[2]


class _InPlace(Function):
    """x becomes activation(x), and is all that is kept."""

    @staticmethod
    def forward(activation: Activation, x: Tensor, *parameters: float) -> Tensor:
        return activation.compute_in_place(x, *parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        activation, x, *parameters = inputs
        ctx.mark_dirty(x)
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)
        ctx.activation, ctx.parameters = activation, (*parameters, True)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        grad = ctx.activation.backward(grad_output, *ctx.saved_tensors, *ctx.parameters)
        return None, grad, *([None] * (len(ctx.parameters) - 1))

    @staticmethod
    def jvp(ctx: Any, _activation: None, tangent: Tensor, *_parameters: None) -> Tensor:
        """The tangent is written in place, as the tensor was."""
        return tangent.copy_(ctx.activation.backward(tangent, *ctx.saved_tensors, *ctx.parameters))


class _Backward(Function):
    """grad_output * activation'(known), whose own derivative needs the derivative of the slope."""

    @staticmethod
    def forward(activation: Activation, grad_output: Tensor, known: Tensor, *parameters: Any) -> Tensor:
        return run(activation.backward_operator, activation.compute_backward, grad_output, known, *parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.activation, grad, known, *parameters = inputs
        ctx.save_for_backward(grad, known)
        ctx.save_for_forward(grad, known)
        ctx.parameters = parameters

    @staticmethod
    def backward(ctx: Any, second: Tensor) -> tuple[Tensor | None, ...]:
        """`second` is the gradient with respect to grad * slope(known)."""
        grad, known = ctx.saved_tensors
        to_grad = to_known = None
        if ctx.needs_input_grad[1]:
            to_grad = ctx.activation.backward(second, known, *ctx.parameters)
        if ctx.needs_input_grad[2]:
            to_known = ctx.activation.curvature(second * grad, known, *ctx.parameters)
        return None, to_grad, to_known, *([None] * len(ctx.parameters))

    @staticmethod
    def jvp(ctx: Any, _activation: None, of_grad: Tensor | None, of_known: Tensor | None, *_: None) -> Tensor:
        grad, known = ctx.saved_tensors
        parts = []
        if of_grad is not None:
            parts.append(ctx.activation.backward(of_grad, known, *ctx.parameters))
        if of_known is not None:
            parts.append(ctx.activation.curvature(of_known * grad, known, *ctx.parameters))
        return sum(parts[1:], parts[0])

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], activation: Activation, *inputs: Any) -> tuple[Tensor, int]:
        tensors = [at_front(info, dim, each) for dim, each in zip(dims[1:3], inputs[:2], strict=True)]
        return _Backward.apply(activation, *tensors, *inputs[2:]), 0

"""The two kernels of elementwise activations, forward and backward: templates that an op fills with device functions.

One element of output per element of input, whatever the layout. What is computed of a block comes from kernels/ops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from . import tuning
from .launch import Launch, kept, parameter
from .layout import check_shapes, check_tensors, collapse, is_wide, place


@dataclass(frozen=True, eq=False)
class Functions:
    """The device functions of an activation. All take blocks as they were loaded, then the activation's parameters.

    Args:
        forward: (x, *parameters) gives the result, of the type of x.
        gradient: (grad, x, *parameters) gives grad times the derivative at x, of the type of grad.
        gradient_from_result: (grad, result, *parameters) gives the same from the result.
    """

    forward: Any
    gradient: Any
    gradient_from_result: Any


Choose = Callable[..., Functions]  # by the values of the parameters


@triton.jit
def activation_kernel(
    x_ptr, out_ptr, elements, sizes, x_strides, out_strides, parameters,
    FUNCTION: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = FUNCTION(x, *parameters). One program takes BLOCK elements; `sizes` is () for x and out dense alike.

    EVEN: BLOCK divides `elements`. Where it does not, all programs but the last do without a mask too: it would cost an
    instruction for every element, and the width of every access where the mask cannot be told to change at multiples of
    it only.
    """
    first = _first(BLOCK, WIDE)
    index = first + tl.arange(0, BLOCK)
    x_ptr += place(index, sizes, x_strides)
    out_ptr += place(index, sizes, out_strides)
    if EVEN or first + BLOCK <= elements:
        _forward(x_ptr, out_ptr, None, parameters, FUNCTION)
    else:
        _forward(x_ptr, out_ptr, index < elements, parameters, FUNCTION)


@triton.jit
def _forward(x_ptr, out_ptr, inside, parameters, FUNCTION: tl.constexpr):
    x = tl.load(x_ptr, inside)
    tl.store(out_ptr, FUNCTION(x, *parameters), inside)


@triton.jit
def activation_backward_kernel(
    grad_ptr, known_ptr, out_ptr, elements, sizes, grad_strides, known_strides, out_strides, parameters,
    FUNCTION: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = FUNCTION(grad, known, *parameters), where known is the activation's input or its result."""
    first = _first(BLOCK, WIDE)
    index = first + tl.arange(0, BLOCK)
    grad_ptr += place(index, sizes, grad_strides)
    known_ptr += place(index, sizes, known_strides)
    out_ptr += place(index, sizes, out_strides)
    if EVEN or first + BLOCK <= elements:
        _backward(grad_ptr, known_ptr, out_ptr, None, parameters, FUNCTION)
    else:
        _backward(grad_ptr, known_ptr, out_ptr, index < elements, parameters, FUNCTION)


@triton.jit
def _backward(grad_ptr, known_ptr, out_ptr, inside, parameters, FUNCTION: tl.constexpr):
    grad = tl.load(grad_ptr, inside)
    known = tl.load(known_ptr, inside)
    tl.store(out_ptr, FUNCTION(grad, known, *parameters), inside)


@triton.jit
def _first(BLOCK: tl.constexpr, WIDE: tl.constexpr):
    """The number of this program's first element."""
    program = tl.program_id(0)
    if WIDE:
        program = program.to(tl.int64)
    return program * BLOCK


@kept
def forward(tensors: tuple[Tensor, ...], choose: Choose, *parameters: float) -> Launch:
    """The launch for (x, out)."""
    x, out = tensors
    check_tensors(x=x, out=out)
    check_shapes(x=x, out=out)
    return _launch(activation_kernel, "1+1", tensors, choose(*parameters).forward, parameters)


@kept
def backward(tensors: tuple[Tensor, ...], is_result: bool, choose: Choose, *parameters: float) -> Launch:
    """The launch for (grad_output, self_or_result, grad_input)."""
    grad_output, known, grad_input = tensors
    check_tensors(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    check_shapes(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    functions = choose(*parameters)
    function = functions.gradient_from_result if is_result else functions.gradient
    return _launch(activation_backward_kernel, "2+1", tensors, function, parameters)


def _launch(kernel: Any, mix: str, tensors: tuple[Tensor, ...], function: Any, parameters: tuple[float, ...]) -> Launch:
    sizes, strides = collapse(*tensors)
    out = tensors[-1]
    elements, dtype = out.numel(), out.dtype
    work = tuning.elementwise(mix, dtype.itemsize, elements)
    block = work.elements(dtype.itemsize)
    return Launch(
        kernel, triton.cdiv(elements, block), out.device,
        elements, sizes, *strides, tuple(parameter(each, dtype) for each in parameters),
        FUNCTION=function, EVEN=elements % block == 0, WIDE=is_wide(elements, *tensors),
        BLOCK=block, num_warps=work.warps,
    )  # fmt: skip

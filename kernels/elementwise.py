"""elu, its relatives and their gradients, one element of output per element of input, whatever the layout.

The two kernels are a template: another activation is another FORM (forms.py), and a launcher like the ones below.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from . import forms, math, tuning
from .launch import Launch, check_shapes, check_tensors, collapse, is_wide, kept, parameter, place


@triton.jit
def activation_kernel(
    x_ptr, out_ptr, elements, sizes, x_strides, out_strides, alpha, scale, input_scale,
    FORM: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = activation(x). One program takes BLOCK elements; `sizes` is () where x and out are dense alike.

    FORM names the activation and the way it is computed: a branch of forms.activation. EVEN: BLOCK divides `elements`.
    Where it does not, all programs but the last do without a mask too: it would cost an instruction for every element,
    and the width of every access where the mask cannot be told to change at multiples of it only.
    """
    first = _first(BLOCK, WIDE)
    index = first + tl.arange(0, BLOCK)
    x_ptr += place(index, sizes, x_strides)
    out_ptr += place(index, sizes, out_strides)
    if EVEN or first + BLOCK <= elements:
        _forward(x_ptr, out_ptr, None, alpha, scale, input_scale, FORM)
    else:
        _forward(x_ptr, out_ptr, index < elements, alpha, scale, input_scale, FORM)


@triton.jit
def _forward(x_ptr, out_ptr, inside, alpha, scale, input_scale, FORM: tl.constexpr):
    x = tl.load(x_ptr, inside)
    tl.store(out_ptr, forms.activation(x, alpha, scale, input_scale, FORM), inside)


@triton.jit
def activation_backward_kernel(
    grad_ptr, known_ptr, out_ptr, elements, sizes, grad_strides, known_strides, out_strides,
    alpha, scale, input_scale,
    FORM: tl.constexpr, IS_RESULT: tl.constexpr, EVEN: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = grad * activation'(known), where known is its input or, with IS_RESULT, its result."""
    first = _first(BLOCK, WIDE)
    index = first + tl.arange(0, BLOCK)
    grad_ptr += place(index, sizes, grad_strides)
    known_ptr += place(index, sizes, known_strides)
    out_ptr += place(index, sizes, out_strides)
    if EVEN or first + BLOCK <= elements:
        _backward(grad_ptr, known_ptr, out_ptr, None, alpha, scale, input_scale, FORM, IS_RESULT)
    else:
        _backward(grad_ptr, known_ptr, out_ptr, index < elements, alpha, scale, input_scale, FORM, IS_RESULT)


@triton.jit
def _backward(
    grad_ptr, known_ptr, out_ptr, inside, alpha, scale, input_scale, FORM: tl.constexpr, IS_RESULT: tl.constexpr
):
    grad = tl.load(grad_ptr, inside)
    known = tl.load(known_ptr, inside)
    value = forms.gradient(grad, known, alpha, scale, input_scale, FORM, IS_RESULT)
    tl.store(out_ptr, value, inside)


@triton.jit
def _first(BLOCK: tl.constexpr, WIDE: tl.constexpr):
    """The number of this program's first element."""
    program = tl.program_id(0)
    if WIDE:
        program = program.to(tl.int64)
    return program * BLOCK


def elu_out(x: Tensor, out: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> None:
    """Write elu(x) into `out`, of the shape, dtype and device of x; `out` may be x itself.

    Always a Triton kernel, and never a copy. This and the others below raise RuntimeError on a CPU outside the
    interpreter, TypeError and ValueError for tensors that do not fit.
    """
    _elu((x, out), alpha, scale, input_scale)(x, out)


@kept
def _elu(tensors: tuple[Tensor, ...], alpha: float, scale: float, input_scale: float) -> Launch:
    return _forward_launch(tensors, math.form_of(alpha, scale, input_scale), alpha, scale, input_scale)


def elu_backward_out(
    grad_output: Tensor,
    self_or_result: Tensor,
    grad_input: Tensor,
    alpha: float = 1.0,
    scale: float = 1.0,
    input_scale: float = 1.0,
    is_result: bool = False,
) -> None:
    """Write grad_output * elu' into `grad_input`; the three tensors have one shape, dtype and device.

    With `is_result`, `self_or_result` is elu's result, else its input.
    """
    tensors = (grad_output, self_or_result, grad_input)
    _elu_backward(tensors, alpha, scale, input_scale, is_result)(*tensors)


@kept
def _elu_backward(
    tensors: tuple[Tensor, ...], alpha: float, scale: float, input_scale: float, is_result: bool
) -> Launch:
    form = math.form_of(alpha, scale, input_scale)
    return _backward_launch(tensors, form, is_result, alpha, scale, input_scale)


def elu_plus_one_out(x: Tensor, out: Tensor) -> None:
    """Write elu(x) + 1 into `out`: e^x at and below 0, and not what is left of it in a sum with 1."""
    _activation((x, out), "elu_plus_one", 1.0)(x, out)


def elu_plus_one_backward_out(
    grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor, is_result: bool = False
) -> None:
    """Write the gradient of elu(x) + 1, as `elu_backward_out` does."""
    tensors = (grad_output, self_or_result, grad_input)
    _activation_backward(tensors, "elu_plus_one", is_result, 1.0)(*tensors)


def relu_out(x: Tensor, out: Tensor) -> None:
    """Write the larger of x and 0 into `out`."""
    _activation((x, out), "relu", 1.0)(x, out)


def relu_backward_out(grad_output: Tensor, self_or_result: Tensor, grad_input: Tensor, is_result: bool = False) -> None:
    """Write the gradient of relu, as `elu_backward_out` does; from its result it is the same."""
    tensors = (grad_output, self_or_result, grad_input)
    _activation_backward(tensors, "relu", False, 1.0)(*tensors)


def leaky_relu_out(x: Tensor, out: Tensor, negative_slope: float = 0.01) -> None:
    """Write x where it is above 0, else negative_slope * x, into `out`."""
    _activation((x, out), "leaky_relu" if 0.0 < negative_slope <= 1.0 else "any leaky_relu", negative_slope)(x, out)


def leaky_relu_backward_out(
    grad_output: Tensor,
    self_or_result: Tensor,
    grad_input: Tensor,
    negative_slope: float = 0.01,
    is_result: bool = False,
) -> None:
    """Write the gradient of leaky_relu, as `elu_backward_out` does; from its result it is the same."""
    tensors = (grad_output, self_or_result, grad_input)
    _activation_backward(tensors, "leaky_relu", False, negative_slope)(*tensors)


@kept
def _activation(tensors: tuple[Tensor, ...], form: str, alpha: float) -> Launch:
    return _forward_launch(tensors, form, alpha, 1.0, 1.0)


@kept
def _activation_backward(tensors: tuple[Tensor, ...], form: str, is_result: bool, alpha: float) -> Launch:
    return _backward_launch(tensors, form, is_result, alpha, 1.0, 1.0)


def _forward_launch(tensors: tuple[Tensor, ...], form: str, *parameters: float) -> Launch:
    x, out = tensors
    check_tensors(x=x, out=out)
    check_shapes(x=x, out=out)
    sizes, strides = collapse(x, out)
    elements, dtype = x.numel(), x.dtype
    work = tuning.elementwise("1+1", dtype.itemsize, elements)
    block = work.elements(dtype.itemsize)
    return Launch(
        activation_kernel, triton.cdiv(elements, block), x.device, elements, sizes, *strides,
        *(parameter(each, dtype) for each in parameters),
        FORM=form, EVEN=elements % block == 0, WIDE=is_wide(elements, x, out), BLOCK=block, num_warps=work.warps,
    )  # fmt: skip


def _backward_launch(tensors: tuple[Tensor, ...], form: str, is_result: bool, *parameters: float) -> Launch:
    grad_output, known, grad_input = tensors
    check_tensors(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    check_shapes(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    sizes, strides = collapse(*tensors)
    elements, dtype = known.numel(), known.dtype
    work = tuning.elementwise("2+1", dtype.itemsize, elements)
    block = work.elements(dtype.itemsize)
    return Launch(
        activation_backward_kernel, triton.cdiv(elements, block), known.device, elements, sizes, *strides,
        *(parameter(each, dtype) for each in parameters),
        FORM=form, IS_RESULT=is_result, EVEN=elements % block == 0, WIDE=is_wide(elements, *tensors),
        BLOCK=block, num_warps=work.warps,
    )  # fmt: skip

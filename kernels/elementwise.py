"""elu and its gradient, one element of output per element of input, whatever the layout."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from . import math
from .launch import Launch, check_tensors, collapse, is_wide, kept, parameter, place


@triton.jit
def elu_kernel(
    x_ptr, out_ptr, elements, sizes, x_strides, out_strides, alpha, scale, input_scale,
    FORM: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = elu(x). One program takes BLOCK elements; `sizes` is () where x and out are dense alike."""
    first = tl.program_id(0)
    if WIDE:
        first = first.to(tl.int64)
    index = first * BLOCK + tl.arange(0, BLOCK)
    inside = index < elements
    x = tl.load(x_ptr + place(index, sizes, x_strides), inside)
    is_narrow: tl.constexpr = x.dtype.primitive_bitwidth == 16
    value = math.elu(math.widen(x), alpha, scale, input_scale, is_narrow, FORM)
    tl.store(out_ptr + place(index, sizes, out_strides), math.narrow(value, x.dtype), inside)


@triton.jit
def elu_backward_kernel(
    grad_ptr, known_ptr, out_ptr, elements, sizes, grad_strides, known_strides, out_strides,
    alpha, scale, input_scale,
    FORM: tl.constexpr, IS_RESULT: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = grad * elu'(known), where known is elu's input or, with IS_RESULT, its result."""
    first = tl.program_id(0)
    if WIDE:
        first = first.to(tl.int64)
    index = first * BLOCK + tl.arange(0, BLOCK)
    inside = index < elements
    grad = tl.load(grad_ptr + place(index, sizes, grad_strides), inside)
    known = math.widen(tl.load(known_ptr + place(index, sizes, known_strides), inside))
    if IS_RESULT:
        slope = math.elu_slope_from_result(known, alpha, scale, input_scale, FORM)
    else:
        is_narrow: tl.constexpr = grad.dtype.primitive_bitwidth == 16
        slope = math.elu_slope(known, alpha, scale, input_scale, is_narrow, FORM)
    value = math.widen(grad) * slope
    tl.store(out_ptr + place(index, sizes, out_strides), math.narrow(value, grad.dtype), inside)


WARPS = 4


def elu_out(x: Tensor, out: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> None:
    """Write elu(x) into `out`, of the shape, dtype and device of x; `out` may be x itself.

    Always a Triton kernel, and never a copy. Raises RuntimeError on a CPU outside the interpreter,
    TypeError and ValueError for tensors that do not fit.
    """
    _elu((x, out), alpha, scale, input_scale)(x, out)


@kept
def _elu(tensors: tuple[Tensor, ...], alpha: float, scale: float, input_scale: float) -> Launch:
    x, out = tensors
    check_tensors(x=x, out=out)
    _check_shapes(x=x, out=out)
    sizes, strides = collapse(x, out)
    elements, dtype, block = x.numel(), x.dtype, block_elements(x.element_size())
    return Launch(
        elu_kernel, triton.cdiv(elements, block), x.device, elements, sizes, *strides,
        parameter(alpha, dtype), parameter(scale, dtype), parameter(input_scale, dtype),
        FORM=math.form_of(alpha, scale, input_scale), WIDE=is_wide(elements, x, out), BLOCK=block, num_warps=WARPS,
    )  # fmt: skip


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

    With `is_result`, `self_or_result` is elu's result, else its input. Raises as `elu_out` does.
    """
    tensors = (grad_output, self_or_result, grad_input)
    _elu_backward(tensors, alpha, scale, input_scale, is_result)(*tensors)


@kept
def _elu_backward(
    tensors: tuple[Tensor, ...], alpha: float, scale: float, input_scale: float, is_result: bool
) -> Launch:
    grad_output, known, grad_input = tensors
    check_tensors(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    _check_shapes(grad_output=grad_output, self_or_result=known, grad_input=grad_input)
    sizes, strides = collapse(*tensors)
    elements, dtype, block = known.numel(), known.dtype, block_elements(known.element_size())
    return Launch(
        elu_backward_kernel, triton.cdiv(elements, block), known.device, elements, sizes, *strides,
        parameter(alpha, dtype), parameter(scale, dtype), parameter(input_scale, dtype),
        FORM=math.form_of(alpha, scale, input_scale), IS_RESULT=is_result,
        WIDE=is_wide(elements, *tensors), BLOCK=block, num_warps=WARPS,
    )  # fmt: skip


def block_elements(item_bytes: int) -> int:
    """Elements per program: two 16-byte accesses per thread and tensor, so that one hides the other's wait."""
    return WARPS * 32 * 2 * 16 // item_bytes


def _check_shapes(**tensors: Tensor) -> None:
    (first_name, first), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != first.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} and {first_name} {tuple(first.shape)}; "
                "they have to be the same"
            )

"""Kernels made worse on purpose, each in one way. They stand under names of ops, so that one file has them all."""

import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def library_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    """ELU as it is usually written: right, and at several times the cost."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, index < elements)
    wide = x.to(tl.float32)
    value = tl.where(wide > 0, wide, libdevice.expm1(wide))
    tl.store(out_ptr + index, value.to(x.dtype), index < elements)


@triton.jit
def narrow_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    """A copy, so cheap that no count of instructions catches it; its loads are 4 bytes wide."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    pairs = tl.max_contiguous(index, 2)
    tl.store(out_ptr + index, tl.load(x_ptr + pairs, index < elements), index < elements)


@triton.jit
def spilling_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    """It has to keep more numbers than it is given registers."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    total = tl.sum(x.to(tl.float32), 0)
    tl.store(out_ptr + index, (x * total).to(x.dtype))


@triton.jit
def asking_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    """A function of CUDA's library that goes different ways for small and large numbers."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, index < elements)
    tl.store(out_ptr + index, libdevice.lgamma(x.to(tl.float32)).to(x.dtype), index < elements)


def blocks(x):
    return lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)


def elu(x, alpha, scale, input_scale, out):
    library_kernel[blocks(x)](x, out, x.numel(), BLOCK=2048)


def elu_backward(grad_output, self_or_result, alpha, scale, input_scale, is_result, out):
    narrow_kernel[blocks(out)](grad_output, out, out.numel(), BLOCK=1024)


def bias_elu(x, bias, alpha, dim, out):
    spilling_kernel[blocks(x)](x, out, x.numel(), BLOCK=16384, maxnreg=32)


def bias_elu_backward(grad_output, x, bias, alpha, dim, out):
    asking_kernel[blocks(x)](x, out[0], x.numel(), BLOCK=1024)

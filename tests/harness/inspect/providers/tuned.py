"""A kernel with two configurations to choose from, a function without a kernel, and one that fails."""

import triton
import triton.language as tl


@triton.autotune([triton.Config({"BLOCK": b}, num_warps=w) for b, w in ((1024, 4), (4096, 8))], key=["elements"])
@triton.jit
def tuned_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, index < elements)
    wide = x.to(tl.float32)
    value = tl.where(wide > 0, wide, tl.exp(wide) - 1)
    tl.store(out_ptr + index, value.to(x.dtype), index < elements)


@triton.jit
def broken_kernel(x_ptr):
    tl.no_such_thing(x_ptr)


def elu(x, alpha, scale, input_scale, out):
    print("what a provider prints is not among the rows")
    tuned_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel())


def bias_elu(x, bias, alpha, dim):
    return x


def bias_elu_backward(grad_output, x, bias, alpha, dim, out):
    broken_kernel[(1,)](x)

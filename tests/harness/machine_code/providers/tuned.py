"""Functions with a kernel of two configurations, with two launches, with none, and with one that fails."""

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
def plain_kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + index, tl.load(x_ptr + index, index < elements), index < elements)


@triton.jit
def broken_kernel(x_ptr):
    tl.no_such_thing(x_ptr)


def elu(x, alpha, scale, input_scale, out):
    print("what a provider prints is not among the rows")
    tuned_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel())


def elu_backward(grad_output, self_or_result, alpha, scale, input_scale, is_result):
    grad_input = grad_output.new_empty(grad_output.shape)
    plain_kernel[(triton.cdiv(grad_input.numel(), 2048),)](grad_output, grad_input, grad_input.numel(), BLOCK=2048)
    plain_kernel[(triton.cdiv(grad_input.numel(), 2048),)](self_or_result, grad_input, grad_input.numel(), BLOCK=2048)
    return grad_input


def bias_elu(x, bias, alpha, dim):
    return x


def bias_elu_backward(grad_output, x, bias, alpha, dim, out):
    broken_kernel[(1,)](x)

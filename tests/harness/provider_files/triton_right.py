"""A right ELU in Triton: a series near 0, where e^x - 1 loses its digits."""

import triton
import triton.language as tl


@triton.jit
def kernel(x, out, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    given = tl.load(x + i, mask=i < n)
    value = given.to(tl.float32)
    near = value + value * value * (0.5 + value * 0.16666667)
    negative = alpha * tl.where(value > -0.015625, near, tl.exp(value) - 1.0)
    result = tl.where(value > 0, value, tl.where(value == 0, value, negative))
    tl.store(out + i, result, mask=i < n)


def elu(x, alpha, scale, input_scale, out):
    kernel[(triton.cdiv(x.numel(), 1024),)](x, out, x.numel(), alpha, BLOCK=1024)

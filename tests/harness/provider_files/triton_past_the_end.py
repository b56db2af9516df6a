"""A right result by a kernel that reads past the end of x."""

import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def kernel(x, out, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i).to(tl.float32)
    tl.store(out + i, tl.where(value > 0, value, alpha * libdevice.expm1(value)), mask=i < n)


def elu(x, alpha, scale, input_scale, out):
    kernel[(triton.cdiv(x.numel(), 1024),)](x, out, x.numel(), alpha, BLOCK=1024)

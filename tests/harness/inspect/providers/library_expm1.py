"""ELU as it is usually written: right, and three times the budget."""

import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit
def kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, index < elements)
    wide = x.to(tl.float32)
    value = tl.where(wide > 0, wide, libdevice.expm1(wide))
    tl.store(out_ptr + index, value.to(x.dtype), index < elements)


def elu(x, alpha, scale, input_scale, out):
    kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel(), BLOCK=2048)

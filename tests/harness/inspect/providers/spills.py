"""A copy with a scale in place of ELU, which keeps more numbers than it is given registers."""

import triton
import triton.language as tl


@triton.jit
def kernel(x_ptr, out_ptr, elements, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    total = tl.sum(x.to(tl.float32), 0)
    tl.store(out_ptr + index, (x * total).to(x.dtype))


def elu(x, alpha, scale, input_scale, out):
    kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel(), BLOCK=16384, maxnreg=32)

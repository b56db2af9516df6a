"""A kernel that uses tensor cores, which the emulated GPU does not have."""

import triton
import triton.language as tl


@triton.jit
def kernel(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tile = tl.load(x + i[:, None] * BLOCK + i[None, :])
    tl.store(out + i[:, None] * BLOCK + i[None, :], tl.dot(tile, tile).to(out.dtype.element_ty))


def elu(x, alpha, scale, input_scale, out):
    kernel[(1,)](x, out, BLOCK=32)

"""ELU that branches on what it has loaded, and one function that launches nothing."""

import triton
import triton.language as tl


@triton.jit
def kernel(x_ptr, out_ptr, elements):
    place = tl.program_id(0)
    x = tl.load(x_ptr + place).to(tl.float32)
    while x < -1.0:
        x = x * 0.5 + tl.load(x_ptr + place + 1).to(tl.float32)
        tl.debug_barrier()
    tl.store(out_ptr + place, x.to(out_ptr.dtype.element_ty))


def elu(x, alpha, scale, input_scale, out):
    kernel[(x.numel(),)](x, out, x.numel(), num_warps=1)


def bias_elu(x, bias, alpha, dim):
    return x

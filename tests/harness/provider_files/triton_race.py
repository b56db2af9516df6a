"""A right result by a kernel whose threads meet in shared memory without a barrier between them."""

import triton
import triton.language as tl
from triton.language.extra import libdevice

SWAPPED_TWICE = tl.constexpr("""{
    .shared .align 4 .b32 spot[128];
    .reg .b32 here, there, base;
    mov.u32 base, spot;
    mov.u32 here, %tid.x;
    xor.b32 there, here, 1;
    shl.b32 here, here, 2;
    shl.b32 there, there, 2;
    add.u32 here, here, base;
    add.u32 there, there, base;
    st.shared.b32 [here], $1;
    ld.shared.b32 $0, [there];
    st.shared.b32 [here], $0;
    ld.shared.b32 $0, [there];
}""")


@triton.jit
def kernel(x, out, n, alpha, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + i, mask=i < n).to(tl.float32)
    bits = value.to(tl.int32, bitcast=True)
    bits = tl.inline_asm_elementwise(SWAPPED_TWICE, "=r,r", [bits], tl.int32, is_pure=False, pack=1)
    value = bits.to(tl.float32, bitcast=True)
    tl.store(out + i, tl.where(value > 0, value, alpha * libdevice.expm1(value)), mask=i < n)


def elu(x, alpha, scale, input_scale, out):
    kernel[(triton.cdiv(x.numel(), 128),)](x, out, x.numel(), alpha, BLOCK=128)

"""Kernels as people write them, right and wrong, for the emulated GPU. Imported without TRITON_INTERPRET only."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

_NEIGHBOUR = """{
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
    WAIT
    ld.shared.b32 $0, [there];
}"""
WITHOUT_BARRIER = tl.constexpr(_NEIGHBOUR.replace("WAIT", ""))
WITH_BARRIER = tl.constexpr(_NEIGHBOUR.replace("WAIT", "bar.sync 0;"))


@triton.jit
def elu_bf16(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, mask=index < n).to(tl.float32)
    near = x + x * x * 0.5
    value = tl.where(x > 0, x, tl.where(x > -0.0078125, near, tl.exp(x) - 1.0))
    tl.store(out_ptr + index, value.to(tl.bfloat16), mask=index < n)


@triton.jit
def elu_by_libdevice(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index, mask=index < n).to(tl.float32)
    value = tl.where(x > 0, x, libdevice.expm1(x))
    tl.store(out_ptr + index, value.to(out_ptr.dtype.element_ty), mask=index < n)


@triton.jit
def copy_without_mask(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    tl.store(out_ptr + index, x, mask=index < n)


@triton.jit
def store_before_the_start(x_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    tl.store(out_ptr + index - 4, tl.load(x_ptr + index))


@triton.jit
def misaligned(x_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    moved = (x_ptr.to(tl.int64) + 2).to(tl.pointer_type(tl.float32))
    tl.store(out_ptr + index, tl.load(moved + index))


@triton.jit
def everyone_writes_the_same(x_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    tl.store(out_ptr + index, tl.load(x_ptr + tl.program_id(0) * BLOCK + index))


@triton.jit
def swap_neighbours(x_ptr, out_ptr, ASSEMBLY: tl.constexpr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    y = tl.inline_asm_elementwise(ASSEMBLY, "=r,r", [x], tl.int32, is_pure=False, pack=1)
    tl.store(out_ptr + index, y)


@triton.autotune([triton.Config({"BLOCK": 64}), triton.Config({"BLOCK": 128}, num_warps=2)], key=["n"])
@triton.heuristics({"EVEN": lambda given: given["n"] % given["BLOCK"] == 0})
@triton.jit
def row_sums(x_ptr, out_ptr, n, EVEN: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n, BLOCK):
        index = start + tl.arange(0, BLOCK)
        if EVEN:
            total += tl.load(x_ptr + row * n + index)
        else:
            total += tl.load(x_ptr + row * n + index, mask=index < n, other=0.0)
    tl.store(out_ptr + row, tl.sum(total, axis=0))


@triton.jit
def triangle(out_ptr):
    """Another number of trips for every program."""
    total = 0
    for i in range(tl.program_id(0) + 1):
        total += i
    tl.store(out_ptr + tl.program_id(0), total)


@triton.jit
def collatz(x_ptr, out_ptr, BLOCK: tl.constexpr):
    """Loops until the last thread of a block is done."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    steps = tl.zeros((BLOCK,), tl.int32)
    while tl.max(x, axis=0) > 1:
        steps += (x > 1).to(tl.int32)
        x = tl.where(x > 1, tl.where(x % 2 == 0, x // 2, 3 * x + 1), x)
    tl.store(out_ptr + index, steps)


@triton.jit
def scans(x_ptr, sums_ptr, sorted_ptr, histogram_ptr, total_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    tl.store(sums_ptr + index, tl.cumsum(x, axis=0))
    tl.store(sorted_ptr + index, tl.sort(x))
    tl.store(histogram_ptr + tl.arange(0, 16), tl.histogram(x, 16))
    tl.atomic_add(total_ptr + x % 4, x)


@triton.jit
def transpose(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    rows, columns = tl.arange(0, M), tl.arange(0, N)
    x = tl.load(x_ptr + rows[:, None] * N + columns[None, :])
    tl.store(out_ptr + columns[:, None] * M + rows[None, :], tl.trans(x))


@triton.jit
def functions(x_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    y = libdevice.tanh(x) + tl.sin(x * 100.0) + tl.sqrt(tl.abs(x)) + libdevice.erf(x) + x / (1.0 + x * x)
    tl.store(out_ptr + index, y)


@triton.jit
def doubles(x_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + index)
    tl.store(out_ptr + index, libdevice.expm1(x) / (libdevice.exp(x) + 1.0))


@triton.jit
def product(a_ptr, b_ptr, out_ptr, BLOCK: tl.constexpr):
    index = tl.arange(0, BLOCK)
    a = tl.load(a_ptr + index[:, None] * BLOCK + index[None, :])
    b = tl.load(b_ptr + index[:, None] * BLOCK + index[None, :])
    tl.store(out_ptr + index[:, None] * BLOCK + index[None, :], tl.dot(a, b))

"""Primitives: the steps of formulas that differ by architecture, each in up to three ways (PTX, Triton, emulation).

On NVIDIA a primitive is one or two instructions of PTX, on 16-bit types mostly for a pair of elements in one register.
Elsewhere it is the same function in Triton's own operations. In Triton's interpreter it is an emulation, so that
formulas.py, which is made of these, is the same sequence of steps there as on a device, and what tests say about
its rounding holds for both. Only instructions are used whose result the PTX ISA defines, signs of 0 and NaN included,
or, for ex2, whose error it bounds.
"""

from __future__ import annotations

import os
import struct
from typing import Any

import triton
import triton.language as tl

from . import private

# Triton's interpreter is numpy: its fma rounds twice, its conversion to bfloat16 cuts bits off, and the one from
# bfloat16 takes subnormal numbers for 0.
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")

# What the interpreter's ex2 is off by, relative to the truth. ex2.approx is only said to be within 2^-22.5, so tests
# set this to both ends: a formula is right if it is at either.
EX2_ERROR = tl.constexpr(0.0)
EX2_BOUND = 2.0**-22.5


def run_on_cpu() -> bool:
    """Whether kernels run on tensors of the CPU: by Triton's interpreter, or by a driver that emulates a GPU."""
    return bool(INTERPRETED.value) or private.launches_on_host()


@private.builtin
def on_nvidia(_semantic: Any = None) -> Any:
    """Whether PTX is being compiled: a compile-time constant, of the target and not of the machine at hand."""
    return tl.constexpr(private.compiled_for(_semantic)[0] == "cuda")


@private.builtin
def newer_than_ampere(_semantic: Any = None) -> Any:
    """Whether PTX is being compiled for sm_90 or above."""
    backend, arch = private.compiled_for(_semantic)
    return tl.constexpr(backend == "cuda" and int(arch) >= 90)


@private.builtin
def ptx_constant(value: Any, _semantic: Any = None) -> Any:
    """An fp32 constant as PTX writes it: 0f and the digits of its bits."""
    (bits,) = struct.unpack(">I", struct.pack(">f", value.value))
    return tl.constexpr(f"0f{bits:08X}")


@triton.jit
def ex2(y):
    """2^y of fp32, 0 where that is below 2^-126."""
    if INTERPRETED:
        exact = tl.exp2(y.to(tl.float64))
        value = tl.where(y == 0, exact, exact * (1.0 + EX2_ERROR)).to(tl.float32)  # 1 at 0, as the ISA says
        value = tl.where(value < 1.1754943508222875e-38, 0.0, value)
    elif on_nvidia():
        # Without .ftz there come four instructions with it, that scale subnormal results.
        value = tl.inline_asm_elementwise("ex2.approx.ftz.f32 $0, $1;", "=f,f", [y], tl.float32, is_pure=True, pack=1)
    else:
        value = tl.exp2(y)
    return value


@triton.jit
def widen(x, IS_LARGE: tl.constexpr = True):
    """The values of a block in the type that they are computed in: fp64 stays, all else becomes fp32.

    IS_LARGE: every thread has an even number of elements.
    """
    if x.dtype == tl.bfloat16:
        if INTERPRETED:
            wide = (x.to(tl.uint16, bitcast=True).to(tl.uint32) << 16).to(tl.float32, bitcast=True)
        elif IS_LARGE and on_nvidia():
            # A bfloat16 is the upper half of a float: a shift for the lower of a pair, a mask for the upper. The
            # compiler, which sees two scalars, takes the pair apart first.
            wide = tl.inline_asm_elementwise(
                "shl.b32 $0, $2, 16; and.b32 $1, $2, 0xffff0000;", "=r,=r,r", [x], tl.float32, is_pure=True, pack=2
            )
        else:
            wide = x.to(tl.float32)
    else:
        wide = x.to(tl.float64 if x.dtype == tl.float64 else tl.float32)
    return wide


@triton.jit
def narrow(value, dtype: tl.constexpr):
    """A computed block rounded to nearest, ties to even, in the type it is stored in."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = value.to(tl.uint32, bitcast=True)
        rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        rounded = tl.where(value == value, rounded, 0x7FFF)
        stored = rounded.to(tl.uint16).to(tl.bfloat16, bitcast=True)
    elif INTERPRETED and dtype == tl.float16:
        stored = tl.where(value == value, value, 0.0).to(dtype).to(tl.uint16, bitcast=True)
        stored = tl.where(value == value, stored, 0x7FFF).to(tl.uint16).to(dtype, bitcast=True)  # the one NaN of PTX
    else:
        stored = value.to(dtype)
    return stored


@triton.jit
def narrow_positive(value, dtype: tl.constexpr):
    """`narrow` of the larger of a block and +0; NaN stays."""
    if not INTERPRETED and on_nvidia():
        # The conversion clamps at no cost. Its first operand becomes the upper half.
        if dtype == tl.bfloat16:
            stored = tl.inline_asm_elementwise(
                "cvt.rn.relu.bf16x2.f32 $0, $2, $1;", "=r,f,f", [value], tl.bfloat16, is_pure=True, pack=2
            )
        else:
            stored = tl.inline_asm_elementwise(
                "cvt.rn.relu.f16x2.f32 $0, $2, $1;", "=r,f,f", [value], tl.float16, is_pure=True, pack=2
            )
    else:
        stored = narrow(tl.where(value <= 0, 0.0, value), dtype)
    return stored


@triton.jit
def larger_of_negated(p, x):
    """The larger of -p and x, for 16-bit p of at least +0: NaN where x is, and x where both are 0.

    Read as unsigned numbers, 16-bit floats with a sign bit are ordered backwards, and after all those without. Adding
    a sign bit and taking the minimum is one instruction from sm_90 on; a negation and a maximum are two.
    """
    if INTERPRETED:
        negated = _bits(p) + 0x8000
        value = tl.where(negated < _bits(x), negated, _bits(x)).to(tl.uint16).to(x.dtype, bitcast=True)
    elif newer_than_ampere():
        value = tl.inline_asm_elementwise(
            "{ .reg .b32 n; add.u16x2 n, $1, $3; min.u16x2 $0, n, $2; }", "=r,r,r,r",
            [p, x, tl.full(p.shape, 0x8000, tl.uint16)], x.dtype, is_pure=True, pack=2,
        )  # fmt: skip
    elif on_nvidia():
        value = tl.inline_asm_elementwise("xor.b32 $0, $1, 0x80008000;", "=r,r", [p], p.dtype, is_pure=True, pack=2)
        value = larger(value, x)
    else:
        value = larger(-p, x)
    return value


@triton.jit
def lesser_of_negated(p, q):
    """The lesser of -p and q, for 16-bit p of at least +0: -p where q is NaN, and of two zeros -0. See above."""
    if INTERPRETED:
        negated = _bits(p) + 0x8000
        value = tl.where(negated > _bits(q), negated, _bits(q)).to(tl.uint16).to(q.dtype, bitcast=True)
    elif newer_than_ampere():
        value = tl.inline_asm_elementwise(
            "{ .reg .b32 n; add.u16x2 n, $1, $3; max.u16x2 $0, n, $2; }", "=r,r,r,r",
            [p, q, tl.full(p.shape, 0x8000, tl.uint16)], q.dtype, is_pure=True, pack=2,
        )  # fmt: skip
    elif on_nvidia():
        value = tl.inline_asm_elementwise("xor.b32 $0, $1, 0x80008000;", "=r,r", [p], p.dtype, is_pure=True, pack=2)
        value = lesser(value, q)
    else:
        value = lesser(-p, q)
    return value


@triton.jit
def _bits(x):
    return x.to(tl.uint16, bitcast=True).to(tl.int32)


@triton.jit
def larger(a, b):
    """The larger of two blocks as they were loaded: NaN where one is NaN, and b where both are 0 and of 16 bits."""
    if a.dtype.primitive_bitwidth != 16:
        value = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    elif not INTERPRETED and on_nvidia():
        if a.dtype == tl.bfloat16:
            value = tl.inline_asm_elementwise("max.NaN.bf16x2 $0, $1, $2;", "=r,r,r", [a, b], a.dtype, True, 2)
        else:
            value = tl.inline_asm_elementwise("max.NaN.f16x2 $0, $1, $2;", "=r,r,r", [a, b], a.dtype, True, 2)
    else:
        value = tl.where((widen(a) > widen(b)) | (widen(a) != widen(a)), a, b)
    return value


@triton.jit
def lesser(a, b):
    """The lesser of two 16-bit blocks, and the other where one is NaN; which of two zeros is not to be relied on."""
    if not INTERPRETED and on_nvidia():
        if a.dtype == tl.bfloat16:
            value = tl.inline_asm_elementwise("min.bf16x2 $0, $1, $2;", "=r,r,r", [a, b], a.dtype, True, 2)
        else:
            value = tl.inline_asm_elementwise("min.f16x2 $0, $1, $2;", "=r,r,r", [a, b], a.dtype, True, 2)
    else:
        value = tl.where((widen(a) < widen(b)) | (widen(b) != widen(b)), a, b)
    return value


@triton.jit
def by_sign(x, negative, positive):
    """`negative` where the sign bit of x is set, else `positive`: 16-bit blocks."""
    if not INTERPRETED and on_nvidia():
        # prmt with the top bit of a digit set copies the sign of that byte: a mask of 16 ones for each negative x.
        value = tl.inline_asm_elementwise(
            "{ .reg .b32 mask; prmt.b32 mask, $1, 0, 0xbb99; lop3.b32 $0, mask, $2, $3, 0xca; }", "=r,r,r,r",
            [x, negative, positive], x.dtype, is_pure=True, pack=2,
        )  # fmt: skip
    else:
        value = tl.where(x.to(tl.int16, bitcast=True) < 0, negative, positive)
    return value


@triton.jit
def where_above(x, LIMIT: tl.constexpr, positive, other, OF_NAN: tl.constexpr = False):
    """`positive` where x > LIMIT, else `other`; OF_NAN: also where x is NaN."""
    above: tl.constexpr = "gtu" if OF_NAN else "gt"
    if INTERPRETED:
        value = _where_above(x, LIMIT, positive, other, OF_NAN)
    elif (x.dtype == tl.bfloat16 and newer_than_ampere()) or (x.dtype == tl.float16 and on_nvidia()):
        # The comparison of a pair leaves 16 ones for each that holds.
        name: tl.constexpr = "bf16x2" if x.dtype == tl.bfloat16 else "f16x2"
        value = tl.inline_asm_elementwise(
            "{ .reg .b32 mask; set." + above + ".u32." + name + " mask, $1, $4; lop3.b32 $0, mask, $2, $3, 0xca; }",
            "=r,r,r,r,r", [x, positive, other, filled(x, LIMIT)], x.dtype, is_pure=True, pack=2,
        )  # fmt: skip
    elif x.dtype == tl.float32 and on_nvidia():
        # Side by side, or the compiler keeps all comparisons as bits of registers until it selects.
        value = tl.inline_asm_elementwise(
            "{ .reg .pred p; setp." + above + ".f32 p, $1, " + ptx_constant(LIMIT) + "; selp.f32 $0, $2, $3, p; }",
            "=f,f,f,f", [x, positive, other], x.dtype, is_pure=True, pack=1,
        )  # fmt: skip
    else:
        value = _where_above(x, LIMIT, positive, other, OF_NAN)
    return value


@triton.jit
def _where_above(x, LIMIT: tl.constexpr, positive, other, OF_NAN: tl.constexpr):
    return tl.where(widen(x) <= LIMIT, other, positive) if OF_NAN else tl.where(widen(x) > LIMIT, positive, other)


@triton.jit
def filled(x, value: tl.constexpr):
    """A block like x, all of whose elements are the constant; the interpreter makes no 16-bit constants but 0."""
    wide: tl.constexpr = tl.float64 if x.dtype == tl.float64 else tl.float32
    return narrow(tl.full(x.shape, value, wide), x.dtype)


@triton.jit
def fma_16_bits(a, b, c):
    """a * b + c of 16-bit blocks of one type, rounded once."""
    if INTERPRETED:
        value = narrow(widen(a) * widen(b) + widen(c), a.dtype)
    elif on_nvidia():
        name: tl.constexpr = "bf16x2" if a.dtype == tl.bfloat16 else "f16x2"
        value = tl.inline_asm_elementwise(
            "fma.rn." + name + " $0, $1, $2, $3;", "=r,r,r,r", [a, b, c], a.dtype, is_pure=True, pack=2
        )
    else:
        value = narrow(widen(a) * widen(b) + widen(c), a.dtype)
    return value


@triton.jit
def square_added_f16(x):
    """x + x * x / 2 of fp16, rounded once, for x <= 0; keeps -0, since 0 is added to its half, which is so 0."""
    if not INTERPRETED and on_nvidia():
        value = tl.inline_asm_elementwise(
            "{ .reg .b32 half; fma.rn.f16x2 half, $1, $2, $3; fma.rn.f16x2 $0, $1, half, $1; }", "=r,r,r,r",
            [x, tl.full(x.shape, 0.5, x.dtype), tl.full(x.shape, 0.0, x.dtype)], x.dtype, is_pure=True, pack=2,
        )  # fmt: skip
    else:
        wide = x.to(tl.float32)
        value = tl.where(x == 0, x, narrow(wide * (wide * 0.5) + wide, tl.float16))
    return value


@triton.jit
def at_most(x, limit: tl.constexpr):
    """The lesser of a block and a constant, and the constant for NaN; the sign of a 0 is not to be relied on."""
    if x.dtype.primitive_bitwidth == 16:
        value = lesser(x, filled(x, limit))
    elif INTERPRETED:
        value = tl.where(x < limit, x, limit)
    else:
        value = tl.minimum(x, limit)
    return value


@triton.jit
def fma_saturated(a, b, c):
    """a * b + c in fp32, rounded once and kept within [0, 1]; 0 for NaN."""
    if not INTERPRETED and on_nvidia():
        value = tl.inline_asm_elementwise(
            "fma.rn.sat.f32 $0, $1, $2, $3;", "=f,f,f,f", [a, b, c], tl.float32, is_pure=True, pack=1
        )
    else:
        value = fma(a, b, c)
        value = tl.where(value > 0, tl.where(value < 1, value, 1.0), 0.0)
    return value


@triton.jit
def fma(a, b, c):
    """a * b + c in fp32, rounded once; b and c may be constants."""
    if INTERPRETED:
        # The product of two fp32 numbers is exact in fp64.
        value = (a.to(tl.float64) * _f64(b) + _f64(c)).to(tl.float32)
    else:
        value = tl.fma(a, b, c)
    return value


@triton.jit
def _f64(value):
    """A number of fp32 in fp64; a constant as the compiler rounds it."""
    return (value if isinstance(value, tl.tensor) else tl.full((), value, tl.float32)).to(tl.float64)

"""Known answers, instruction by instruction: NaN, both zeros, subnormals, ties, saturation, the ends of integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.harness.emulator.programs import Line, execute, line, on_device

INF, NAN = float("inf"), float("nan")
TINY = 2.0**-126
NANS = {"f32": 0x7FFFFFFF, "f16": 0x7FFF, "bf16": 0x7FFF}


def two(name: str, kind: str, target: str = "sm_80") -> Line:
    return line(f"{name}.{kind} $0, $1, $2;", kind, kind, kind, target=target)


def pair(name: str, kind: str, target: str = "sm_80") -> Line:
    return line(f"{name}.{kind} $0, $1, $2;", "b32", "b32", "b32", target=target)


# (instruction, operands, result); fp16 and bfloat16, pairs and NaN as bits.
BLACKWELL = "sm_100"
FMA_F64 = line("fma.rn.f64 $0, $1, $2, $3;", "f64", "f64", "f64", "f64")
TRUTH = "selp.u32 $0, 1, 0, %p0;"

FLOATS = [
    (two("add", "f32"), (1.0, 2.0**-24), 1.0),  # a tie, to even
    (two("add", "f32"), (1.0 + 2.0**-23, 2.0**-24), 1.0 + 2.0**-22),
    (two("add", "f32"), (2.0**-149, 2.0**-149), 2.0**-148),
    (two("add.ftz", "f32"), (2.0**-149, 2.0**-149), 0.0),
    (two("add.ftz", "f32"), (TINY, -(2.0**-127)), TINY),
    (two("add", "f32"), (INF, -INF), NANS["f32"]),
    (two("add", "f32"), (-0.0, 0.0), 0.0),
    (two("add.rm", "f32"), (1.0, -1.0), -0.0),
    (two("add", "f32"), (-0.0, -0.0), -0.0),
    (two("add.sat", "f32"), (0.75, 0.75), 1.0),
    (two("add.sat", "f32"), (-0.75, 0.5), 0.0),
    (two("add.sat", "f32"), (NAN, 0.5), 0.0),
    (two("mul.ftz", "f32"), (2.0**-100, -(2.0**-30)), -0.0),
    (two("mul", "f32"), (INF, 0.0), NANS["f32"]),
    (two("mul.rz", "f32"), (3e38, 10.0), float(np.finfo(np.float32).max)),
    (two("div.rn", "f32"), (1.0, 0.0), INF),
    (two("div.approx", "f32"), (1.0, 2.0**127), 0.0),
    (two("div.full", "f32"), (6.0, 3.0), 2.0),
    (two("min", "f32"), (0.0, -0.0), -0.0),
    (two("min", "f32"), (-0.0, 0.0), -0.0),
    (two("max", "f32"), (-0.0, 0.0), 0.0),
    (two("max", "f32"), (0.0, -0.0), 0.0),
    (two("max", "f32"), (NAN, 1.0), 1.0),
    (two("max.NaN", "f32"), (NAN, 1.0), NANS["f32"]),
    (two("min.ftz", "f32"), (-(2.0**-130), 1.0), -0.0),
    (two("max.NaN.xorsign.abs", "f32", "sm_86"), (-2.0, 1.0), -2.0),
    (line("fma.rn.sat.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (NAN, 1.0, 1.0), 0.0),
    (line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (4097.0, 4097.0, 2.0**-30), 16785410.0),
    (line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (2.0**-75, 2.0**-75, 2.0**-149), 2.0**-148),
    (line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (2.0**-75, 2.0**-76, 2.0**-149), 2.0**-149),
    (line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (1.0, -1.0, 1.0), 0.0),
    (line("neg.f32 $0, $1;", "f32", "f32"), (0.0,), -0.0),
    (line("abs.ftz.f32 $0, $1;", "f32", "f32"), (-(2.0**-140),), 0.0),
    (line("copysign.f32 $0, $1, $2;", "f32", "f32", "f32"), (-0.0, 3.0), -3.0),
    (line("sqrt.rn.f32 $0, $1;", "f32", "f32"), (-0.0,), -0.0),
    (line("sqrt.rn.f32 $0, $1;", "f32", "f32"), (-1.0,), NANS["f32"]),
    (line("rcp.rn.f32 $0, $1;", "f32", "f32"), (-0.0,), -INF),
    (line("rcp.approx.ftz.f32 $0, $1;", "f32", "f32"), (2.0**-130,), INF),
    (line("rsqrt.approx.f32 $0, $1;", "f32", "f32"), (-0.0,), -INF),
    (line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32"), (-126.5,), 0.0),
    (line("ex2.approx.f32 $0, $1;", "f32", "f32"), (-149.0,), 2.0**-149),
    (line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32"), (-INF,), 0.0),
    (line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32"), (INF,), INF),
    (line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32"), (NAN,), NANS["f32"]),
    (line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32"), (-0.0,), 1.0),
    (line("lg2.approx.f32 $0, $1;", "f32", "f32"), (0.0,), -INF),
    (line("lg2.approx.f32 $0, $1;", "f32", "f32"), (-1.0,), NANS["f32"]),
    (line("sin.approx.f32 $0, $1;", "f32", "f32"), (INF,), NANS["f32"]),
    (line("tanh.approx.f32 $0, $1;", "f32", "f32"), (INF,), 1.0),
    (two("add", "f64"), (1.0, 2.0**-53), 1.0),
    (two("add.rp", "f64"), (1.0, 2.0**-53), 1.0 + 2.0**-52),
    (two("min", "f64"), (NAN, -0.0), -0.0),
    (FMA_F64, (1 + 2.0**-52, 1 + 2.0**-52, -1 - 2.0**-51), 2.0**-104),
    (FMA_F64, (2.0**-600, 2.0**-500, 2.0**-1074), 2.0**-1074),
]  # fmt: skip

HALVES = [
    (two("add.rn", "f16"), (0x3C00, 0x1000), 0x3C00),  # 1 + 2^-11, a tie
    (two("add.rn", "bf16", "sm_90"), (0x3F80, 0x3B80), 0x3F80),  # 1 + 2^-8, a tie
    (two("add.rn.sat", "f16"), (0x3C00, 0x3C00), 0x3C00),
    (two("add.rn.ftz", "f16"), (0x0001, 0x0001), 0x0000),
    (two("mul.rn", "f16"), (0x7BFF, 0x4000), 0x7C00),
    (two("mul.rn", "bf16", "sm_90"), (0x0001, 0x3F00), 0x0000),  # half of the least, a tie
    (two("mul.rn", "bf16", "sm_90"), (0x0003, 0x3F00), 0x0002),
    (line("fma.rn.relu.f16 $0, $1, $2, $3;", "f16", "f16", "f16", "f16"), (0x3C00, 0xBC00, 0x0000), 0x0000),
    (line("fma.rn.relu.f16 $0, $1, $2, $3;", "f16", "f16", "f16", "f16"), (0x7E00, 0xBC00, 0x0000), 0x7FFF),
    (line("fma.rn.bf16 $0, $1, $2, $3;", "bf16", "bf16", "bf16", "bf16"), (0x3F81, 0x3F81, 0x8001), 0x3F82),
    (two("max", "bf16"), (0x8000, 0x0000), 0x0000),
    (two("min", "bf16"), (0x0000, 0x8000), 0x8000),
    (two("max", "bf16"), (0x7F81, 0x0000), 0x0000),
    (two("max.NaN", "bf16"), (0x7F81, 0x0000), 0x7FFF),
    (two("max", "f16"), (0xFE00, 0x7E01), 0x7FFF),
    (line("neg.bf16 $0, $1;", "bf16", "bf16"), (0x0000,), 0x8000),
    (line("abs.f16 $0, $1;", "f16", "f16"), (0xBC00,), 0x3C00),
]

PAIRS = [
    (pair("add.rn", "f16x2"), (0x3C003C00, 0x10001001), 0x3C003C01),
    (pair("max.NaN", "bf16x2"), (0x7FC03F80, 0x00004000), 0x7FFF4000),
    (pair("min", "bf16x2"), (0x7FC03F80, 0x00004000), 0x00003F80),
    (pair("min", "f16x2"), (0x80000000, 0x00008000), 0x80008000),
    (pair("add", "u16x2", "sm_90"), (0xFFFF0001, 0x00018000), 0x00008001),
    (pair("min", "u16x2", "sm_90"), (0xFFFF0001, 0x00018000), 0x00010001),
    (pair("max", "u16x2", "sm_90"), (0xFFFF0001, 0x00018000), 0xFFFF8000),
    (pair("max", "s16x2", "sm_90"), (0xFFFF0001, 0x00018000), 0x00010001),
    (line("set.gt.u32.bf16x2 $0, $1, $2;", "b32", "b32", "b32", target="sm_90"), (0x3F80BF80, 0x00000000), 0xFFFF0000),
    (line("set.gt.u32.bf16x2 $0, $1, $2;", "b32", "b32", "b32", target="sm_90"), (0x7FC00000, 0x00008000), 0x00000000),
    (line("set.gtu.u32.f16x2 $0, $1, $2;", "b32", "b32", "b32"), (0x7E000000, 0x00008000), 0xFFFF0000),
    (line("set.gt.f16x2.f16x2 $0, $1, $2;", "b32", "b32", "b32"), (0x3C00BC00, 0x00000000), 0x3C000000),
    (line("cvt.rn.bf16x2.f32 $0, $1, $2;", "b32", "f32", "f32"), (1.0, -2.0), 0x3F80C000),
    (line("cvt.rn.relu.bf16x2.f32 $0, $1, $2;", "b32", "f32", "f32"), (NAN, -0.0), 0x7FFF0000),
    (line("cvt.rn.relu.f16x2.f32 $0, $1, $2;", "b32", "f32", "f32"), (1.0, -1.0), 0x3C000000),
    (line("cvt.rn.satfinite.f16x2.f32 $0, $1, $2;", "b32", "f32", "f32"), (1e9, -1e9), 0x7BFFFBFF),
    (line("cvt.rz.f16x2.f32 $0, $1, $2;", "b32", "f32", "f32"), (1e9, 1.9999999), 0x7BFF3FFF),
]

CONVERSIONS = [
    (line("cvt.rn.f16.f32 $0, $1;", "f16", "f32"), (65520.0,), 0x7C00),
    (line("cvt.rn.f16.f32 $0, $1;", "f16", "f32"), (65519.99,), 0x7BFF),
    (line("cvt.rn.f16.f32 $0, $1;", "f16", "f32"), (2.0**-25,), 0x0000),  # a tie
    (line("cvt.rn.f16.f32 $0, $1;", "f16", "f32"), (3 * 2.0**-25,), 0x0002),
    (line("cvt.rn.f16.f32 $0, $1;", "f16", "f32"), (NAN,), 0x7FFF),
    (line("cvt.rn.bf16.f32 $0, $1;", "bf16", "f32"), (-(2.0**-133),), 0x8001),
    (line("cvt.rn.bf16.f32 $0, $1;", "bf16", "f32"), (3.4e38,), 0x7F80),
    (line("cvt.rna.tf32.f32 $0, $1;", "f32", "f32"), (1.0 + 2.0**-11,), 1.0 + 2.0**-10),
    (line("cvt.f32.f16 $0, $1;", "f32", "f16"), (0x0001,), 2.0**-24),
    (line("cvt.f32.bf16 $0, $1;", "f32", "bf16", target="sm_90"), (0x0001,), 2.0**-133),
    (line("cvt.rn.f32.f64 $0, $1;", "f32", "f64"), (1.0 + 2.0**-24 + 2.0**-52,), 1.0 + 2.0**-23),
    (line("cvt.rn.ftz.f32.f64 $0, $1;", "f32", "f64"), (-(2.0**-130),), -0.0),
    (line("cvt.sat.f32.f32 $0, $1;", "f32", "f32"), (-3.0,), 0.0),
    (line("cvt.rni.f32.f32 $0, $1;", "f32", "f32"), (2.5,), 2.0),
    (line("cvt.rmi.f64.f64 $0, $1;", "f64", "f64"), (-0.5,), -1.0),
    (line("cvt.rni.s32.f32 $0, $1;", "s32", "f32"), (-2.5,), -2),
    (line("cvt.rzi.s32.f32 $0, $1;", "s32", "f32"), (NAN,), 0),
    (line("cvt.rzi.s32.f32 $0, $1;", "s32", "f32"), (1e20,), 2**31 - 1),
    (line("cvt.rzi.u32.f32 $0, $1;", "u32", "f32"), (-5.0,), 0),
    (line("cvt.rpi.s64.f64 $0, $1;", "s64", "f64"), (2.0**63,), 2**63 - 1),
    (line("cvt.rzi.u64.f64 $0, $1;", "u64", "f64"), (2.0**63 + 2.0**11,), 2**63 + 2**11),
    (line("cvt.s32.s8 $0, $1;", "s32", "s8"), (-3,), -3),
    (line("cvt.u32.u8 $0, $1;", "u32", "u8"), (253,), 253),
    (line("cvt.s64.s32 $0, $1;", "s64", "s32"), (-7,), -7),
    (line("cvt.u64.u32 $0, $1;", "u64", "u32"), (2**32 - 7,), 2**32 - 7),
    (line("cvt.u16.u32 $0, $1;", "u16", "u32"), (0x12345,), 0x2345),
    (line("cvt.sat.u16.s32 $0, $1;", "u16", "s32"), (-9,), 0),
    (line("cvt.sat.s16.s32 $0, $1;", "s16", "s32"), (40000,), 32767),
]

INTEGERS = [
    (two("add.sat", "s32"), (2**31 - 1, 1), 2**31 - 1),
    (two("add", "u32"), (2**32 - 1, 2), 1),
    (two("mul.hi", "u32"), (2**31, 6), 3),
    (two("mul.hi", "s64"), (-(2**62), 8), -2),
    (two("mul.hi", "u64"), (2**63, 6), 3),
    (line("mul.wide.s32 $0, $1, $2;", "s64", "s32", "s32"), (-5, 2**30), -5 * 2**30),
    (line("mad.lo.s32 $0, $1, $2, $3;", "s32", "s32", "s32", "s32"), (7, -3, 2), -19),
    (line("mad.wide.u32 $0, $1, $2, $3;", "u64", "u32", "u32", "u64"), (2**31, 4, 5), 2**33 + 5),
    (line("mad.hi.sat.s32 $0, $1, $2, $3;", "s32", "s32", "s32", "s32"), (2**31 - 1, 2**31 - 1, 2**31 - 1), 2**31 - 1),
    (two("mul24.lo", "s32"), (0x800001, 3), 3 * (0x800001 - 2**24)),
    (two("div", "s32"), (-7, 2), -3),
    (two("rem", "s32"), (-7, 2), -1),
    (two("div", "u64"), (2**64 - 1, 3), (2**64 - 1) // 3),
    (line("sad.s32 $0, $1, $2, $3;", "s32", "s32", "s32", "s32"), (3, 10, 1), 8),
    (line("abs.s32 $0, $1;", "s32", "s32"), (-9,), 9),
    (line("popc.b32 $0, $1;", "u32", "b32"), (0xF0F0F0F1,), 17),
    (line("clz.b32 $0, $1;", "u32", "b32"), (0x00010000,), 15),
    (line("clz.b64 $0, $1;", "u32", "b64"), (0,), 64),
    (line("bfind.u32 $0, $1;", "u32", "u32"), (0x00010000,), 16),
    (line("bfind.s32 $0, $1;", "u32", "s32"), (-1,), 2**32 - 1),
    (line("bfind.shiftamt.u32 $0, $1;", "u32", "u32"), (0x00010000,), 15),
    (line("brev.b32 $0, $1;", "b32", "b32"), (0x00000013,), 0xC8000000),
    (line("bfe.u32 $0, $1, 8, 8;", "u32", "u32"), (0x12345678,), 0x56),
    (line("bfe.s32 $0, $1, 4, 4;", "s32", "s32"), (0x12345688,), -8),
    (line("bfe.s32 $0, $1, 28, 8;", "s32", "s32"), (-(2**31),), -8),
    (line("bfe.u32 $0, $1, 40, 8;", "u32", "u32"), (0xFFFFFFFF,), 0),
    (line("bfi.b32 $0, $1, $2, 8, 8;", "b32", "b32", "b32"), (0xAB, 0x11111111), 0x1111AB11),
    (line("shl.b32 $0, $1, $2;", "b32", "b32", "u32"), (3, 32), 0),
    (line("shr.s32 $0, $1, $2;", "s32", "s32", "u32"), (-8, 40), -1),
    (line("shr.u32 $0, $1, 4;", "u32", "u32"), (0x80000000,), 0x08000000),
    (line("shf.l.wrap.b32 $0, $1, $2, 8;", "b32", "b32", "b32"), (0x11223344, 0x55667788), 0x66778811),
    (line("shf.r.clamp.b32 $0, $1, $2, 40;", "b32", "b32", "b32"), (0x11223344, 0x55667788), 0x55667788),
    (
        line("lop3.b32 $0, $1, $2, $3, 0xca;", "b32", "b32", "b32", "b32"),
        (0xFFFF0000, 0x12345678, 0x9ABCDEF0),
        0x1234DEF0,
    ),
    (line("lop3.b32 $0, $1, $2, $3, 0x96;", "b32", "b32", "b32", "b32"), (5, 6, 12), 15),
    (line("prmt.b32 $0, $1, $2, 0x5410;", "b32", "b32", "b32"), (0x33221100, 0x77665544), 0x55441100),
    (line("prmt.b32 $0, $1, 0, 0xbb99;", "b32", "b32"), (0x80007FFF,), 0xFFFF0000),
    (line("prmt.b32 $0, $1, $2, $3;", "b32", "b32", "b32", "b32"), (0x33221180, 0x77665544, 0x0008), 0x808080FF),
    (line("prmt.b32.f4e $0, $1, $2, $3;", "b32", "b32", "b32", "b32"), (0x33221100, 0x77665544, 1), 0x44332211),
    (line("bmsk.clamp.b32 $0, $1, $2;", "b32", "b32", "b32"), (4, 8), 0x00000FF0),
    (line("szext.wrap.s32 $0, $1, $2;", "s32", "s32", "u32"), (0x0F, 4), -1),
    (line("cnot.b32 $0, $1;", "b32", "b32"), (0,), 1),
    (line("not.b64 $0, $1;", "b64", "b64"), (0,), 2**64 - 1),
    (line("dp4a.s32.s32 $0, $1, $2, $3;", "s32", "b32", "b32", "s32"), (0xFF020304, 0x01010101, 10), 18),
    (line("{ .reg .b32 x; add.cc.u32 x, $1, $1; addc.u32 $0, $2, 0; }", "u32", "u32", "u32"), (2**31, 5), 6),
    (line("{ .reg .b32 x; sub.cc.u32 x, $1, $2; subc.u32 $0, 9, 0; }", "u32", "u32", "u32"), (1, 2), 8),
]

CHOICES = [
    (line("setp.lt.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, 1.0), 0),
    (line("setp.ltu.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, 1.0), 1),
    (line("setp.ne.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, NAN), 0),
    (line("setp.neu.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, NAN), 1),
    (line("setp.nan.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, 0.0), 1),
    (line("setp.num.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (NAN, 0.0), 0),
    (line("setp.eq.ftz.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (2.0**-140, 0.0), 1),
    (line("setp.eq.f32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f32", "f32"), (0.0, -0.0), 1),
    (line("setp.gt.f16 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "f16", "f16"), (0x0001, 0x8001), 1),
    (line("setp.hi.u32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "u32", "u32"), (2**31, 1), 1),
    (line("setp.gt.s32 %p0, $1, $2; selp.u32 $0, 1, 0, %p0;", "u32", "s32", "s32"), (-(2**31), 1), 0),
    (line("setp.gt.s32 %p0|%p1, $1, $2; selp.u32 $0, 1, 0, %p1;", "u32", "s32", "s32"), (3, 1), 0),
    (line("setp.eq.s32 %p1, $1, $1; setp.gt.and.s32 %p0, $1, $2, !%p1;" + TRUTH, "u32", "s32", "s32"), (3, 1), 0),
    (line("setp.gt.f16x2 %p0|%p1, $1, $2; selp.u32 $0, 1, 0, %p1;", "u32", "b32", "b32"), (0x3C000000, 0), 1),
    (line("set.lt.u32.f32 $0, $1, $2;", "u32", "f32", "f32"), (1.0, 2.0), 2**32 - 1),
    (line("set.lt.f32.f32 $0, $1, $2;", "f32", "f32", "f32"), (1.0, 2.0), 1.0),
    (line("slct.f32.s32 $0, $1, $2, $3;", "f32", "f32", "f32", "s32"), (1.0, 2.0, -1), 2.0),
    (line("slct.f32.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), (1.0, 2.0, -0.0), 1.0),
    (line("testp.subnormal.f32 %p0, $1; selp.u32 $0, 1, 0, %p0;", "u32", "f32"), (2.0**-140,), 1),
    (line("{ .reg .b16 a, b; mov.b32 {a, b}, $1; mov.b32 $0, {b, a}; }", "b32", "b32"), (0x12345678,), 0x56781234),
]  # fmt: skip

MIXED = [
    (line("add.rn.f32.bf16 $0, $1, $2;", "f32", "bf16", "f32", target=BLACKWELL), (0x3F80, 2.0**-24), 1.0),
    (line("sub.rn.f32.f16 $0, $1, $2;", "f32", "f16", "f32", target=BLACKWELL), (0x3C00, 0.25), 0.75),
    (
        line("fma.rn.f32.f16 $0, $1, $2, $3;", "f32", "f16", "f16", "f32", target=BLACKWELL),
        (0x3C01, 0x3C01, 2.0**-30),
        1.0 + 2.0**-9 + 2.0**-20,
    ),
    (
        line("add.rn.f32x2 $0, $1, $2;", "b64", "b64", "b64", target=BLACKWELL),
        (0x3F80000040000000, 0x3F8000003F800000),
        0x4000000040400000,
    ),
    (
        line("mul.rn.ftz.f32x2 $0, $1, $2;", "b64", "b64", "b64", target=BLACKWELL),
        (0x0080000040000000, 0x3F0000003F800000),
        0x0000000040000000,
    ),
]

F64_NANS = (0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
SEEN = [  # NaNs as an H200 gave them, where the ISA does not say
    (line("cvt.rna.tf32.f32 $0, $1;", "b32", "f32"), (0x7FFFFFFF,), 0x7FFFE000),
    (line("cvt.rna.tf32.f32 $0, $1;", "b32", "f32"), (0xFFF92C0B,), 0xFFF92000),
    (line("cvt.rn.f32.f64 $0, $1;", "b32", "f64"), (0xFFFFFFFFFFFFFFFF,), 0xFFFFFFFF),
    (line("add.f64 $0, $1, $2;", "b64", "f64", "f64"), F64_NANS, F64_NANS[1]),
    (line("add.rp.f64 $0, $1, $2;", "b64", "f64", "f64"), F64_NANS, F64_NANS[1]),
    (line("min.f64 $0, $1, $2;", "b64", "f64", "f64"), F64_NANS, F64_NANS[1]),
    (line("fma.rn.f64 $0, $1, $2, $3;", "b64", "f64", "f64", "f64"), (*F64_NANS, F64_NANS[1]), F64_NANS[1]),
    (line("neg.bf16 $0, $1;", "bf16", "bf16"), (0x7FFF,), 0x7FFF),
    (line("abs.f16 $0, $1;", "f16", "f16"), (0x7FBF,), 0x7FFF),
]

ALL = [*FLOATS, *HALVES, *PAIRS, *CONVERSIONS, *INTEGERS, *CHOICES, *MIXED, *SEEN]


def bits(array: np.ndarray) -> int:
    return int(array.view(f"u{array.dtype.itemsize}")[0])


def expected_bits(code: Line, value: float | int, like: np.ndarray) -> int:
    if like.dtype.kind == "f" and not (isinstance(value, int) and value == NANS["f32"]):
        return bits(np.array([value], like.dtype))
    return int(value) % (1 << 8 * like.dtype.itemsize)


@pytest.mark.parametrize(("code", "operands", "result"), ALL, ids=lambda each: str(each)[:70])
def test_known_answers(code: Line, operands: tuple[float, ...], result: float) -> None:
    got = execute(code, *operands)
    assert hex(bits(got)) == hex(expected_bits(code, result, got))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("code", list(dict.fromkeys(code for code, _, _ in ALL)), ids=str)
def test_each_instruction_agrees_with_the_device(code: Line) -> None:
    """On operands of all kinds, bit for bit; approximations within twice the ISA's bound."""
    major, minor = torch.cuda.get_device_capability()
    needed = int(code.target.rstrip("a")[3:])
    if 10 * major + minor < needed or (code.target.endswith("a") and 10 * major + minor != needed):
        pytest.skip(f"for {code.target}")
    operands = [_operands(kind, index) for index, kind in enumerate(code.operands)]
    if code.text.startswith("rem"):  # by 0 it is not defined, and is -1 on an H200
        operands[1] = np.where(operands[1] == 0, operands[1].dtype.type(1), operands[1])
    here, there = execute(code, *operands), on_device(code, *operands)
    if "approx" not in code.text and "div.full" not in code.text:
        assert differences(here, there, operands) == []
        return
    low, high = execute(code, *operands, ex2="low"), execute(code, *operands, ex2="high")
    slack = 2 * np.abs(np.float64(high) - low) + np.abs(np.float64(np.spacing(here))) * 2
    same = (here == there) | (np.isnan(here) & np.isnan(there))
    if code.text.startswith(("sin", "cos")):  # the ISA bounds no error of theirs outside of ±2 pi
        same |= np.abs(np.resize(operands[0].view(np.float32), here.size)) > 2 * np.pi
    there = np.where(same | (np.abs(np.float64(here) - there) <= slack), here, there)
    assert differences(here, there, operands) == []


def differences(here: np.ndarray, there: np.ndarray, operands: list[np.ndarray]) -> list[str]:
    """Where the machine and the device differ, in bits: the operands, the machine's result and the device's."""
    here, there = (each.view(f"u{each.dtype.itemsize}") for each in (here, there))
    places = np.flatnonzero(here != there)
    given = [np.resize(each.view(f"u{each.dtype.itemsize}"), here.size) for each in operands]
    return [
        f"{', '.join(hex(each[place]) for each in given)}: {here[place]:#x} here, {there[place]:#x} there"
        for place in places[:12]
    ]


def _operands(kind: str, seed: int) -> np.ndarray:
    """Special values first, then any bits, then numbers near 1; another order for each operand."""
    random = np.random.default_rng(seed)
    width = {"f16": 2, "bf16": 2, "b16": 2, "u16": 2, "s16": 2, "u8": 1, "s8": 1}.get(kind, 8 if "64" in kind else 4)
    anything = (
        random.integers(0, 1 << 8 * width, 3000, dtype=f"u{width}", endpoint=False)
        if width < 8
        else random.integers(0, 2**63, 3000).astype("u8") * 2 + 1
    )
    few = np.array([0, 1, (1 << (8 * width - 1)), (1 << (8 * width - 1)) - 1, (1 << 8 * width) - 1], f"u{width}")
    values = [np.repeat(few, 25) if seed == 0 else np.tile(few, 25), anything]
    if kind in ("f32", "f64"):
        near = random.normal(size=3000).astype(kind.replace("f", "float"))
        values.append(near.view(f"u{width}"))
    whole = np.concatenate(values)
    return whole.view(kind.replace("f", "float")) if kind in ("f32", "f64") else whole

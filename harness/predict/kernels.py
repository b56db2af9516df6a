"""Elementwise kernels of others as Triton kernels of our own, by their formula and by how they load and store.

What other libraries compute is known, and so is how wide their accesses are; the text here is ours, and so is what the
compiler makes of it. Imports Triton: needed where counts are made, and not where they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

WARPS = 4  # of a program, as in ATen's elementwise kernels and most others

# ELU as ATen computes it, with a branch for each element; `$2` is the coefficient of the positive side, `$3` and `$4`
# are those of the negative one. expm1 by reduction to |r| <= ln(2)/2, Taylor's polynomial and a power of 2, with
# what is very large, very small or zero chosen apart. PyTorch's own takes 39 instructions per element on sm_90.
_ELU = """{
.reg .pred p, q;
.reg .f32 t, j, r, s, y, z;
setp.gt.f32 p, $1, 0f00000000;
@p bra POSITIVE_${:uid};
mul.f32 t, $1, $4;
fma.rn.f32 j, t, 0f3FB8AA3B, 0f4B40007E;
add.f32 j, j, 0fCB40007E;
fma.rn.f32 r, j, 0fBF317200, t;
fma.rn.f32 r, j, 0fB5BFBE8E, r;
fma.rn.f32 y, r, 0f3AB60B61, 0f3C088889;
fma.rn.f32 y, y, r, 0f3D2AAAAB;
fma.rn.f32 y, y, r, 0f3E2AAAAB;
fma.rn.f32 y, y, r, 0f3F000000;
mul.f32 y, y, r;
fma.rn.f32 y, y, r, r;
setp.eq.f32 q, j, 0f43000000;
selp.f32 z, 0f42FE0000, j, q;
ex2.approx.f32 s, z;
add.f32 z, s, 0fBF800000;
fma.rn.f32 y, y, s, z;
add.f32 z, y, y;
selp.f32 y, z, y, q;
setp.gt.f32 q, t, 0f42B17218;
selp.f32 y, 0f7F800000, y, q;
setp.lt.f32 q, t, 0fC1C80000;
selp.f32 y, 0fBF800000, y, q;
setp.eq.f32 q, t, 0f00000000;
add.f32 z, t, t;
selp.f32 y, z, y, q;
mul.f32 $0, y, $3;
bra.uni DONE_${:uid};
POSITIVE_${:uid}:
mul.f32 $0, $1, $2;
DONE_${:uid}:
}"""
_ELU_TEXT = tl.constexpr(_ELU)


@triton.jit
def add(x, y):
    return x + y


@triton.jit
def maximum(x, y):
    return tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def relu(x, parameter):
    return tl.maximum(x, 0.0)


@triton.jit
def relu_squared(x, parameter):
    positive = tl.maximum(x, 0.0)
    return positive * positive


@triton.jit
def relu_squared_backward(grad, x):
    return grad * 2.0 * tl.maximum(x, 0.0)


@triton.jit
def hardtanh(x, parameter):
    return tl.minimum(tl.maximum(x, -parameter), parameter)


@triton.jit
def leaky_relu(x, parameter):
    return tl.where(x > 0, x, x * parameter)


@triton.jit
def sigmoid(x, parameter):
    return tl.div_rn(1.0, 1.0 + libdevice.exp(-x))


@triton.jit
def gelu(x, parameter):
    return x * 0.5 * (1.0 + libdevice.erf(x * 0.7071067811865476))


@triton.jit
def softplus(x, beta):
    return tl.where(x * beta > 20.0, x, tl.div_rn(libdevice.log1p(libdevice.exp(x * beta)), beta))


@triton.jit
def swiglu(x, y):
    return x * tl.sigmoid(x) * y


@triton.jit
def elu(x, parameter):
    coefficients = (tl.full(x.shape, 1.0507, tl.float32), tl.full(x.shape, 1.6732, tl.float32))
    return tl.inline_asm_elementwise(
        _ELU_TEXT, "=f,f,f,f,f", [x, coefficients[0], coefficients[1], coefficients[0] * 0.9],
        dtype=tl.float32, is_pure=True, pack=1,
    )  # fmt: skip


@triton.jit
def stream_of(
    x_ptr, y_ptr, out_ptr, stride, parameter, FORMULA: tl.constexpr, TWO: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """out = FORMULA(x, y or parameter) in fp32, in whole blocks.

    Where it is not known that `stride` is 1, every access is one element wide.
    """
    place = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)) * stride
    x = tl.load(x_ptr + place).to(tl.float32)
    y = tl.load(y_ptr + place).to(tl.float32) if TWO else parameter
    tl.store(out_ptr + place, FORMULA(x, y).to(out_ptr.dtype.element_ty))


FORMULAS: dict[str, tuple[Any, int]] = {  # by name, with how many tensors are read
    "relu": (relu, 1),
    "relu²": (relu_squared, 1),
    "relu² backward": (relu_squared_backward, 2),
    "hardtanh": (hardtanh, 1),
    "leaky_relu": (leaky_relu, 1),
    "sigmoid": (sigmoid, 1),
    "gelu": (gelu, 1),
    "softplus": (softplus, 1),
    "elu": (elu, 1),
    "swiglu": (swiglu, 2),
    "add": (add, 2),
    "maximum": (maximum, 2),
}


def launcher(name: str, dtype: str, per_thread: int, *, wide: bool) -> tuple[Callable[[], object], list[torch.Tensor]]:
    """A launch over large tensors without memory, and the tensors: those that are read, then the written one.

    Each thread takes `per_thread` elements, in one access where it is `wide`, and in one for each element where not.
    """
    formula, reads = FORMULAS[name]
    elements, block = 2**26, per_thread * WARPS * 32
    tensors = [torch.empty(elements, dtype=getattr(torch, dtype), device="meta") for _ in range(reads + 1)]
    x, y, out = tensors[0], tensors[reads - 1], tensors[-1]
    grid, stride = (elements // block,), 1 if wide else 3
    return lambda: stream_of[grid](x, y, out, stride, 1.25, formula, reads == 2, block, num_warps=WARPS), tensors

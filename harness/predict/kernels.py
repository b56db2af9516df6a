"""Elementwise kernels of others as Triton kernels of our own, by their formula and by how they load and store.

Of CUB and Liger: what they compute is known, and so is how wide their accesses are; the text here is ours, and so is
what the compiler makes of it. Imports Triton: needed where counts are made, and not where they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

WARPS = 4  # of a program, as most have


@triton.jit
def add(x, y):
    return x + y


@triton.jit
def relu(x):
    return tl.maximum(x, 0.0)


@triton.jit
def relu_squared(x):
    positive = tl.maximum(x, 0.0)
    return positive * positive


@triton.jit
def relu_squared_backward(grad, x):
    return grad * 2.0 * tl.maximum(x, 0.0)


@triton.jit
def sigmoid(x):
    return tl.div_rn(1.0, 1.0 + libdevice.exp(-x))


@triton.jit
def swiglu(x, y):
    return x * tl.sigmoid(x) * y


@triton.jit
def stream_of(
    x_ptr, y_ptr, out_ptr, stride, FORMULA: tl.constexpr, TWO: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """out = FORMULA(x), or of x and y, in fp32, in whole blocks.

    Where it is not known that `stride` is 1, every access is one element wide.
    """
    place = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)) * stride
    x = tl.load(x_ptr + place).to(tl.float32)
    value = FORMULA(x, tl.load(y_ptr + place).to(tl.float32)) if TWO else FORMULA(x)
    tl.store(out_ptr + place, value.to(out_ptr.dtype.element_ty))


FORMULAS: dict[str, tuple[Any, int]] = {  # by name, with how many tensors are read
    "relu": (relu, 1),
    "relu²": (relu_squared, 1),
    "relu² backward": (relu_squared_backward, 2),
    "sigmoid": (sigmoid, 1),
    "swiglu": (swiglu, 2),
    "add": (add, 2),
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
    return lambda: stream_of[grid](x, y, out, stride, formula, reads == 2, block, num_warps=WARPS), tensors

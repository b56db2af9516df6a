"""Streams (copy, triad and the like) as Triton kernels, each in a few launch shapes, for the roofs of a GPU.

Imported on a GPU only. Words of 32 bits, and no arithmetic that a value could slow down.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import triton
import triton.language as tl

# Elements per program, and warps: 16 bytes per thread in flight, and four times as many.
SHAPES = {"triton 1024": (1024, 8), "triton 4096": (4096, 8)}


@triton.jit
def copy_kernel(x, out, count, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + place, tl.load(x + place, mask=place < count), mask=place < count)


@triton.jit
def triad_kernel(x, y, out, count, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    tl.store(out + place, tl.load(x + place, mask=inside) ^ tl.load(y + place, mask=inside), mask=inside)


@triton.jit
def read_kernel(x, out, count, BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + tl.program_id(0), tl.sum(tl.load(x + place, mask=place < count, other=0), axis=0))


def stream(mix: str, name: str, sources: list[torch.Tensor], out: torch.Tensor) -> Callable[[], object]:
    """One launch of a mix in the shape of that name, over flat tensors of the same integer dtype."""
    block, warps = SHAPES[name]
    count = sources[0].numel()
    grid = (triton.cdiv(count, block),)
    kernel = {"copy": copy_kernel, "triad": triad_kernel, "read": read_kernel}[mix]
    tensors = [*sources[: 2 if mix == "triad" else 1], out]
    return lambda: kernel[grid](*tensors, count, BLOCK=block, num_warps=warps)

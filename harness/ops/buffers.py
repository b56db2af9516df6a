"""The tensors of a case: allocated once, rotated so that a timed call never finds its data in a cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness.ops.cases import NORMAL, POSITIVE, Case
from harness.ops.op import TensorSpec

# A buffer set starts on a multiple of this many elements: 512 bytes at least, as CUDA's allocator gives.
_ALIGN = 256
_POISON = math.nan
_PATTERN_ELEMENTS = 2**22


@dataclass(frozen=True)
class BufferSet:
    """The inputs and outputs of one call, in the order of `case.inputs` and `case.outputs`."""

    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        return (*self.inputs, *self.outputs)


def allocate(case: Case, sets: int, device: str, seed: int = 0) -> list[BufferSet]:
    """`sets` buffer sets on `device`; inputs are mixed-sign normals or what the case says, outputs are poisoned."""
    generator = torch.Generator(device=device).manual_seed(seed)
    inputs = [_views(case, spec, sets, device, generator) for spec in case.inputs]
    outputs = [_views(case, spec, sets, device, None) for spec in case.outputs]
    return [
        BufferSet(tuple(view[index] for view in inputs), tuple(view[index] for view in outputs))
        for index in range(sets)
    ]


def normals(elements: int, device: str, seed: int = 0) -> torch.Tensor:
    """So many fp32 normals on `device`, as plain storage."""
    arena = torch.empty(elements, dtype=torch.float32, device=device)
    _fill(arena, torch.Generator(device=device).manual_seed(seed))
    return arena


def refill(case: Case, buffers: BufferSet, seed: int) -> None:
    """Fresh normals into the inputs; what is a result of the activation becomes one."""
    for offset, (spec, tensor) in enumerate(zip(case.inputs, buffers.inputs, strict=True)):
        generator = torch.Generator(device=tensor.device).manual_seed(seed + offset)
        tensor.normal_(generator=generator)
        if spec.name == "self_or_result":
            tensor.clamp_(min=case.least_known)


def poison(outputs: Sequence[torch.Tensor]) -> None:
    """NaN into every element of the outputs, so that one that is not written is seen."""
    for tensor in outputs:
        tensor.fill_(_POISON)


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """The elements of a dense tensor as one dimension, in the order of storage, sharing the storage."""
    return tensor.as_strided((tensor.numel(),), (1,))


def _views(
    case: Case, spec: TensorSpec, sets: int, device: str, generator: torch.Generator | None
) -> list[torch.Tensor]:
    stride = -(-spec.numel // _ALIGN) * _ALIGN
    arena = torch.empty(sets * stride, dtype=getattr(torch, spec.dtype), device=device)
    if generator is None:
        arena.fill_(_POISON)
    else:
        _fill(arena, generator, POSITIVE if spec.name != "grad_output" and case.data == POSITIVE else NORMAL)
    first = lay_out(arena[: spec.numel], case, spec)
    shape, strides = first.shape, first.stride()
    return [arena.as_strided(shape, strides, start) for start in range(0, sets * stride, stride)]


def _fill(arena: torch.Tensor, generator: torch.Generator, data: str = NORMAL) -> None:
    """Random values over the arena; beyond a few million they repeat, which no cache or kernel can tell."""
    pattern = arena[:_PATTERN_ELEMENTS]
    if data == POSITIVE:
        pattern.uniform_(generator=generator)
    else:
        pattern.normal_(generator=generator)
    for start in range(_PATTERN_ELEMENTS, arena.numel(), _PATTERN_ELEMENTS):
        part = arena[start : start + _PATTERN_ELEMENTS]
        part.copy_(pattern[: part.numel()])


def lay_out(storage: torch.Tensor, case: Case, spec: TensorSpec) -> torch.Tensor:
    """A tensor of the spec's shape over dense `storage`, in the case's layout if it is a main tensor."""
    shape = spec.shape
    if spec.shape != case.shape or case.layout == "contiguous":
        return storage.view(shape)
    if case.layout == "transposed":
        return storage.view(*shape[:-2], shape[-1], shape[-2]).transpose(-1, -2)
    batch, channels, height, width = shape
    return storage.view(batch, height, width, channels).permute(0, 3, 1, 2)

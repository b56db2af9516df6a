"""Checks the dtypes, shapes and devices of tensors, and reduces their strides to what a kernel needs for addresses."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_INT32_MAX = 2**31 - 1
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_tensors(**tensors: Tensor) -> None:
    """Raise TypeError for a dtype that our kernels do not have, ValueError for mixed dtypes or devices."""
    (first_name, first), *others = tensors.items()
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise TypeError(
                f"{name} is {tensor.dtype}, and our kernels take float16, bfloat16, float32 or float64; "
                f"convert it first, as in {name}.float()"
            )
    for name, tensor in others:
        if tensor.dtype != first.dtype:
            raise ValueError(
                f"{name} is {tensor.dtype} and {first_name} is {first.dtype}; give both the same dtype, "
                f"as in {name}.to({first_name}.dtype)"
            )
        if tensor.device != first.device:
            raise ValueError(
                f"{name} is on {tensor.device} and {first_name} on {first.device}; move them to one device, "
                f"as in {name}.to({first_name}.device)"
            )


def check_shapes(**tensors: Tensor) -> None:
    """Raise ValueError where the tensors have not all one shape."""
    (first_name, first), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != first.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} and {first_name} {tuple(first.shape)}; "
                "they have to be the same"
            )


def collapse(*tensors: Tensor) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """(sizes, strides of each tensor) with as few dimensions as address all elements, innermost first.

    The tensors have one shape; the order of dimensions is that of the last tensor's storage. Empty tuples say
    that all of them are dense in the same order, so that one offset addresses all.
    """
    if all(tensor.is_contiguous() for tensor in tensors):
        return (), ((),) * len(tensors)
    shape, guide = tensors[-1].shape, tensors[-1]
    axes = [axis for axis in range(len(shape)) if shape[axis] != 1]
    axes.sort(key=lambda axis: (guide.stride(axis), -axis))
    sizes: list[int] = []
    strides: list[list[int]] = []
    for axis in axes:
        step = [tensor.stride(axis) for tensor in tensors]
        if sizes and step == [sizes[-1] * inner for inner in strides[-1]]:
            sizes[-1] *= shape[axis]
        else:
            sizes.append(shape[axis])
            strides.append(step)
    if len(sizes) <= 1 and all(step == 1 for steps in strides for step in steps):
        return (), ((),) * len(tensors)
    return tuple(sizes), tuple(tuple(steps[index] for steps in strides) for index in range(len(tensors)))


def is_wide(elements: int, *tensors: Tensor) -> bool:
    """Whether a kernel needs int64 offsets: an offset into a tensor, or the number of an element, exceeds int32."""
    reach = (
        sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        for tensor in tensors
    )
    # A block may begin just below the end, and its mask compares offsets beyond it.
    return max([elements, *reach]) > _INT32_MAX - 2**16


@triton.jit
def place(index, sizes, strides):
    """The offset of the element with that running number; the number itself for dense tensors."""
    if len(sizes) == 0:
        offset = index
    else:
        offset = index * 0
        for axis in tl.static_range(len(sizes)):
            offset += (index % sizes[axis]) * strides[axis]
            index = index // sizes[axis]
    return offset


def dense_view(x: Tensor, dim: int) -> tuple[int, int, int] | None:
    """(outer, channels, inner): the storage of a dense `x` as three dimensions, the middle one being `dim`.

    None where the storage has gaps or overlaps. Memory formats such as channels_last are dense.
    """
    if x.numel() == 0:
        return 0, x.shape[dim], 1
    axes = sorted((axis for axis in range(x.dim()) if x.shape[axis] != 1), key=lambda axis: x.stride(axis))
    expected = 1
    inner = None
    for axis in axes:
        if x.stride(axis) != expected:
            return None
        if axis == dim % x.dim():
            inner = expected
        expected *= x.shape[axis]
    channels = x.shape[dim]
    inner = 1 if inner is None else inner  # one channel: every element has it
    if channels == 1:
        return 1, 1, x.numel()
    return x.numel() // (channels * inner), channels, inner


def same_strides(first: Tensor, *others: Tensor) -> bool:
    """Whether tensors of one shape are addressed alike; dimensions of size 1 do not count."""
    return first.numel() == 0 or all(
        first.stride(axis) == other.stride(axis)
        for other in others
        for axis in range(first.dim())
        if first.shape[axis] != 1
    )


def check_vector(x: Tensor, name: str, vector: Tensor, dim: int) -> None:
    """Raise ValueError unless `vector`, called `name`, is 1-D and as long as dimension `dim` of `x`."""
    if x.dim() == 0 or not -x.dim() <= dim < x.dim():
        raise ValueError(f"dim={dim} is not a dimension of x, whose shape is {tuple(x.shape)}")
    if vector.dim() != 1 or vector.shape[0] != x.shape[dim]:
        raise ValueError(
            f"{name} has shape {tuple(vector.shape)}, and dimension {dim} of x has {x.shape[dim]} elements; "
            f"give a {name} of shape ({x.shape[dim]},)"
        )

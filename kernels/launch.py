"""How a kernel is put on a device: layouts reduced to what addresses need, block sizes, the launch itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import triton
import triton.language as tl
from torch import Tensor

from .primitives import INTERPRETED

_INT32_MAX = 2**31 - 1
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

Plan = TypeVar("Plan")
_MOST_PLANS = 4096
# A compiled kernel is launched by a call that is not a public one: only where it is known to be what is meant. On
# AMD, what is compiled also depends on how large a tensor's storage is.
_KEEPS_HANDLES = triton.__version__.startswith(("3.6.", "3.7.")) and torch.version.hip is None


class Launch:
    """A kernel with everything decided but its pointers, made to be called again.

    `kernel[grid](...)` binds and specialises every argument and looks up what it compiled for them, on every call,
    which can take the host longer than the device needs for a small tensor. What it finds depends on the arguments,
    which are fixed here, and on which pointers are multiples of 16 bytes; so the compiled kernel is kept by that, and
    launched by the very call that Triton ends in. The interpreter, AMD, versions of Triton whose call is not known,
    and launches that a profiler watches go Triton's own way.

    Args:
        kernel: takes pointers first, then `arguments`, then constants.
        programs: of a one-dimensional grid; 0 where there is nothing to do.
        device: of all tensors that this is called with.

    Raises:
        RuntimeError: for a CPU outside Triton's interpreter.
    """

    __slots__ = ("arguments", "constants", "device", "handles", "kernel", "programs", "trailing")

    def __init__(self, kernel: Any, programs: int, device: torch.device, *arguments: Any, **constants: Any) -> None:
        if programs and device.type == "cpu" and not INTERPRETED.value:
            raise RuntimeError(
                "Triton kernels run on a GPU: move the tensors there, or set TRITON_INTERPRET=1 before the import"
            )
        self.kernel = kernel
        self.programs = programs
        self.device = device
        self.arguments = arguments
        self.constants = constants
        # A compiled kernel is given its constants too, in their places, and skips them.
        self.trailing = (*arguments, *(constants[name] for name in kernel.arg_names if name in constants))
        self.handles: dict[tuple[bool, ...], tuple[Any, Any, Any]] = {}

    def __call__(self, *tensors: Tensor) -> None:
        if self.device.type != "cuda":
            self._by_triton(tensors)
            return
        driver = triton.runtime.driver.active
        index = driver.get_current_device()
        if index != self.device.index:
            with torch.cuda.device(self.device):
                self(*tensors)
            return
        addresses = [tensor.data_ptr() for tensor in tensors]
        alignment = tuple([address % 16 == 0 for address in addresses])
        handle = self.handles.get(alignment)
        if handle is None or _is_watched():
            compiled = self._by_triton(tensors)
            if _KEEPS_HANDLES and hasattr(compiled, "packed_metadata"):
                self.handles[alignment] = (compiled.run, compiled.function, compiled.packed_metadata)
            return
        run, function, metadata = handle
        stream = driver.get_current_stream(index)
        run(self.programs, 1, 1, stream, function, metadata, None, None, None, *addresses, *self.trailing)

    def _by_triton(self, tensors: tuple[Tensor, ...]) -> Any:
        """What Triton compiled, or None."""
        if self.programs == 0:
            return None
        return self.kernel[(self.programs,)](*tensors, *self.arguments, **self.constants)


def _is_watched() -> bool:
    """Whether a profiler has asked to be called around launches."""
    runtime = triton.knobs.runtime
    return bool(runtime.launch_enter_hook.calls or runtime.launch_exit_hook.calls)


_plans: dict[Any, Any] = {}


def kept(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    """`plan(tensors, *parameters)`, remembered by what it may depend on.

    That is each tensor's dtype, device, shape and strides, and the parameters; never addresses or values. It is what
    makes the second call with a shape cheap: checks, layouts and tiles are not worked out again.
    """

    def find(tensors: tuple[Tensor, ...], *parameters: Any) -> Plan:
        key = (plan, parameters, *[(each.dtype, each.device, each.shape, each.stride()) for each in tensors])
        found = _plans.get(key)
        if found is None:
            if len(_plans) >= _MOST_PLANS:  # as where alpha, or the length of a sequence, changes in every step
                _plans.clear()
            found = _plans[key] = plan(tensors, *parameters)
        return found

    return find


def forget() -> None:
    """Plan every launch anew from here on, as after a change of what plans are made from."""
    _plans.clear()


def parameter(value: float, dtype: torch.dtype) -> Any:
    """A float for a kernel. Triton passes floats as fp32, so where fp64 is computed it becomes a constant."""
    return tl.constexpr(float(value)) if dtype == torch.float64 else float(value)


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
    """Whether an offset into one of the tensors, or the number of an element, needs 64 bits."""
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


def power_of_2(value: int, least: int, most: int) -> int:
    """The least power of 2 that is not below `value`, kept between `least` and `most`."""
    return min(most, max(least, triton.next_power_of_2(max(1, value))))


def same_strides(first: Tensor, *others: Tensor) -> bool:
    """Whether tensors of one shape are addressed alike; dimensions of size 1 do not count."""
    return first.numel() == 0 or all(
        first.stride(axis) == other.stride(axis)
        for other in others
        for axis in range(first.dim())
        if first.shape[axis] != 1
    )

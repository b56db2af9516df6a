"""Launches kernels: plans a launch once for tensors of a kind, then repeats it at the least cost to the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import private
from .primitives import run_on_cpu

Plan = TypeVar("Plan")
_MOST_PLANS = 4096


class Launch:
    """A kernel with everything decided but its pointers, made to be called again.

    `kernel[grid](...)` binds and specialises every argument and looks up what it compiled for them, on every call,
    which can take the host longer than the device needs for a small tensor. What it finds depends on the arguments,
    which are fixed here, and on which pointers are multiples of 16 bytes; so the compiled kernel is kept by that, and
    launched by the very call that Triton ends in. The interpreter, AMD, versions of Triton whose call is not known,
    and launches that a profiler watches go Triton's own way.

    Args:
        kernel: takes pointers first, then `arguments`, then constants: numbers, and the device functions that a
            template calls.
        programs: of a one-dimensional grid; 0 where there is nothing to do.
        device: of all tensors that this is called with.

    Raises:
        RuntimeError: for a CPU outside Triton's interpreter.
    """

    __slots__ = ("arguments", "constants", "device", "handles", "kernel", "programs", "trailing")

    def __init__(self, kernel: Any, programs: int, device: torch.device, *arguments: Any, **constants: Any) -> None:
        if programs and device.type == "cpu" and not run_on_cpu():
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
        if handle is None or private.is_watched():
            found = private.handle(self._by_triton(tensors))
            if found is not None:
                self.handles[alignment] = found
            return
        run, function, metadata = handle
        stream = driver.get_current_stream(index)
        run(self.programs, 1, 1, stream, function, metadata, None, None, None, *addresses, *self.trailing)

    def _by_triton(self, tensors: tuple[Tensor, ...]) -> Any:
        """What Triton compiled, or None."""
        if self.programs == 0:
            return None
        return self.kernel[(self.programs,)](*tensors, *self.arguments, **self.constants)


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

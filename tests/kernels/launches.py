"""What a launch gives to the device, noted by a driver that stands where CUDA's would; kernels are compiled for real.

Run as a process of its own, without the interpreter: python -m tests.kernels.launches. Every launch is made twice by
`Launch` and once by Triton, and ends with a line of JSON.
"""

from __future__ import annotations

import json
import sys
import timeit
from types import SimpleNamespace
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

from kernels import broadcast, elementwise
from kernels.launch import Launch
from kernels.ops import bias_elu, elu, elu_plus_one, relu, shifted_relu

DEVICE = torch.device("cuda", 0)
STREAM = 7
noted: list[tuple[Any, ...]] = []


class Launcher:
    """In place of the last function before the driver: it has the same arguments."""

    def __init__(self, source, metadata):
        pass

    def __call__(self, x, y, z, stream, function, packed, launch_metadata, enter, leave, *arguments):
        if enter is not None:
            enter(launch_metadata)
        noted.append((x, y, z, stream, function, packed, arguments))


class Driver:
    """sm_90 as far as Triton asks; a loaded kernel is its own hash."""

    launcher_cls = Launcher
    utils = SimpleNamespace(
        get_device_properties=lambda device: {"max_shared_mem": 232448},
        load_binary=lambda name, kernel, shared, device: (name, hash(kernel), 32, 0, 1024),
    )

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return DEVICE.index

    def get_current_stream(self, device):
        return STREAM


def given() -> list[tuple[Any, ...]]:
    """What launches gave since the last time, a tensor standing for its address."""
    launches = [
        (*fixed, tuple(each.data_ptr() if isinstance(each, torch.Tensor) else each for each in arguments))
        for *fixed, arguments in noted
    ]
    noted.clear()
    return launches


def on_the_device(launch: Launch) -> Launch:
    """The same launch for tensors that are said to be on the device; what it is made of is planned on "meta"."""
    return Launch(launch.kernel, launch.programs, DEVICE, *launch.arguments, **launch.constants)


def shifted(elements: int, offset: int, dtype: torch.dtype) -> torch.Tensor:
    """A tensor that begins `offset` elements after a multiple of 64 bytes."""
    memory = torch.empty(elements + offset + 64, dtype=dtype)
    start = -(memory.data_ptr() // memory.element_size()) % (64 // memory.element_size()) + offset
    return memory[start : start + elements]


def cases():
    """(name, launch, sets of tensors to call it with, one after the other)"""
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        for elements in (1, 1000, 4096):
            for alpha in (1.0, 1.5):
                x = torch.empty(elements, dtype=dtype, device="meta")
                launch = on_the_device(elementwise.forward((x, x), elu.functions, alpha, 1.0, 1.0))
                offsets = ((0, 0), (1, 0), (0, 1), (0, 0))
                yield (
                    f"elu {dtype} {elements} {alpha}",
                    launch,
                    [[shifted(elements, offset, dtype) for offset in pair] for pair in offsets],
                )
    x, strided = torch.empty(64, 32, device="meta"), torch.empty(32, 64, device="meta").t()
    launch = on_the_device(elementwise.backward((strided, x, x), False, elu.functions, 1.0, 1.0, 1.0))
    yield "elu_backward of other strides", launch, [[torch.empty(2048) for _ in range(3)]] * 2
    along = torch.empty(32, device="meta")
    launch = on_the_device(broadcast.forward((x, along, x), "bias", -1, bias_elu.functions, 1.0))
    yield "bias_elu", launch, [[torch.empty(2048), torch.empty(32), torch.empty(2048)]] * 2


def compiled_apart() -> list[int]:
    """How many kernels are compiled where only the device function differs, forward and backward, by dtype.

    The tensors, the other constants and the parameters, which are none, are the same for the three ops.
    """
    noted.clear()
    found = []
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        x = torch.empty(4096, dtype=dtype, device="meta")
        tensors = [shifted(4096, 0, dtype) for _ in range(3)]
        for op in (relu, shifted_relu, elu_plus_one):
            on_the_device(elementwise.forward((x, x), op.functions))(*tensors[:2])
            on_the_device(elementwise.backward((x, x, x), False, op.functions))(*tensors)
        loaded = [function for *_, function, _packed, _arguments in given()]
        found += [len(set(loaded[::2])), len(set(loaded[1::2]))]
    return found


def main() -> None:
    triton.runtime.driver.set_active(Driver())
    for name, launch, sets in cases():
        for tensors in sets:
            launch(*tensors)
            launch(*tensors)
            launch.kernel[(launch.programs,)](*tensors, *launch.arguments, **launch.constants)
            first, again, tritons = given()
            if not first == again == tritons:
                sys.exit(f"{name}: {first}, then {again}, and by Triton {tritons}")
    handles = len(launch.handles)

    heard = []
    triton.knobs.runtime.launch_enter_hook.add(heard.append)
    launch(*tensors)
    triton.knobs.runtime.launch_enter_hook.remove(heard.append)

    def by_triton():
        launch.kernel[(launch.programs,)](*tensors, *launch.arguments, **launch.constants)

    ours, tritons = (
        min(timeit.repeat(call, number=500, repeat=15)) / 500 for call in (lambda: launch(*tensors), by_triton)
    )
    found = {"handles": handles, "heard": len(heard), "ours_s": ours, "tritons_s": tritons}
    json.dump(found | {"compiled": compiled_apart()}, sys.stdout)


if __name__ == "__main__":
    main()

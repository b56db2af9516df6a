"""torch says that there is a GPU where Triton's active driver compiles for one, as the emulated GPU's does.

Libraries decide what to generate by what torch says of the device, not by the device.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
import triton


def active_target() -> Any:
    """The NVIDIA architecture that Triton's active driver compiles for; None where there is no such driver."""
    try:
        target = triton.runtime.driver.active.get_current_target()
    except RuntimeError:
        return None
    return target if target.backend == "cuda" else None


class _Device(contextlib.nullcontext[None]):
    """torch.cuda.device: a class, which Inductor asks about."""


@contextlib.contextmanager
def pretended(target: Any) -> Iterator[None]:
    """Within it torch says that there is one GPU, of the target's architecture."""
    major, minor = divmod(int(target.arch), 10)
    properties = SimpleNamespace(
        name="", major=major, minor=minor, multi_processor_count=132, warp_size=32, total_memory=80 * 2**30,
        L2_cache_size=50 * 2**20, max_threads_per_multi_processor=2048, max_threads_per_block=1024,
        regs_per_multiprocessor=65536, shared_memory_per_block=48 * 2**10, shared_memory_per_block_optin=227 * 2**10,
        shared_memory_per_multiprocessor=228 * 2**10, gcnArchName="",
    )  # fmt: skip
    said = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "device": _Device,
        "get_device_properties": lambda device=None: properties,
        "_get_device_properties": lambda device=None: properties,
        "get_device_capability": lambda device=None: (major, minor),
        "_lazy_init": lambda: None,
    }
    with contextlib.ExitStack() as stack:
        for name, answer in said.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, answer, create=True))
        stack.enter_context(mock.patch.object(torch.version, "cuda", "12.8"))
        yield

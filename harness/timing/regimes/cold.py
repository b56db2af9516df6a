"""Cold: one call that finds nothing of its data in the last-level cache, as after other layers of a model ran.

On a GPU the L2 is flushed before each call, and the launch hides behind a spin kernel. A CPU's caches cannot be
written over from here without disturbing more than them, so there the calls rotate over buffers that exceed them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness.device.devices import Device
from harness.store.vocabulary import Flag, Flush, Regime
from harness.timing.clocks import CpuClock, CudaClock
from harness.timing.regimes.setting import Setting, is_cold, mib, rotation
from harness.timing.sampler import Calls


class L2Flush:
    """Writes or reads at least twice the L2, so that nothing that was there is left."""

    def __init__(self, torch_device: str, cache_bytes: int, kind: Flush = Flush.DIRTY) -> None:
        import torch

        self.kind = kind

        # Random, since an L2 may store constant data compressed: such a flush would evict too little. By a generator
        # of its own: after a failed capture the default one may be of no use in this process (torch 2.11).
        words = -(-max(2 * cache_bytes, 4) // 4)
        self.buffer = torch.empty(words, dtype=torch.int32, device=torch_device)
        self.buffer.random_(generator=torch.Generator(torch_device))

    def __call__(self) -> None:
        if self.kind == Flush.DIRTY:
            self.buffer.add_(1)  # in place: every line is read and written, and the data stays random
        else:
            self.buffer.amax()  # reads every line, and writes next to none


def sets(working_set_bytes: int, device: Device) -> int:
    return 1 if device.kind == "cuda" else rotation(working_set_bytes, device, caches=3)


def setting(
    calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None, kind: Flush = Flush.DIRTY
) -> Setting:
    cache = mib(device.last_level_cache_bytes)
    if device.kind == "cuda":
        if cuda is None:
            flush: Callable[[], object] = L2Flush(device.torch_device, device.last_level_cache_bytes, kind)
        else:
            flush = partial(cuda.flush, kind)
        clock = CudaClock(device.torch_device, flush, cuda)
        is_dirty = kind == Flush.DIRTY
        how = "is written over" if is_dirty else "of other data is read"
        why = (
            f"twice the L2 of {cache} {how} before each call, which finds its lines {'dirty' if is_dirty else 'clean'}"
        )
        first = {name: bound[:1] for name, bound in calls.items()}
        return Setting(Regime.COLD, why, first, clock, 1, resolution_s=CudaClock.resolution_s, flush=kind)
    count = len(next(iter(calls.values()), ()))
    if is_cold(count, working_set_bytes, device):
        why = f"{count} buffer sets in rotation, at least twice the last-level cache of {cache}"
        return Setting(Regime.COLD, why, calls, CpuClock(), count)
    why = f"{count} buffer sets are what memory allows, less than twice the last-level cache of {cache}"
    return Setting(Regime.COLD, why, calls, CpuClock(), count, flags=(Flag.NOT_COLD,))

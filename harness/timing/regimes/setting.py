"""The interface of a regime, and the setting that it prepares: calls and a clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.device.devices import Device
from harness.store.vocabulary import Flag, Flush, Regime
from harness.timing.clocks import Clock
from harness.timing.sampler import Calls


class NotPossible(Exception):
    """A regime that cannot be had here, or not for the entry that is named; the message says why."""

    def __init__(self, message: str, entry: str | None = None) -> None:
        super().__init__(message)
        self.entry = entry


class CaptureFailed(Exception):
    """A call that cannot be captured in a CUDA graph, of the entry that is named.

    A failed capture leaves the process in a state that is not known (torch 2.11 keeps the default generator capturing,
    and memory that was freed is not used again), so measuring goes on in a new one.
    """

    def __init__(self, message: str, entry: str) -> None:
        super().__init__(message, entry)
        self.message, self.entry = message, entry


@dataclass(frozen=True)
class Setting:
    """How entries are timed in one regime: what the sampler takes, and what their records say of it."""

    regime: Regime
    why: str  # how the conditions are kept, for the record
    calls: Calls  # what the sampler calls: the entries' own calls, or batches of them
    clock: Clock  # gives seconds for one of the entries' own calls, also where they are batched
    buffer_sets: int
    flags: tuple[Flag, ...] = ()  # where the conditions could not be kept
    calls_per_sample: Mapping[str, int] = field(default_factory=dict)  # by entry, where they are batched
    resolution_s: float = 0.0  # the finest difference between two times
    flush: Flush | None = None  # of a GPU's L2, before each call


class RegimeModule(Protocol):
    """A module with these two functions."""

    def sets(self, working_set_bytes: int, device: Device) -> int:
        """How many buffer sets the regime wants to rotate over."""

    def setting(self, calls: Calls, working_set_bytes: int, device: Device, cuda: Any = None) -> Setting:
        """The entries, each bound to every buffer set that there is, made ready to be timed.

        `cuda` stands in for `torch.cuda` in tests. Raises NotPossible.
        """


# Tensors of a few bytes would need millions of sets to exceed a cache. Each set costs the host some kilobytes for its
# tensors and bound calls, whatever it holds, so there are at most this many; a rotation that is then too small for the
# cache is marked so.
MOST_SETS = 2**15
# What even an empty set takes of a device's memory: the starts of its tensors are aligned (harness.ops.buffers).
_LEAST_BYTES = 4096


def rotation(working_set_bytes: int, device: Device, caches: int) -> int:
    """How many buffer sets hold `caches` times the last-level cache: at most MOST_SETS, in a quarter of the memory.

    At least 2, but where one set by itself writes the cache over several times.
    """
    size = max(1, working_set_bytes)
    wanted = min(MOST_SETS, math.ceil(caches * device.last_level_cache_bytes / size))
    affordable = device.memory_bytes // 4 // max(size, _LEAST_BYTES)
    return max(1 if wanted == 1 and size >= 4 * device.last_level_cache_bytes else 2, min(wanted, affordable))


def is_cold(sets: int, working_set_bytes: int, device: Device) -> bool:
    """Whether a rotation writes the last-level cache over between two uses of one set: it holds that twice."""
    return sets * working_set_bytes >= 2 * device.last_level_cache_bytes


def mib(size_bytes: float) -> str:
    """Bytes in words."""
    return f"{size_bytes / 2**20:.3g} MiB"

"""How long a kernel takes, by size: a fixed time, and after it the slowest of memory, of the pipes and of waiting.

    time = fixed + max(bytes / rate, turns of the busiest unit, loads under way too few)

`fixed` is what the smallest stream takes: the launch and the first load's latency (the ramp). Bytes come from memory at
the rate that a plain stream attains, or from the L2 where all fits it and was left there. A unit (the issue of
instructions, a pipe) takes the turns of the multiprocessor that has the most blocks, at the clock under load, and gets
a sustained share of them: so the last wave costs as much as a full one. Little's law: resident blocks have so many
loads under way, each for one latency. Imports neither torch nor triton.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.machine_code.occupancy import LIMITS
from harness.machine_code.rows import InspectedRow
from harness.predict.devices import DeviceModel, PredictError
from harness.store.vocabulary import Regime

SIZES = tuple(2**power for power in range(16, 31, 2))  # elements
_LANES = 128  # for which the four schedulers of a multiprocessor issue in a clock
# A large tensor in fewer programs than these is shared out among them, as where each writes partial sums; what a block
# is then given is no less than this many elements.
_FEW_PROGRAMS, _LEAST_SHARE = 1024, 2048
_NOT_UNITS = ("memory", "latency")


@dataclass(frozen=True)
class KernelWork:
    """What one launch of a kernel has to do: of a full block, which every block is taken for."""

    arch: str
    bytes_per_element: float  # each input read once, each output written once
    elements_per_block: float
    resident_blocks: int  # on a multiprocessor
    clocks_per_block: Mapping[str, float]  # of each unit of a multiprocessor that is never idle
    shared_out: int | None = None  # to so many blocks all elements are shared out, where there are so many
    source: str | None = None  # of machine code that was not made here: the library, and the kernel in it

    def blocks(self, elements: int) -> tuple[int, float]:
        """How many blocks a launch has, and how much of what a full block has to do is in each."""
        if self.shared_out is None:
            return max(math.ceil(elements / self.elements_per_block), 1), 1.0
        blocks = min(self.shared_out, max(elements // _LEAST_SHARE, 1))
        return blocks, elements / blocks / self.elements_per_block


@dataclass(frozen=True)
class Prediction:
    """The time of one call, and what binds: "launch", "ramp", or what is the largest beyond them."""

    elements: int
    bytes_moved: float
    seconds: float
    bound_by: str

    @property
    def gbps(self) -> float:
        return self.bytes_moved / self.seconds / 1e9


def work_of(row: InspectedRow) -> KernelWork:
    """The work of a counted kernel. Raises PredictError where it has no counts, or is for no device of the list."""
    if row.instructions_per_element is None or not row.ceilings or not row.occupancy:
        raise PredictError(f"{row.op} {row.variant} {row.dtype} on {row.arch} was not counted: {row.reason}")
    assert row.elements_per_thread and row.threads and row.bytes_per_element
    ceiling, block = row.ceilings[0], row.elements_per_thread * row.threads
    # A ceiling's limits are the bandwidths of busy units, over the peak; turned back into clocks of a block.
    clocks_per_second = ceiling.issue_gips * 1e9 * LIMITS[row.arch].warp_size / _LANES
    per_block = clocks_per_second * row.bytes_per_element * block / (ceiling.peak_gbps * 1e9)
    clocks = {name: round(per_block / limit, 6) for name, limit in ceiling.limits.items() if name not in _NOT_UNITS}
    resident = round(row.occupancy * LIMITS[row.arch].warps * LIMITS[row.arch].warp_size / row.threads)
    shared_out = row.programs if row.programs and row.programs < _FEW_PROGRAMS else None
    return KernelWork(row.arch, row.bytes_per_element, block, max(resident, 1), clocks, shared_out)


def predict(works: Sequence[KernelWork], device: DeviceModel, elements: int, regime: str) -> Prediction:
    """One call that launches these kernels one after another. Raises PredictError.

    `elements` are those of the main tensor, and the bytes moved those that the op has to move.
    """
    if regime not in device.fixed_us:
        raise PredictError(f"nobody has published streams of a {device.sheet.name} that are {regime}")
    parts = [_parts(work, device, elements, regime) for work in works]
    total: dict[str, float] = {}
    for name, seconds in (pair for each in parts for pair in each.items()):
        total[name] = total.get(name, 0.0) + seconds
    moved = works[0].bytes_per_element * elements
    return Prediction(elements, moved, sum(total.values()), max(total, key=lambda name: total[name]))


def _parts(work: KernelWork, device: DeviceModel, elements: int, regime: str) -> dict[str, float]:
    """Seconds of the launch, of the ramp, and of what binds after them."""
    fixed = device.fixed_us[regime] * 1e-6
    ramp = min(device.latency_us * 1e-6, fixed)
    after = waits(work, device, elements, regime)
    binds = max(after, key=lambda name: after[name])
    return {"launch": fixed - ramp, "ramp": ramp, binds: after[binds]}


def waits(work: KernelWork, device: DeviceModel, elements: int, regime: str) -> dict[str, float]:
    """Seconds that a launch takes of each of what it may wait for; they overlap."""
    sheet, moved = device.sheet, work.bytes_per_element * elements
    blocks, share = work.blocks(elements)
    of_busiest = math.ceil(blocks / sheet.multiprocessors)
    clocks_per_second = device.clock_ghz * 1e9 * device.sustained
    found = {unit: clocks * share * of_busiest / clocks_per_second for unit, clocks in work.clocks_per_block.items()}
    if regime == Regime.WARM and device.l2_gbps and moved <= sheet.l2_mib * 2**20:
        found["L2"] = moved / device.l2_gbps / 1e9
    else:
        found["memory"] = moved / device.memory_gbps / 1e9
    waves = elements / work.elements_per_block / (sheet.multiprocessors * work.resident_blocks)
    return found | {"latency": waves * device.latency_us * 1e-6}

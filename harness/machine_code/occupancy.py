"""Occupancy: how many warps of a kernel a multiprocessor holds at a time.

Sources: "Technical Specifications per Compute Capability" of the CUDA C++ programming guide; the MI300 instruction set
architecture (CDNA 3) for wavefronts, vector registers and LDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KIB = 1 << 10


@dataclass(frozen=True)
class Limits:
    """What one multiprocessor has to share out among blocks."""

    warps: int
    blocks: int
    registers: int  # of 4 bytes, for one thread's lane of all warps: per thread times threads
    register_unit: int  # registers come to a warp in units of so many
    shared_bytes: int
    shared_per_block: int  # what the system keeps of it, for each block
    warp_size: int = 32


_AMPERE = Limits(64, 32, 65536, 256, 164 * KIB, KIB)
_HOPPER = Limits(64, 32, 65536, 256, 228 * KIB, KIB)
LIMITS: Mapping[str, Limits] = {
    "sm_80": _AMPERE,
    "sm_86": Limits(48, 16, 65536, 256, 100 * KIB, KIB),
    "sm_89": Limits(48, 24, 65536, 256, 100 * KIB, KIB),
    "sm_90": _HOPPER,
    "sm_100": _HOPPER,
    "sm_120": Limits(48, 24, 65536, 256, 100 * KIB, KIB),
    # Four SIMDs, each with 8 wavefronts and 512 registers for each of 64 lanes, given out in eights.
    "gfx942": Limits(32, 32, 4 * 512 * 64, 8 * 64, 64 * KIB, 0, warp_size=64),
}


def resident_warps(arch: str, threads: int, registers: int, shared_bytes: int) -> int:
    """Warps of blocks of `threads` threads that fit at a time; 0 where not one block does."""
    limits = LIMITS[arch]
    warps = -(-threads // limits.warp_size)
    unit = limits.register_unit
    per_warp = -(-max(registers, 1) * limits.warp_size // unit) * unit
    # Each of the four schedulers has its own registers, so a warp cannot take some from two.
    by_registers = 4 * (limits.registers // 4 // per_warp) // warps
    by_shared = limits.shared_bytes // (shared_bytes + limits.shared_per_block) if shared_bytes else limits.blocks
    return warps * min(limits.blocks, limits.warps // warps, by_registers, by_shared)

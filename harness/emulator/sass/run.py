"""Runs machine code: the constant bank that a launch fills, shared memory, and the machine."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from harness.emulator.faults import Faults
from harness.emulator.machine import Grid, Program
from harness.emulator.memory import Memory
from harness.emulator.observers import Observer
from harness.emulator.operands import Options
from harness.emulator.sass.lift import Lifted
from harness.emulator.sass.steps import ALL_BANKS_BYTES, BANK_BYTES, BANKS

LANES = 8192  # threads at once
# Bytes of shared memory before a kernel's own, from sm_90 on.
RESERVED_BYTES = 1024
# Where the parameters of a kernel begin in constant bank 0, by the first number of an architecture that has them there.
_PARAMETERS = {8: 0x160, 9: 0x210, 10: 0x380, 12: 0x380}


def constant_bank(arch: str, parameters: bytes, threads: int, grid: Grid) -> bytes:
    """Constant bank 0 of a launch: the block's size, the grid's, and the parameters. Raises ValueError."""
    start = _PARAMETERS.get(int(arch.removeprefix("sm_")) // 10)
    if start is None or start + len(parameters) > BANK_BYTES:
        raise ValueError(f"where {arch} has the parameters of a kernel is not known, or there are too many")
    bank = bytearray(start) + parameters
    struct.pack_into("<6I", bank, 0x360 if start == 0x380 else 0, threads, 1, 1, *grid)
    return bytes(bank)


class MachineCode:
    """A kernel in machine code, ready for launches of blocks of so many threads.

    `constants` has what the compiler put into the constant banks 2 and 3.
    """

    def __init__(
        self, lifted: Lifted, arch: str, constants: Mapping[int, bytes], threads: int, blocks: int, shared_bytes: int,
        options: Options,
    ) -> None:  # fmt: skip
        self._arch, self._constants, self._threads = arch, constants, threads
        self.lifted = lifted
        at_once = max(1, min(blocks, LANES // threads))
        self._program = Program(lifted.kernel, threads, at_once, shared_bytes + RESERVED_BYTES, options)

    def run(
        self, grid: Grid, parameters: bytes, memory: Memory, observers: Sequence[Observer], faults: Faults,
        only: range | None = None,
    ) -> None:  # fmt: skip
        """Execute a grid, or `only` some blocks. Raises UnsupportedInstruction at a line whose meaning is not known."""
        banks = bytearray(ALL_BANKS_BYTES)
        filled = {**self._constants, 0: constant_bank(self._arch, parameters, self._threads, grid)}
        for number, data in filled.items():
            if number in BANKS and len(data) <= BANK_BYTES:
                banks[BANKS[number] : BANKS[number] + len(data)] = data
        self._program.run(grid, bytes(banks), memory, observers, faults, only)

"""One kernel among those of an ELF file for a GPU: what the file says of it, and a block, executed and counted."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor

from harness.emulator.counts import Counting, Counts
from harness.emulator.faults import Faults
from harness.emulator.layout import WARP
from harness.emulator.machine import DeadlockError
from harness.emulator.memory import Memory
from harness.emulator.operands import Options
from harness.emulator.ptx import UnsupportedInstruction
from harness.emulator.sass.lift import lift
from harness.emulator.sass.line_counts import LineCounting
from harness.emulator.sass.reader import ListingError, read
from harness.emulator.sass.run import MachineCode
from harness.machine_code import disassemble, sass
from harness.machine_code.executed import LaunchData, NotExecutedError
from harness.machine_code.model import ThreadCounts

# What the section .nv.info of a kernel says, by the number of each entry.
_MAX_THREADS, _PARAMETER = 0x05, 0x17
_SIZED = 0x04  # of an entry: its value is so many bytes as it says, and not two


@dataclass(frozen=True)
class LibraryKernel:
    """A kernel by its mangled name, and what a launch of it needs."""

    name: str
    cubin: Path
    symbol: int  # its place in the file's table of symbols
    threads: int  # of a block, at most; its launches have so many
    parameters: tuple[tuple[int, int], ...]  # (first byte, bytes) of each

    def packed(self, values: Sequence[bytes]) -> bytes:
        """The parameters as bytes. What a value leaves of its parameter is 0. Raises NotExecutedError."""
        data = bytearray(max((start + size for start, size in self.parameters), default=0))
        fits = len(values) == len(self.parameters)
        for value, (start, size) in zip(values, self.parameters, strict=False):
            fits = fits and len(value) <= size
            data[start : start + len(value)] = value
        if not fits:
            raise NotExecutedError(f"{self.name} takes parameters of {[size for _, size in self.parameters]} bytes")
        return bytes(data)


@dataclass(frozen=True)
class ExecutedBlock:
    """The first block of a launch, executed: what a thread of it executes, its accesses, and what it left in memory."""

    counts: ThreadCounts
    accesses: Counts
    active_threads: float  # of a warp
    inputs: tuple[Tensor, ...]  # what it was given
    stored: Tensor  # the part of the first tensor that it wrote


def kernels(cubin: Path) -> Iterator[LibraryKernel]:
    """Those of an ELF file for a GPU, in the order of its table."""
    data = cubin.read_bytes()
    parts = disassemble.sections(data)
    table, names = parts[".symtab"], parts[".strtab"]
    for symbol in range(len(table) // 24):
        start, kind = struct.unpack_from("<IB", table, symbol * 24)
        name = names[start : names.index(b"\0", start)].decode()
        if kind & 15 == 2 and f".nv.info.{name}" in parts:  # a function that is launched
            threads, parameters = _launch(parts[f".nv.info.{name}"])
            yield LibraryKernel(name, cubin, symbol, threads, parameters)


def _launch(info: bytes) -> tuple[int, tuple[tuple[int, int], ...]]:
    """(threads of a block, where the parameters are)"""
    threads, parameters, at = 0, {}, 0
    while at + 4 <= len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        value = info[at + 4 : at + 4 + size] if form == _SIZED else b""
        at += 4 + len(value)
        if attribute == _MAX_THREADS and value:
            threads = math.prod(struct.unpack_from("<3I", value))
        elif attribute == _PARAMETER and value:
            _, number, offset, packed = struct.unpack_from("<IHHI", value)
            parameters[number] = (offset, packed >> 18)
    return threads, tuple(parameters[each] for each in sorted(parameters))


@cache
def listing(kernel: LibraryKernel) -> str:
    """Its machine code as text. Raises ToolError."""
    return disassemble.with_codes(str(kernel.cubin), kernel.symbol)


def execute(
    kernel: LibraryKernel, arch: str, values: Sequence[bytes], tensors: Sequence[Tensor], grid: int
) -> ExecutedBlock:
    """Run the first of `grid` blocks on tensors without memory, the first of which is written; the others are random.

    `values` are the parameters before the last one, which is an array of the tensors' addresses. Raises
    NotExecutedError, ToolError.
    """
    memory, faults, data = Memory(), Faults(), LaunchData()
    addresses = [data.address(each, memory) for each in tensors]
    given = kernel.packed([*values, struct.pack(f"<{len(addresses)}Q", *addresses)])
    text = listing(kernel)
    try:
        lifted = lift(read(text), arch)
        banks = disassemble.constant_banks(kernel.cubin.read_bytes(), kernel.name)
        code = MachineCode(lifted, arch, banks, kernel.threads, 1, 0, Options())
        counting, lines = Counting(lifted.kernel, memory), LineCounting(lifted)
        code.run((grid, 1, 1), given, memory, (data, counting, lines), faults, range(1))
    except (UnsupportedInstruction, DeadlockError, ListingError, ValueError) as error:
        raise NotExecutedError(str(error)) from error
    if found := faults.all():
        raise NotExecutedError(f"its first block goes wrong: {found[0]}")
    accesses, counted = counting.counts(), lines.counts()
    instructions, warps = sass.parse(text), kernel.threads // WARP
    times = [number / warps for number in counted.warps]
    executed = tuple((each, often) for each, often in zip(instructions, times, strict=True) if often)
    parting = sum(1 for line in lifted.listing.lines if line.number in accesses.parting_lines)
    written = sum(each.bytes for each in accesses.accesses if each.space == "global" and each.kind == "store")
    out, *inputs = (data.elements(each)[: written // each.element_size()].clone() for each in tensors)
    return ExecutedBlock(ThreadCounts(executed, parting), accesses, counted.active_threads, tuple(inputs), out)

"""Holds machine code against the PTX that it was made from: both are run on the same inputs, and every byte compared.

A kernel is right on a device if its PTX is and if its compiler kept PTX's meaning. This finds where it did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget

from harness.emulator import flow
from harness.emulator.arithmetic import Array
from harness.emulator.driver import EmulatingDriver, parameters
from harness.emulator.emulated import End, active
from harness.emulator.faults import Faults
from harness.emulator.fresh import FreshTensors
from harness.emulator.layout import size_of
from harness.emulator.machine import DeadlockError
from harness.emulator.memory import Memory
from harness.emulator.observers import Access, Observer
from harness.emulator.operands import Options
from harness.emulator.ptx import Instruction, Kernel, UnsupportedInstruction
from harness.emulator.reader import parse
from harness.emulator.sass.lift import Lifted, lift
from harness.emulator.sass.reader import read
from harness.emulator.sass.run import MachineCode
from harness.machine_code import disassemble
from harness.store.vocabulary import Outcome

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Agreement:
    """One launch: whether its machine code left the same bytes in all tensors as its PTX."""

    kernel: str
    inputs: int  # elements of the largest tensor
    outcome: Outcome  # VALIDATED, REJECTED, UNSUPPORTED
    reason: str | None  # why it is not validated
    opcodes: tuple[str, ...]  # of the machine code that was executed, with their modifiers


@dataclass(frozen=True)
class _Launch:
    """What both are run with."""

    kernel: Kernel  # in PTX
    memory: Memory
    values: list[tuple[str, Any]]
    grid: Grid
    threads: int
    given: list[tuple[str, str, Any]]

    def bytes(self) -> list[Array]:
        return [each.data.copy() for each in self.memory.segments]

    def restore(self, before: list[Array]) -> None:
        for segment, data in zip(self.memory.segments, before, strict=True):
            segment.data[...] = data


class _Executed(Observer):
    """Which instructions were executed."""

    def __init__(self) -> None:
        self.indices: set[int] = set()

    def executed(self, block: flow.Block, mask: Array) -> None:
        self.indices.update(range(block.first, block.end))


class _Stores(Observer):
    """The instruction that last stored to an address, and the thread that did."""

    def __init__(self, address: int) -> None:
        self._address = np.uint64(address)
        self._spaces: Any = None
        self.last: tuple[Instruction, int, int] | None = None

    def batch(self, spaces: Any, blocks: int) -> None:
        self._spaces = spaces

    def accessed(self, access: Access) -> None:
        if access.kind == "load" or access.space != "global":
            return
        hit = (access.addresses <= self._address) & (self._address < access.addresses + np.uint64(access.bytes))
        if hit.any():
            lane = int(access.lanes[np.flatnonzero(hit)[-1]])
            block = int(self._spaces.first_block + self._spaces.block[lane])
            self.last = access.instruction, block, int(self._spaces.thread[lane])


class ComparingDriver(EmulatingDriver):
    """Runs every launch twice, by its machine code and by its PTX; what the PTX computed stays.

    `listing` makes the listing of a cubin: a test gives one that it edited.
    """

    def __init__(self, arch: str, options: Options, listing: Callable[[Path], str]) -> None:
        super().__init__(GPUTarget("cuda", int(arch[3:]), 32), options, lambda *_: [], FreshTensors())
        self.agreements: list[Agreement] = []
        self._arch, self._listing = arch, listing
        self._codes: dict[tuple[Path, int, int, int], MachineCode] = {}

    def launched(self, function: Any, grid: Grid, metadata: Any, given: list[tuple[str, str, Any]]) -> None:
        memory = Memory()
        values = self.arguments(memory, grid, metadata, given)
        threads = metadata.num_warps * self.target.warp_size
        launch = _Launch(parse(function.ptx), memory, values, grid, threads, given)
        before = launch.bytes()
        executed, faults = _Executed(), Faults()
        told: list[str] = []
        try:
            shared = metadata.shared + size_of(launch.kernel, "shared")
            code = self._code(function.cubin, threads, grid, shared)
            self._run(code, launch, executed, faults)
        except (UnsupportedInstruction, ValueError, disassemble.ToolError) as error:
            launch.restore(before)
            self.execute(grid, function.ptx, metadata, given)
            self._note(launch, Outcome.UNSUPPORTED, str(error), ())
            return
        except DeadlockError as error:
            told.append(str(error))
        found = launch.bytes()
        launch.restore(before)
        self.execute(grid, function.ptx, metadata, given)
        if not told and (differing := _first_difference(memory, found, launch.bytes())) is not None:
            told.append(self._told(launch, code, differing, before, found))
        known = {each.kind for each in self.launches[-1].faults}
        told += [str(each) for each in faults.all() if each.kind not in known][:1]
        outcome, reason = Outcome.REJECTED if told else Outcome.VALIDATED, "; ".join(told) or None
        if told and (left := left_open(launch.kernel, code.lifted)):
            outcome, reason = Outcome.UNSUPPORTED, f"PTX leaves the last bits open ({left}), and they differ: {reason}"
        lines = [code.lifted.origins[index] for index in executed.indices - code.lifted.dead]
        self._note(launch, outcome, reason, tuple(sorted({line.opcode for line in lines if line is not None})))

    def _note(self, launch: _Launch, outcome: Outcome, reason: str | None, opcodes: tuple[str, ...]) -> None:
        inputs = max((value.numel() for _, _, value in launch.given if isinstance(value, Tensor)), default=0)
        self.agreements.append(Agreement(launch.kernel.name, inputs, outcome, reason, opcodes))

    def _code(self, cubin: Path, threads: int, grid: Grid, shared: int) -> MachineCode:
        key = (cubin, threads, grid[0] * grid[1] * grid[2], shared)
        if key not in self._codes:
            lifted = lift(read(self._listing(cubin)), self._arch)
            banks = disassemble.constant_banks(cubin.read_bytes())
            self._codes[key] = MachineCode(lifted, self._arch, banks, *key[1:], self._options)
        return self._codes[key]

    @staticmethod
    def _run(code: MachineCode, launch: _Launch, observer: Observer, faults: Faults) -> None:
        code.run(launch.grid, parameters(launch.kernel, launch.values), launch.memory, [observer], faults)

    def _told(self, launch: _Launch, code: MachineCode, address: int, before: list[Array], found: list[Array]) -> str:
        """Where the first difference is, who wrote it, and from which inputs. Leaves what the PTX computed."""
        right = launch.bytes()
        name, offset = launch.memory.name_at(address)
        tensors = {each: value for each, _, value in launch.given if isinstance(value, Tensor)}
        index = offset // tensors[name].element_size() if name in tensors else 0
        ours = _element(tensors.get(name), index)
        launch.restore(found)
        theirs = _element(tensors.get(name), index)
        launch.restore(before)
        inputs = [
            f"{each}[{index}] = {_element(tensor, index)}"
            for each, tensor in tensors.items()
            if name in tensors and each != name and tensor.numel() == tensors[name].numel()
        ]
        stores = _Stores(address)
        self._run(code, launch, stores, Faults())
        launch.restore(right)
        by = "nobody's store"
        if stores.last is not None:
            step, block, thread = stores.last
            by = f"`{step.text}` in line {step.line} of the machine code, by block {block}, thread {thread}"
        return (
            f"{launch.kernel.name} as machine code gives {name}[{index}] = {theirs}, its PTX {ours}"
            f"{', where ' + ', '.join(inputs) if inputs else ''}: {by}"
        )


def left_open(kernel: Kernel, code: Lifted) -> str | None:
    """Why the same bits cannot be asked for: an approximation that ptxas makes of several steps, or a fused product."""
    for step in kernel.instructions:
        is_rough = step.name in ("sqrt", "lg2", "sin", "cos") or not step.has("ftz")
        if step.has("full") or (step.has("approx") and step.name in _APPROXIMATIONS and is_rough):
            return f"`{step.text}` in line {step.line} of the PTX"
    in_ptx = sum((2 if step.has("f32x2") else 1) for step in kernel.instructions if _is_fused(step))
    listed = {line.number: line for line in code.origins if line is not None}.values()
    in_code = sum({"FFMA": 1, "DFMA": 1, "FFMA2": 2, "FHFMA": 1}.get(line.name, 0) for line in listed)
    if in_code > in_ptx:
        return f"{in_code} products are fused with a sum, {in_ptx} of them by the PTX"
    return None


_APPROXIMATIONS = ("div", "ex2", "rcp", "rsqrt", "sqrt", "lg2", "sin", "cos")


def _is_fused(step: Instruction) -> bool:
    return step.name in ("fma", "mad") and bool({"f32", "f64", "f32x2"} & set(step.modifiers))


def _first_difference(memory: Memory, found: list[Array], right: list[Array]) -> int | None:
    """The address of the first byte that differs."""
    for segment, ours, theirs in zip(memory.segments, found, right, strict=True):
        if not np.array_equal(ours, theirs):
            return segment.start + int(np.flatnonzero(ours != theirs)[0])
    return None


def _element(tensor: Tensor | None, index: int) -> str:
    """A number and its bits, of a tensor's element by its place in memory."""
    if tensor is None:
        return "another number"
    flat = torch.as_strided(tensor.detach(), (index + 1,), (1,))[index:]
    return f"{flat.item():.9g} (0x{flat.contiguous().view(torch.uint8).numpy()[::-1].tobytes().hex()})"


@contextmanager
def comparing(
    arch: str, ex2: End = "nearest", listing: Callable[[Path], str] | None = None
) -> Iterator[ComparingDriver]:
    """Within it, kernels that are launched on tensors of the CPU run by their machine code and by their PTX."""
    driver = ComparingDriver(arch, Options(ex2), listing or (lambda path: disassemble.with_codes(str(path))))
    with active(driver):
        yield driver

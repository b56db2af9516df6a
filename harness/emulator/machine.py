"""The machine: all threads of many blocks at once, one instruction after the other.

Threads that stand at different places of the program wait for those that are at the least one, so that they meet
again as early as they can. A program is decoded once for so many threads: every instruction becomes a function
without arguments over the memory of its registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.emulator import flow, instructions
from harness.emulator.arithmetic import Array, quiet
from harness.emulator.faults import Faults
from harness.emulator.layout import Specials, place_variables, size_of, static_data
from harness.emulator.memory import Memory
from harness.emulator.observers import Observer
from harness.emulator.operands import File, Group, Options, Site
from harness.emulator.ptx import Instruction, Kernel, UnsupportedInstruction
from harness.emulator.spaces import Spaces

Step = Callable[[], None]
Grid = tuple[int, int, int]


class DeadlockError(Exception):
    """Threads wait at a barrier that others of their block never reach."""


@dataclass
class _Part:
    """A block of instructions as steps: for a group of all threads, and for one of some."""

    block: flow.Block
    last: Instruction
    full: list[Step] | None = None  # each made when it is needed: a full block does not go where the last one does
    masked: list[Step] | None = None


@dataclass
class _Barrier:
    number: int
    threads: int | None  # of a block that it waits for; None for all
    part: int  # where those who wait go on
    mask: Array


class Program:
    """A kernel decoded for `blocks` blocks of so many threads at a time.

    `shared_bytes` is what a launch gives each block beside the kernel's own variables.
    """

    def __init__(self, kernel: Kernel, threads: int, blocks: int, shared_bytes: int, options: Options) -> None:
        self.kernel, self.threads, self.blocks, self.options = kernel, threads, blocks, options
        self._flow = flow.analyse(kernel)
        self._file = File(self._flow, threads * blocks)
        self._group = Group()
        shared = shared_bytes + size_of(kernel, "shared")
        self.spaces = Spaces(kernel.name, threads, blocks, shared, size_of(kernel, "local"))
        self._specials = Specials(self.spaces, shared_bytes)
        self._statics = static_data(kernel)
        self._symbols = place_variables(kernel) | {name: data.ctypes.data for name, data in self._statics.items()}
        code = kernel.instructions
        needed = [index for index in self._flow.constants if index not in self._flow.dead]
        self._prologue = [self._step(code[index], False) for index in needed]
        self._skipped = self._flow.dead | set(needed)
        self._parts = [_Part(block, code[block.end - 1]) for block in self._flow.blocks]

    def run(
        self, grid: Grid, parameters: bytes, memory: Memory, observers: Sequence[Observer], faults: Faults,
        only: range | None = None,
    ) -> None:  # fmt: skip
        """Execute a grid, or `only` some blocks. Raises UnsupportedInstruction where one is reached, DeadlockError."""
        self.spaces.begin(parameters, memory, observers, faults)
        for name, data in self._statics.items():
            memory.add_array(name, data)
        asked = range(grid[0] * grid[1] * grid[2]) if only is None else only
        with quiet():
            self._specials.begin(grid)
            for run in self._prologue:
                run()
            for first in asked[:: self.blocks]:
                self._batch(first, min(self.blocks, asked.stop - first))

    def _batch(self, first: int, count: int) -> None:
        """Execute `count` blocks from the one of index `first`."""
        self._specials.batch(first)
        self.spaces.batch(first, count)
        live = self.spaces.block < count
        ready: list[tuple[int, Array]] = [(0, live.copy())]
        waiting: list[_Barrier] = []
        while ready or waiting:
            if not ready:
                self._release(waiting, ready, live)
                continue
            number = min(part for part, _ in ready)
            here = [mask for part, mask in ready if part == number]
            ready = [each for each in ready if each[0] != number]
            mask = here[0] if len(here) == 1 else np.logical_or.reduce(here)
            self._execute(number, mask, live)
            self._go_on(number, mask, ready, waiting, live)

    def _execute(self, number: int, mask: Array, live: Array) -> None:
        part = self._parts[number]
        everyone = bool(mask.all())
        self._group.mask = None if everyone else mask
        for observer in self.spaces.observers:
            observer.executed(part.block, mask)
        # Threads that have ended may compute along: nobody reads their registers.
        if everyone or np.array_equal(mask, live):
            steps = part.full = self._steps(part.block, False) if part.full is None else part.full
        else:
            steps = part.masked = self._steps(part.block, True) if part.masked is None else part.masked
        for run in steps:
            run()

    def _go_on(
        self, number: int, mask: Array, ready: list[tuple[int, Array]], waiting: list[_Barrier], live: Array
    ) -> None:
        """Where the threads of a group are after a block."""
        block, last = self._parts[number].block, self._parts[number].last
        taken = mask
        if last.guard is not None and (last.name in flow.JUMPS or last.name in flow.BARRIERS):
            memory = self._file.arrays[last.guard.name]
            taken = mask & (~memory if last.guard.negated else memory)
        if last.name == "bra":
            for observer in self.spaces.observers if last.guard is not None else ():
                observer.branched(last, mask, taken)
            _put(ready, block.target, taken)
        elif last.name in flow.JUMPS:
            live &= ~taken
        elif last.name in flow.BARRIERS and not {"warp", "arrive", "cluster"} & set(last.modifiers):
            if "red" in last.modifiers:
                raise UnsupportedInstruction(last)
            if taken.any() and block.next is not None:
                waiting.append(_Barrier(*self._barrier(last), block.next, taken))
        elif last.name in flow.BARRIERS and "warp" not in last.modifiers:
            raise UnsupportedInstruction(last)
        else:
            _put(ready, block.next, mask)
            return
        if taken is not mask:
            _put(ready, block.next, mask & ~taken)

    def _barrier(self, step: Instruction) -> tuple[int, int | None]:
        """(its number, how many threads it waits for)"""
        site = self._site(step, False)
        values = [int(np.ravel(site.source(index, "u32"))[0]) for index in range(len(step.operands))]
        return values[0] if values else 0, values[1] if len(values) > 1 else None

    def _release(self, waiting: list[_Barrier], ready: list[tuple[int, Array]], live: Array) -> None:
        """Let those go on whose whole block has come to the barrier (section 9.7.13.1)."""
        blocks = self.spaces.block
        alive = np.bincount(blocks[live], minlength=self.blocks)
        opened = False
        for number in sorted({each.number for each in waiting}):
            at = [each for each in waiting if each.number == number]
            arrived = np.bincount(blocks[np.logical_or.reduce([each.mask for each in at])], minlength=self.blocks)
            needed = alive if at[0].threads is None else np.minimum(at[0].threads, self.threads)
            open_ = ((arrived >= needed) & (arrived > 0))[blocks]
            if not open_.any():
                continue
            opened = True
            met = open_ & np.logical_or.reduce([each.mask for each in at])
            for observer in self.spaces.observers:
                observer.barrier(met)
            for each in at:
                _put(ready, each.part, each.mask & open_)
                each.mask = each.mask & ~open_
        waiting[:] = [each for each in waiting if each.mask.any()]
        if not opened:
            lane = int(np.flatnonzero(waiting[0].mask)[0])
            raise DeadlockError(
                f"{self.kernel.name}: block {self.spaces.first_block + blocks[lane]} waits for ever at barrier "
                f"{waiting[0].number}, which only some of its threads reach"
            )

    def _site(self, step: Instruction, redirected: bool) -> Site:
        return Site(
            step, self._file, self._group, self.options, self._specials.values, self._symbols, self.spaces, redirected
        )

    def _steps(self, block: flow.Block, masked: bool) -> list[Step]:
        code = self.kernel.instructions
        return [
            self._step(code[index], masked)
            for index in range(block.first, block.end)
            if index not in self._skipped and code[index].name not in flow.JUMPS | flow.BARRIERS
        ]

    def _step(self, instruction: Instruction, masked: bool) -> Step:
        """The instruction as a function; one that is not supported raises when it is reached."""
        try:
            effect = instructions.effect(instruction.name)
            if effect is not None:
                return effect(self._site(instruction, False))
            make = instructions.computation(instruction)
            if not masked and instruction.guard is None:
                return make(self._site(instruction, False))
            site = self._site(instruction, True)
            return self._kept(site, make(site), masked)
        except UnsupportedInstruction as error:
            return _raiser(error)

    def _kept(self, site: Site, compute: Step, masked: bool) -> Step:
        """Compute for all threads, and keep what those got that execute."""
        guard, group = site.instruction.guard, self._group

        def run() -> None:
            compute()
            mask = group.mask if masked else None
            if guard is not None:
                predicate = site.predicate(guard)
                mask = predicate if mask is None else mask & predicate
            for memory, beside in site.outputs:
                if mask is None:
                    memory[...] = beside
                else:
                    np.copyto(memory, beside, where=mask)

        return run


def _put(ready: list[tuple[int, Array]], part: int | None, mask: Array) -> None:
    if part is not None and mask.any():
        ready.append((part, mask))


def _raiser(error: UnsupportedInstruction) -> Step:
    def run() -> None:
        raise error

    return run

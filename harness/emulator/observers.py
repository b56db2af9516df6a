"""The interface of an observer: what the machine reports of executed instructions, memory accesses and barriers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.emulator.arithmetic import Array
from harness.emulator.flow import Block
from harness.emulator.ptx import Instruction


@dataclass(frozen=True)
class Access:
    """One memory instruction of a group of threads."""

    instruction: Instruction
    space: str  # "global", "shared", "local"
    kind: str  # "load", "store", "atomic"
    lanes: Array  # the threads of the batch that take part
    addresses: Array  # of each of them: in global memory the host's, in shared and local memory from 0
    bytes: int  # of each thread


class Observer:
    """Does nothing; a listener overrides what it wants to hear."""

    def batch(self, spaces: Any, blocks: int) -> None:
        """So many blocks begin; `spaces` (spaces.Spaces) has the number of the first, and the block of each thread."""

    def executed(self, block: Block, mask: Array) -> None:
        """The threads of a mask are about to execute a block of instructions."""

    def accessed(self, access: Access) -> None:
        """Threads are about to access memory: before a store, before a load."""

    def branched(self, instruction: Instruction, mask: Array, taken: Array) -> None:
        """The threads of `mask` have met a branch with a condition, and those of `taken` take it."""

    def barrier(self, mask: Array) -> None:
        """These threads have met at a barrier of their blocks."""

"""The common form of an instruction, in which machine code of every architecture is counted."""

from __future__ import annotations

from dataclasses import dataclass

# Names among `reads` and `writes` that stand for memory: what is stored there stays, whatever is stored next.
SHARED, LOCAL = "shared memory", "local memory"


@dataclass(frozen=True)
class MemoryAccess:
    """A thread's access to memory."""

    space: str  # "global", "shared" or "local"
    is_store: bool
    bytes: int


@dataclass(frozen=True)
class MachineInstruction:
    """One instruction: what it does to control flow and to data.

    `target` is the place of the instruction that a branch goes to, in the list that this one is in. `ends`: what
    follows is not executed after it. `may_end`: that is so for the threads for which its predicate holds.
    """

    opcode: str  # with its modifiers: "LDG.E.128", "v_exp_f32_e32"
    reads: frozenset[str] = frozenset()  # registers, the predicate's among them
    writes: frozenset[str] = frozenset()
    target: int | None = None
    ends: bool = False
    may_end: bool = False
    is_predicated: bool = False
    access: MemoryAccess | None = None

    @property
    def brings_data(self) -> bool:
        """Whether what it writes is what tensors hold."""
        return self.access is not None and self.access.space == "global" and not self.access.is_store

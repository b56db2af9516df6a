"""Faults: what a kernel did that it must not do, and at which line of its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.emulator.ptx import Instruction


@dataclass(frozen=True)
class Fault:
    """One kind of fault at one instruction: the first thread that met it, and how many did."""

    kind: str  # "outside", "misaligned", "unwritten", "race", "two blocks", "divergent"
    kernel: str
    block: int
    thread: int
    tensor: str  # or "shared", "local"
    offset: int  # bytes from the tensor's start; negative before it
    bytes: int  # of the access
    is_store: bool
    place: str  # in the source, as PTX's .loc gives it
    text: str  # the instruction
    detail: str = ""
    threads: int = 1  # how many met it at this instruction

    def __str__(self) -> str:
        does = {
            "outside": f"{'writes' if self.is_store else 'reads'} outside of every tensor",
            "misaligned": f"{'writes' if self.is_store else 'reads'} at an address that is no multiple of {self.bytes}",
            "unwritten": "reads what nobody wrote",
            "race": "meets another thread in shared memory without a barrier between them",
            "two blocks": "writes where another block has written",
            "divergent": "takes a value from a thread that does not take part",
        }[self.kind]
        where = f"{self.tensor} at byte {self.offset}" if self.tensor else f"address {self.offset:#x}"
        more = self.threads - 1
        many = f", and {more} more thread{'s' if more > 1 else ''}" if more else ""
        return (
            f"{self.kernel} {does}: {where}, by block {self.block}, thread {self.thread}{many}, "
            f"{self.place or 'no source line'} (`{self.text}`){': ' + self.detail if self.detail else ''}"
        )


class Faults:
    """The faults of a launch. Of one kind at one instruction only the first is kept, with the number of all."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], Fault] = {}

    def add(self, instruction: Instruction, fault: Fault) -> None:
        key = (fault.kind, fault.tensor, instruction.index)
        before = self._found.get(key)
        if before is None:
            self._found[key] = fault
        else:
            self._found[key] = replace(before, threads=before.threads + fault.threads)

    def all(self) -> tuple[Fault, ...]:
        return tuple(self._found.values())

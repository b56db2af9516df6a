"""What is known of how often machine code is executed: from its PTX that was executed, or from what it has to move."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.emulator.counts import Counts
from harness.emulator.ptx import SIZES, Instruction, Kernel, Vector
from harness.machine_code.frequencies import BasicBlock, Code, Fact
from harness.machine_code.instructions import MemoryAccess

# An access to memory is neither moved out of a loop nor dropped: it tells more than all arithmetic of its block.
_ACCESS = 1000.0
# Stores come once each; loads of a bias come again and again.
_STORED, _LOADED = 10.0, 1.0


@dataclass(frozen=True)
class Execution:
    """A block that the emulated GPU executed, and the line of the PTX that each instruction of its code comes from."""

    kernel: Kernel
    counts: Counts
    warps: int
    lines: Sequence[int | None]

    def times(self, line: int) -> float:
        """How often a warp executed a line, in the mean over the block's."""
        return self.counts.lines[line] / self.warps


def from_execution(code: Code, graph: Sequence[BasicBlock], run: Execution) -> list[Fact]:
    """A fact for each line of the PTX that became machine code.

    Copies of an access are told by its bytes, those of other instructions by the rarest opcode that they became.
    """
    asked: Counter[int] = Counter()
    for step in run.kernel.instructions:
        asked[step.line] += _bytes(step)
    met: dict[int, Counter[tuple[int, str]]] = defaultdict(Counter)
    moved: dict[int, Counter[int]] = defaultdict(Counter)
    for index, block in enumerate(graph):
        for place in range(block.start, block.stop):
            line, access = run.lines[place], code[place].access
            if line is None or line not in run.counts.lines:
                continue
            met[line][index, code[place].opcode] += 1
            if access and access.space != "local":  # of several accesses that became one, this line's
                moved[line][index] += min(access.bytes, asked[line])
    found = []
    for line, opcodes in met.items():
        is_access = bool(moved[line].total())
        if is_access:
            shares = {index: size / asked[line] for index, size in moved[line].items()}
        else:
            shares = {index: float(min(n for (at, _), n in opcodes.items() if at == index)) for index, _ in opcodes}
        found.append(Fact(tuple(sorted(shares.items())), run.times(line), _ACCESS if is_access else 1.0))
    return found


def _bytes(step: Instruction) -> int:
    """What a thread moves by a load or a store."""
    if step.name not in ("ld", "st") or step.has("param") or not step.types:
        return 0
    items = next((len(each.items) for each in step.operands if isinstance(each, Vector)), 1)
    return SIZES[step.types[-1]] * items


def from_bytes(code: Code, graph: Sequence[BasicBlock], stored: float, loaded: float) -> Iterator[Fact]:
    """What a thread has to move, and that it stores and loads something if its code does."""
    for is_store, asked, weight in ((True, stored, _STORED), (False, loaded, _LOADED)):
        widths = [[access.bytes for access in _global(code, block) if access.is_store == is_store] for block in graph]
        narrowest = min((width for here in widths for width in here), default=0)
        shares = tuple((index, float(sum(here))) for index, here in enumerate(widths) if here)
        yield Fact(shares, max(asked, narrowest), weight)


def _global(code: Code, block: BasicBlock) -> Iterator[MemoryAccess]:
    accesses = (each.access for each in code[block.start : block.stop])
    return (each for each in accesses if each is not None and each.space == "global")

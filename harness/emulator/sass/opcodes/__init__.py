"""What each opcode of NVIDIA's machine code means, in PTX. NVIDIA documents none of it.

A meaning here is what the opcode's name says, held against PTX: docs/emulation.md has on how many inputs kernels that
execute it gave the same bits. What an opcode does in the uniform path ("UIADD3") is what it does elsewhere ("IADD3").
A modifier that its meaning does not take is unknown, and so is the instruction.
"""

from __future__ import annotations

from harness.emulator.sass.opcodes import data, floating, halves, integer, predicates
from harness.emulator.sass.writer import Meaning

MEANINGS: dict[str, Meaning] = {
    **data.MEANINGS, **integer.MEANINGS, **floating.MEANINGS, **halves.MEANINGS, **predicates.MEANINGS
}  # fmt: skip


def meaning(name: str) -> Meaning | None:
    """Of an opcode without its modifiers, or None where it is not known."""
    names = (name, "S2R" if name == "S2UR" else name, name.removeprefix("U"), name.removesuffix("U"))
    return next((MEANINGS[each] for each in names if each in MEANINGS), None)

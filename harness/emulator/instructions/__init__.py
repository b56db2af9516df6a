"""The instructions of PTX, a file for a kind of them, each a few lines that name their section of the PTX ISA.

A computation is `make(site) -> step`: it finds its operands when the program is decoded, and the step computes for all
threads. It writes its result once and last, since a result may take the place of an operand. An effect is made in the
same way, but its step looks for itself which threads take part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.emulator.instructions import (
    approximate,
    atomics,
    compare,
    convert,
    floating,
    integer,
    logic,
    memory,
    move,
    packed,
    warps,
)
from harness.emulator.ptx import Instruction, UnsupportedInstruction

Make = Callable[[Any], Callable[[], None]]

_EFFECTS: dict[str, Make] = {**memory.EFFECTS, **atomics.EFFECTS, **warps.EFFECTS}
# By what the opcode alone says, then by the type that it names.
_COMPUTATIONS: dict[str, Make] = {
    **logic.COMPUTATIONS, **move.COMPUTATIONS, **convert.COMPUTATIONS, **compare.COMPUTATIONS
}  # fmt: skip
_FLOATING: dict[str, Make] = {**floating.COMPUTATIONS, **approximate.COMPUTATIONS}
_BY_KIND: dict[str, dict[str, Make]] = {
    **dict.fromkeys(("f32", "f64"), _FLOATING),
    **dict.fromkeys(("f16", "bf16", "f16x2", "bf16x2", "f32x2"), packed.COMPUTATIONS),
    **dict.fromkeys([f"{sign}{size}" for sign in "usb" for size in (8, 16, 32, 64)], integer.COMPUTATIONS),
    **dict.fromkeys(("u16x2", "s16x2"), integer.PAIRS),
}


def effect(name: str) -> Make | None:
    """How to make an instruction that does more than fill its registers, or None."""
    return _EFFECTS.get(name)


def computation(instruction: Instruction) -> Make:
    """How to make an instruction that fills its registers and does nothing else. Raises UnsupportedInstruction."""
    found = _COMPUTATIONS.get(instruction.name)
    if found is None and instruction.types:
        if len(set(instruction.types)) > 1 and instruction.name in packed.MIXED:
            found = packed.MIXED[instruction.name]
        else:
            found = _BY_KIND.get(instruction.types[-1], {}).get(instruction.name)
    if found is None:
        raise UnsupportedInstruction(instruction)
    return found

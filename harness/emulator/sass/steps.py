"""What a line of machine code becomes: instructions of PTX, and loads of the constants that it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.emulator import ptx
from harness.emulator.ptx import Address, Constant, Register, Symbol, Vector
from harness.emulator.sass.reader import CodeLine

BANK = "bank"  # the one parameter of a kernel that is made of machine code: its constant banks, one after the other
BANK_BYTES = 8192
BANKS = {0: 0, 2: 8192, 3: 16384}  # 0 is the launch's; 2 and 3, the kernel's and the module's, the compiler fills
ALL_BANKS_BYTES = 24576
TRUE, FALSE, ZERO = Constant(1), Constant(0), Constant(0)


class Unknown(Exception):
    """An opcode, a modifier or an operand whose meaning is not known here."""


@dataclass(frozen=True)
class Step:
    """An instruction of PTX without its place in the text."""

    opcode: str  # "fma.rn.f32"
    operands: tuple[Any, ...]
    guard: Register | None = None


@dataclass
class Constants:
    """What a kernel has besides its lines: of constant banks what it reads, loaded once before its first line."""

    loads: dict[tuple[int, str], Register] = field(default_factory=dict)  # by place among all banks
    returns: tuple[int, ...] = ()  # the addresses behind calls, to which a function may go back

    def load(self, bank: int, offset: int, kind: str) -> Register:
        if bank not in BANKS or offset + 8 > BANK_BYTES:
            raise Unknown(f"constant bank {bank} at {offset:#x}")
        place = BANKS[bank] + offset
        return self.loads.setdefault((place, kind), Register(f"%c{place:x}{kind}", kind))

    def steps(self) -> list[Step]:
        return [
            Step(f"ld.param.{kind}", (register, Address(Symbol(BANK), offset)))
            for (offset, kind), register in self.loads.items()
        ]


def return_label(address: int) -> str:
    return f"return to {address:#x}"


def fills(step: Step, register: Register) -> bool:
    first = step.operands[0] if step.operands else None
    items = first.items if isinstance(first, Vector) else (first,)
    return any(isinstance(each, Register) and each.name == register.name for each in items)


def result_type(opcode: str) -> str:
    """The type of a register that holds a result: "b64" of cvt.u64.u32."""
    name, *modifiers = opcode.split(".")
    if name == "setp" or modifiers[-1] == "pred":
        return "pred"
    types = [each for each in modifiers if each in ptx.SIZES]
    bits = 8 * ptx.SIZES[types[0] if name in ("cvt", "set") else types[-1]]
    return f"b{2 * bits if 'wide' in modifiers else bits}"


def guard_of(line: CodeLine) -> Register | None:
    if line.guard is None or line.guard.name.endswith("PT"):
        return None
    return Register(line.guard.name, "pred", line.guard.inverted)

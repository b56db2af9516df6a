"""Makes a kernel of PTX's instructions from a listing of machine code, so that the machine can run it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.emulator import flow
from harness.emulator.ptx import Instruction, Kernel, Variable
from harness.emulator.sass.opcodes import meaning
from harness.emulator.sass.reader import CodeLine, Listing
from harness.emulator.sass.steps import ALL_BANKS_BYTES, BANK, Constants, Step, Unknown, return_label
from harness.emulator.sass.writer import Writer


@dataclass(frozen=True)
class Lifted:
    """A kernel, and the line of the listing that each of its instructions comes from (None for the first loads)."""

    kernel: Kernel
    origins: tuple[CodeLine | None, ...]
    unknown: tuple[str, ...]  # a sentence for each line whose meaning is not known: it must not be reached
    listing: Listing
    starts: tuple[int, ...]  # where the instructions of each line begin, and behind them all, where the last's end

    @cached_property
    def dead(self) -> frozenset[int]:
        """Instructions whose results nobody reads: the machine does not execute them."""
        return flow.analyse(self.kernel).dead


def lift(listing: Listing, target: str) -> Lifted:
    """What the lines mean. One that is not known raises UnsupportedInstruction when it is reached, not before."""
    calls = [place + 1 for place, line in enumerate(listing.lines[:-1]) if line.name == "CALL"]
    constants = Constants(returns=tuple(listing.lines[place].address for place in calls))
    steps: list[tuple[Step, CodeLine | None]] = []
    starts: list[int] = []
    unknown: list[str] = []
    for line in listing.lines:
        starts.append(len(steps))
        try:
            steps += [(step, line) for step in _steps(line, constants)]
        except Unknown as error:
            unknown.append(f"{line.opcode} in line {line.number} of the machine code (`{line.text}`): {error}")
            steps.append((Step("unknown", ()), line))
    starts.append(len(steps))
    first: list[tuple[Step, CodeLine | None]] = [(step, None) for step in constants.steps()]
    kernel = Kernel(listing.kernel, target, parameters=[Variable(BANK, "param", ALL_BANKS_BYTES, 8)])
    kernel.instructions += [_instruction(index, *each) for index, each in enumerate([*first, *steps])]
    places = listing.labels | {return_label(listing.lines[place].address): place for place in calls}
    kernel.labels = {label: starts[place] + len(first) for label, place in places.items()}
    origins = tuple(line for _, line in (*first, *steps))
    return Lifted(kernel, origins, tuple(unknown), listing, tuple(each + len(first) for each in starts))


def _steps(line: CodeLine, constants: Constants) -> list[Step]:
    found = meaning(line.name)
    if found is None:
        raise Unknown("an opcode that is not known")
    writer = Writer(line, constants)
    found(writer)
    return writer.finish()


def _instruction(index: int, step: Step, line: CodeLine | None) -> Instruction:
    name, *modifiers = step.opcode.split(".")
    text, number = (line.text, line.number) if line else (step.opcode, 0)
    return Instruction(index, name, tuple(modifiers), step.operands, step.guard, text, number, "", "the machine code")

"""Analyses a kernel before it runs: basic blocks, live ranges of registers, launch constants, dead code.

Registers whose lives do not overlap share memory, so that the register file of many threads fits the cache. One that
is made of parameters and constants alone is computed once for a launch, as one number for all threads.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.emulator.ptx import Address, Constant, Instruction, Kernel, Operand, Register, Symbol, Vector

# What ends a block: control goes elsewhere, or waits.
JUMPS = {"bra", "ret", "exit", "trap"}
BARRIERS = {"bar", "barrier"}
# What does something besides filling its registers, so that it stays even where nobody needs them.
EFFECTS = {
    "st", "atom", "red", "bar", "barrier", "cp", "stmatrix", "bra", "ret", "exit", "trap", "shfl", "vote", "match",
    "redux", "membar", "fence", "call", "brkpt", "mbarrier", "griddepcontrol", "discard", "prefetch", "applypriority",
    "setmaxnreg", "nanosleep", "ld", "ldu", "ldmatrix", "activemask", "elect", "wgmma", "mma", "wmma", "tcgen05",
}  # fmt: skip
# Those whose first operand is read, not written.
READS_FIRST = {
    "st",
    "red",
    "bar",
    "barrier",
    "cp",
    "stmatrix",
    "bra",
    "membar",
    "fence",
    "prefetch",
    "discard",
    "nanosleep",
}

CARRY = Register("%cc", "pred")  # the flag of additions with carries (section 9.7.2)


@dataclass(frozen=True)
class Block:
    """Instructions that are executed one after the other, without another way in or out."""

    first: int
    end: int  # one behind the last
    next: int | None  # the block that follows in the text
    target: int | None  # the block that the last instruction jumps to


@dataclass(frozen=True)
class Flow:
    blocks: tuple[Block, ...]
    constants: tuple[int, ...]  # instructions that compute launch constants, in an order that works
    constant_registers: frozenset[str]
    dead: frozenset[int]  # instructions whose results nobody reads
    lives: dict[str, tuple[int, int]]  # first and last instruction between which a register holds what is needed
    types: dict[str, str]


def registers(operand: Operand) -> list[Register]:
    if isinstance(operand, Register):
        return [operand]
    if isinstance(operand, Address):
        return registers(operand.base)
    if isinstance(operand, Vector):
        return [each for item in operand.items for each in registers(item)]
    return []


def written(instruction: Instruction) -> list[Register]:
    """The registers that it fills."""
    if instruction.name in READS_FIRST or instruction.name in JUMPS or not instruction.operands:
        return []
    first = instruction.operands[0]
    carry = [CARRY] if instruction.has("cc") else []
    return carry if isinstance(first, Address) else registers(first) + carry


def read(instruction: Instruction) -> list[Register]:
    """The registers that it takes, its guard included."""
    operands = instruction.operands
    if written(instruction) or instruction.operands[:1] == (None,):
        operands = operands[1:]
    found = [each for operand in operands for each in registers(operand)]
    carry = [CARRY] if instruction.name in ("addc", "subc", "madc") else []
    return found + carry + ([instruction.guard] if instruction.guard else [])


def analyse(kernel: Kernel) -> Flow:
    code = kernel.instructions
    blocks = _blocks(kernel)
    filled, taken = [written(step) for step in code], [read(step) for step in code]
    types = {each.name: each.type for pair in zip(filled, taken, strict=True) for found in pair for each in found}
    constants, constant_registers = _constants(code, filled, taken)
    numbers = {name: index for index, name in enumerate(types)}
    uses, makes = ([_bits(found, numbers) for found in each] for each in (taken, filled))
    after = _live_after_blocks(code, blocks, uses, makes)
    lives: dict[str, tuple[int, int]] = {}
    names = list(types)
    dead = set()
    for block, live in zip(blocks, after, strict=True):
        _extend(lives, names, live, block.end - 1)
        for index in range(block.end - 1, block.first - 1, -1):
            step = code[index]
            if makes[index] and not makes[index] & live and (step.name not in EFFECTS or step.has("param")):
                dead.add(index)
                continue
            if step.guard is None:
                live &= ~makes[index]
            live |= uses[index]
            _extend(lives, names, uses[index] | makes[index], index)
        _extend(lives, names, live, block.first)
    return Flow(blocks, constants, constant_registers, frozenset(dead), lives, types)


def _blocks(kernel: Kernel) -> tuple[Block, ...]:
    code = kernel.instructions
    targets = {
        kernel.labels[operand.name]
        for step in code
        if step.name == "bra"
        for operand in step.operands
        if isinstance(operand, Symbol)
    }
    ends = {index + 1 for index, step in enumerate(code) if step.name in JUMPS or step.name in BARRIERS}
    starts = sorted({0} | targets | {each for each in ends if each < len(code)})
    starts = [each for each in starts if each < len(code)]
    number = {start: index for index, start in enumerate(starts)}
    blocks = []
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else len(code)
        last = code[end - 1]
        follows: int | None = index + 1 if index + 1 < len(starts) else None
        target = None
        if last.name == "bra":
            (label,) = (each for each in last.operands if isinstance(each, Symbol))
            target = number.get(kernel.labels[label.name])
        if last.name in JUMPS and last.guard is None:
            follows = None
        blocks.append(Block(start, end, follows, target))
    return tuple(blocks)


def _bits(found: list[Register], numbers: dict[str, int]) -> int:
    bits = 0
    for each in found:
        bits |= 1 << numbers[each.name]
    return bits


def _live_after_blocks(
    code: list[Instruction], blocks: tuple[Block, ...], uses: list[int], makes: list[int]
) -> list[int]:
    """The registers that are needed behind each block, as bits: the usual equations, solved by going round."""
    needs, kills = [], []
    for block in blocks:
        need = kill = 0
        for index in range(block.first, block.end):
            need |= uses[index] & ~kill
            kill |= makes[index] if code[index].guard is None else 0
        needs.append(need)
        kills.append(kill)
    before = [0] * len(blocks)
    after = [0] * len(blocks)
    changed = True
    while changed:
        changed = False
        for number in range(len(blocks) - 1, -1, -1):
            follow = [each for each in (blocks[number].next, blocks[number].target) if each is not None]
            out = 0
            for each in follow:
                out |= before[each]
            entry = needs[number] | (out & ~kills[number])
            changed |= entry != before[number] or out != after[number]
            before[number], after[number] = entry, out
    return after


def _extend(lives: dict[str, tuple[int, int]], names: list[str], bits: int, index: int) -> None:
    while bits:
        low = bits & -bits
        name = names[low.bit_length() - 1]
        first, last = lives.get(name, (index, index))
        lives[name] = (min(first, index), max(last, index))
        bits ^= low


def _constants(
    code: list[Instruction], filled: list[list[Register]], taken: list[list[Register]]
) -> tuple[tuple[int, ...], frozenset[str]]:
    """Launch constants: filled by one instruction, from parameters, numbers and other launch constants.

    `filled` and `taken` are the registers that each instruction writes and reads.

    Halves of a register are taken apart lane by lane, so what packed instructions read is none.
    """
    makers: dict[str, list[int]] = {}
    packed: set[str] = set()
    for step, into, out_of in zip(code, filled, taken, strict=True):
        for each in into:
            makers.setdefault(each.name, []).append(step.index)
        if any(kind.endswith("x2") for kind in step.types):
            packed |= {each.name for each in (*out_of, *into)}
    order: list[int] = []
    known: set[str] = set()
    waiting = [
        (step.index, into, out_of)
        for step, into, out_of in zip(code, filled, taken, strict=True)
        if _may_be_constant(step, into, makers, packed)
    ]
    while True:
        ready = [each for each in waiting if all(register.name in known for register in each[2])]
        if not ready:
            return tuple(order), frozenset(known)
        done = {index for index, _, _ in ready}
        order += sorted(done)
        known |= {register.name for _, into, _ in ready for register in into}
        waiting = [each for each in waiting if each[0] not in done]


def _may_be_constant(step: Instruction, filled: list[Register], makers: dict[str, list[int]], packed: set[str]) -> bool:
    if (
        not filled
        or step.guard is not None
        or CARRY in filled
        or any(len(makers[e.name]) > 1 or e.name in packed for e in filled)
    ):
        return False
    if step.name == "ld":
        return step.has("param")
    plain = (Register, Constant, Symbol, Vector)
    return step.name not in EFFECTS and all(isinstance(each, plain) for each in step.operands)

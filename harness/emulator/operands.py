"""Finds an instruction's operands: registers of all threads, as arrays with one number per thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.flow import Flow
from harness.emulator.ptx import (
    SIZES,
    Address,
    Constant,
    Instruction,
    Register,
    Special,
    Symbol,
    UnsupportedInstruction,
)

BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_NUMPY: dict[str, Any] = {
    "pred": np.bool_, "f16": np.uint16, "bf16": np.uint16, "f16x2": np.uint16, "bf16x2": np.uint16, "f32": np.float32,
    "f64": np.float64, "f32x2": np.float32, "u16x2": np.uint16, "s16x2": np.int16,
}  # fmt: skip
_NUMPY |= {f"{kind}{8 * size}": BITS[size] for kind in "bu" for size in BITS}
_NUMPY |= {"s8": np.int8, "s16": np.int16, "s32": np.int32, "s64": np.int64}


def dtype(kind: str) -> Any:
    """numpy's for a type of PTX; fp16 and bfloat16, which numpy computes slowly or not at all, are uint16."""
    return np.dtype(_NUMPY[kind])


@dataclass
class Group:
    """The threads that execute now: those of a mask, or all for None."""

    mask: Array | None = None


@dataclass(frozen=True)
class Options:
    """Choices that the PTX ISA leaves to an architecture.

    Args:
        approximate: where in the ISA's bound an approximation lies: "nearest", or the "low" or "high" end of it.
    """

    approximate: str = "nearest"


class File:
    """The register file of so many threads: memory for the registers that are alive at a time.

    A launch constant is an array of one number, which numpy spreads where it is used.
    """

    def __init__(self, flow: Flow, lanes: int) -> None:
        self.lanes = lanes
        self.arrays: dict[str, Array] = {}
        self._tools: dict[Any, Any] = {}
        self._scratch: dict[tuple[Any, int], Array] = {}
        free: dict[str, list[Array]] = {}
        active: list[tuple[int, str, str]] = []  # (last use, kind, name)
        for name, (first, last) in sorted(flow.lives.items(), key=lambda each: each[1]):
            kind = flow.types[name]
            if name in flow.constant_registers:
                self.arrays[name] = np.zeros(1, dtype(kind))
                continue
            for ended in [each for each in active if each[0] < first]:
                active.remove(ended)
                free.setdefault(ended[1], []).append(self.arrays[ended[2]])
            pool = free.get(kind)
            # The one that was freed last is the one that is still in the cache.
            self.arrays[name] = pool.pop() if pool else np.zeros(lanes, dtype(kind))
            active.append((last, kind, name))
        self.slots = len({id(each) for each in self.arrays.values()})

    def scratch(self, kind: Any, slot: int, length: int | None = None) -> Array:
        """Memory for what lies between two steps of one instruction."""
        size = self.lanes if length is None else length
        key = (np.dtype(kind).str + str(size), slot)
        if key not in self._scratch:
            self._scratch[key] = np.empty(size, kind)
        return self._scratch[key]

    def tool(self, key: Any, make: Callable[[], Any]) -> Any:
        """What instructions of a kind share because it has memory of its own."""
        if key not in self._tools:
            self._tools[key] = make()
        return self._tools[key]


@dataclass
class Site:
    """One instruction and its operands; with `redirected`, its results go to memory beside the registers."""

    instruction: Instruction
    file: File
    group: Group
    options: Options
    specials: dict[str, Array]
    symbols: dict[str, int]  # addresses
    memory: Any  # spaces.Spaces: all that threads can access
    redirected: bool = False
    outputs: list[tuple[Array, Array]] = field(default_factory=list)  # (register, where its result went)

    def has(self, modifier: str) -> bool:
        return modifier in self.instruction.modifiers

    def unsupported(self, why: str = "the emulated GPU does not execute it") -> UnsupportedInstruction:
        return UnsupportedInstruction(self.instruction, why)

    @property
    def kind(self) -> str:
        """The last type that the opcode names."""
        types = self.instruction.types
        if not types:
            raise self.unsupported()
        return types[-1]

    def operand(self, index: int) -> Any:
        return self.instruction.operands[index]

    def register(self, register: Register) -> Array:
        """The memory of a register, as unsigned numbers (or truth values)."""
        return self.file.arrays[register.name]

    def out(self, kind: str, operand: Any = ...) -> Array:
        """Where a result is to be written, once and at the end: it may be the memory of an operand."""
        target = self.instruction.operands[0] if operand is ... else operand
        wanted = dtype(kind)
        if target is None or not isinstance(target, Register) or target.name not in self.file.arrays:
            return self.file.scratch(BITS.get(SIZES[kind], np.uint8), 90).view(wanted)
        memory = self.register(target)
        if self.redirected:
            beside = self.file.scratch(memory.dtype, 100 + len(self.outputs), memory.size)
            self.outputs.append((memory, beside))
            memory = beside
        if memory.dtype.itemsize != SIZES[kind] and kind != "pred":
            raise self.unsupported(f"a result of type {kind} in a register of type {target.type}")
        return memory.view(wanted)

    def out_wide(self, kind: str, operand: Any = ...) -> Callable[[Any], None]:
        """A writer to a register that may be wider than `kind`: signed numbers are extended by their sign."""
        target = self.instruction.operands[0] if operand is ... else operand
        if not isinstance(target, Register):
            return lambda values: None
        memory = self.out(target.type, target)
        if memory.dtype.itemsize < SIZES[kind]:
            raise self.unsupported(f"a result of type {kind} in a register of type {target.type}")
        sign = "s" if kind[0] == "s" else "u"
        view = memory.view(dtype(f"{sign}{8 * memory.dtype.itemsize}"))
        return lambda values: np.copyto(view, values, casting="unsafe")

    def source(self, index: int, kind: str) -> Any:
        """What an operand holds: an array of one number per thread (two where `kind` is packed), or one number."""
        return self.value(self.instruction.operands[index], kind)

    def value(self, operand: Any, kind: str) -> Any:
        wanted = dtype(kind)
        if isinstance(operand, Register):
            memory = self.register(operand)
            if memory.dtype.itemsize > SIZES[kind] and memory.dtype != np.bool_:
                return memory.view(BITS[SIZES[kind]])[:: memory.dtype.itemsize // SIZES[kind]].view(wanted)
            if memory.dtype.itemsize < SIZES[kind]:
                raise self.unsupported(f"an operand of type {kind} in a register of type {operand.type}")
            return memory.view(wanted)
        if isinstance(operand, Special):
            found = self.specials.get(operand.name)
            if found is None:
                raise self.unsupported(f"%{operand.name} is not known to the emulated GPU")
            return found.view(wanted) if found.dtype.itemsize == wanted.itemsize else found.astype(wanted)
        if isinstance(operand, Symbol):
            return np.array([self.symbols[operand.name] + operand.offset], np.uint64).astype(wanted)
        if isinstance(operand, Constant):
            literal = _literal(operand, kind)
            return literal if literal.size == 1 else np.tile(literal, self.file.lanes)
        raise self.unsupported("an operand of a form that the emulated GPU does not know")

    def all_lanes(self, values: Any, length: int | None = None) -> Array:
        """One number per thread, also where it is the same for all."""
        size = self.file.lanes if length is None else length
        return values if np.size(values) == size else np.broadcast_to(values, (size,))

    def predicate(self, register: Register) -> Array:
        memory = self.register(register)
        return ~memory if register.negated else memory

    def address(self, operand: Address) -> Array:
        """64-bit addresses, one per thread."""
        kind = f"u{8 * SIZES[operand.base.type]}" if isinstance(operand.base, Register) else "u64"
        base = self.value(operand.base, kind)
        if operand.offset or base.dtype != np.uint64:
            base = base.astype(np.uint64) + np.uint64(operand.offset % (1 << 64))
            if kind == "u32":
                base &= np.uint64(0xFFFFFFFF)
        return self.all_lanes(base)


def _literal(constant: Constant, kind: str) -> Any:
    """A number in the type that an instruction reads it as: an array of one, which numpy spreads."""
    size = SIZES[kind]
    if constant.bits is None:
        if kind in ("f32", "f64"):  # digits without a point stand for bits only where the type is bits
            return np.array([constant.value], dtype(kind))
        bits = int(constant.value) % (1 << 8 * size)
    else:
        written = 4 if isinstance(constant.value, float) and constant.bits < 1 << 32 else 8
        bits = constant.bits
        if written == 8 and size == 4:
            bits = int(np.float32(constant.value).view(np.uint32))
        elif written == 4 and size == 8:
            bits = int(np.float64(constant.value).view(np.uint64))
    if kind == "pred":
        return np.array([bool(constant.value)])
    return np.array([bits], BITS[size]).view(dtype(kind))

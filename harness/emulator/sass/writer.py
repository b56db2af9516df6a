"""Writes in PTX what one instruction of machine code means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.emulator.ptx import Address, Constant, Register, Symbol, Vector
from harness.emulator.sass.printed import SIGN, double_bits, float_constant, half_bits, integer, single_bits
from harness.emulator.sass.reader import Bank, CodeLine, Named, Operand, Place, Printed, following
from harness.emulator.sass.steps import (
    FALSE,
    TRUE,
    ZERO,
    Constants,
    Step,
    Unknown,
    fills,
    guard_of,
    result_type,
    return_label,
)


class Writer:
    """One instruction on its way into PTX: its operands and modifiers are taken one by one, and none may be left."""

    def __init__(self, line: CodeLine, constants: Constants) -> None:
        self.line = line
        self.steps: list[Step] = []
        self._constants = constants
        self._operands = list(line.operands)
        self._modifiers = list(line.modifiers)
        self._temps = 0

    def has(self, modifier: str) -> bool:
        """Whether the opcode has a modifier, which is then known."""
        found = modifier in self._modifiers
        if found:
            self._modifiers.remove(modifier)
        return found

    def one_of(self, *modifiers: str) -> str | None:
        return next((each for each in modifiers if self.has(each)), None)

    def ignore(self, *modifiers: str) -> None:
        for each in modifiers:
            self.has(each)

    @property
    def left(self) -> int:
        """How many operands are left."""
        return len(self._operands)

    def is_next(self, *letters: str) -> bool:
        """Whether the next operand is a register whose name begins so: "P", "UP", …"""
        if not self._operands or not isinstance(self._operands[0], Named):
            return False
        return any(
            self._operands[0].name.startswith(each) and not self._operands[0].name[len(each) :].startswith("R")
            for each in letters
        )

    @property
    def is_negative(self) -> bool:
        """Whether a register with - before it is next."""
        return bool(self._operands) and getattr(self._operands[0], "negative", False)

    def take(self) -> Operand:
        if not self._operands:
            raise Unknown("fewer operands than are known")
        return self._operands.pop(0)

    # What is written

    def out(self) -> Register | None:
        """The next operand as where a number or a truth goes."""
        operand = self.take()
        if not isinstance(operand, Named) or operand.negative or operand.inverted or operand.suffixes:
            raise Unknown("a result that is no register")
        return self._target(operand.name)

    def outs(self, count: int) -> Vector:
        """The next operand as the first of so many registers."""
        operand = self.take()
        if not isinstance(operand, Named):
            raise Unknown("a result that is no register")
        return Vector(tuple(self._target(each) for each in following(operand.name, count)))

    def predicates(self) -> tuple[Register | None, Register | None]:
        """The next two operands as where a truth and its opposite go."""
        return self.out(), self.out()

    @staticmethod
    def _target(name: str) -> Register | None:
        if name.endswith(("RZ", "PT")):
            return None
        return Register(name, "pred" if "P" in name else "b32")

    def temp(self, kind: str) -> Register:
        self._temps += 1
        return Register(f"%t{self.line.number}.{self._temps}", kind)

    # What is read

    def truth(self) -> Any:
        operand = self.take()
        if not isinstance(operand, Named) or "P" not in operand.name:
            raise Unknown("an operand that is no predicate")
        if operand.name.endswith("PT"):
            return FALSE if operand.inverted else TRUE
        return Register(operand.name, "pred", operand.inverted)

    def bits(self) -> Any:
        """A number of 32 bits: - is its complement to 2^32, ~ its inverse."""
        return self._bits_of(self.take())

    def _bits_of(self, operand: Operand) -> Any:
        if isinstance(operand, Printed):
            return Constant(integer(operand) % (1 << 32))
        raw = self._plain(operand, "b32")
        negative, inverted = getattr(operand, "negative", False), getattr(operand, "inverted", False)
        if getattr(operand, "absolute", False):
            raw = self.new("abs.s32", raw)
        if inverted:
            return Constant(int(raw.value) ^ 0xFFFFFFFF) if isinstance(raw, Constant) else self.new("not.b32", raw)
        if negative:
            return Constant(-int(raw.value) % (1 << 32)) if isinstance(raw, Constant) else self.new("neg.s32", raw)
        return raw

    def wide(self) -> Any:
        """An integer of 64 bits in two registers."""
        operand = self.take()
        if isinstance(operand, Printed):
            return Constant(integer(operand) % (1 << 64))
        if getattr(operand, "inverted", False):
            raise Unknown("~ before 64 bits")
        raw = self._plain(operand, "b64")
        return self.new("neg.s64", raw) if getattr(operand, "negative", False) else raw

    def words(self, count: int) -> list[Any]:
        """So many constants of the launch, one behind the other."""
        operand = self.take()
        if not isinstance(operand, Bank):
            raise Unknown("a constant at a place that is computed")
        return [self._constants.load(operand.bank, operand.offset + 4 * index, "b32") for index in range(count)]

    def part_of_word(self, bits: int, is_signed: bool) -> Any:
        """A constant of the launch of 8 or 16 bits, widened to 32."""
        operand = self.take()
        if not isinstance(operand, Bank):
            raise Unknown("a constant at a place that is computed")
        word = self._constants.load(operand.bank, operand.offset & ~3, "b32")
        kind = "s32" if is_signed else "u32"
        return self.new(f"bfe.{kind}", word, Constant(8 * (operand.offset & 3)), Constant(bits))

    def singles(self) -> list[Any]:
        """Two fp32 numbers: the lower and the upper register of a pair, or one number twice."""
        operand = self._operands[0] if self._operands else None
        suffixes = getattr(operand, "suffixes", ())
        if not isinstance(operand, Named) or suffixes == ("F32",) or operand.name.endswith("RZ"):
            if isinstance(operand, Named):
                self._operands[0] = replace(operand, suffixes=())
            return [self.single()] * 2
        if suffixes not in (("F32x2", "HI_LO"), ("F32x2", "LO_HI")):
            raise Unknown(f"a pair {suffixes}")
        names = following(operand.name, 2)
        self._operands[0:1] = [replace(operand, name=each, suffixes=()) for each in names]
        low, high = self.single(), self.single()
        return [low, high] if suffixes[1] == "HI_LO" else [high, low]

    def single(self) -> Any:
        """An fp32 number."""
        operand = self.take()
        if isinstance(operand, Printed):
            bits = integer(operand) % (1 << 32) if operand.is_integer else single_bits(operand)
            return float_constant(bits, "b32")
        return self._signed(operand, self._float(operand, "b32"), "b32")

    def double(self) -> Any:
        """An fp64 number in two registers; as a number only its upper 32 bits are in the code."""
        operand = self.take()
        if isinstance(operand, Printed):
            return float_constant(double_bits(operand), "b64")
        return self._signed(operand, self._float(operand, "b64"), "b64")

    def halves(self, is_brain: bool) -> Any:
        """Two 16-bit floats; two numbers one after the other are the upper and the lower one."""
        operand = self.take()
        if isinstance(operand, Printed):
            if operand.is_integer:
                return Constant(integer(operand) % (1 << 32))
            upper, lower = (half_bits(each, is_brain) for each in (operand, self.take()))
            return Constant(upper << 16 | lower)
        raw = self._plain(operand, "b32")
        suffixes = getattr(operand, "suffixes", ())
        if suffixes not in ((), ("H1_H0",), ("H0_H0",), ("H1_H1",)):
            raise Unknown(f"halves {suffixes}")
        if suffixes in (("H0_H0",), ("H1_H1",)) and not isinstance(raw, Constant):
            raw = self.new("prmt.b32", raw, ZERO, Constant(0x1010 if suffixes == ("H0_H0",) else 0x3232))
        return self._signed(operand, raw, "b32", 0x80008000)

    def half(self, is_brain: bool) -> Any:
        """One 16-bit float, the half that .H0_H0 or .H1_H1 names, widened to fp32."""
        operand = self.take()
        if isinstance(operand, Printed):
            return float_constant(single_bits(operand), "b32")
        raw = self._plain(operand, "b32")
        suffixes = getattr(operand, "suffixes", ())
        if suffixes not in (("H0_H0",), ("H0",), ("H1_H1",), ("H1",), ()):
            raise Unknown(f"a half {suffixes}")
        if not isinstance(raw, Constant):
            if suffixes in (("H1_H1",), ("H1",)):
                raw = self.new("shr.u32", raw, Constant(16))
            raw = self.new("cvt.f32.bf16" if is_brain else "cvt.f32.f16", raw)
        else:
            raw = float_constant(0, "b32")
        return self._signed(operand, raw, "b32")

    def place(self) -> Address:
        """An address of 64 bits where a register says .64, else of 32."""
        operand = self.take()
        if not isinstance(operand, Place):
            raise Unknown("an operand that is no address")
        wide = any("64" in each.suffixes for each in operand.parts)
        kind = "b64" if wide else "b32"
        terms = []
        for each in operand.parts:
            if each.name.endswith("RZ"):
                continue
            scale = next((int(suffix[1:]) for suffix in each.suffixes if suffix in ("X4", "X8", "X16")), 1)
            if set(each.suffixes) - {"64", "X4", "X8", "X16", "U32"}:
                raise Unknown(f"an address with {each.suffixes}")
            term = self._plain(Named(each.name), kind if "64" in each.suffixes else "b32")
            if scale > 1:
                term = self.new("shl.b32", term, Constant(scale.bit_length() - 1))
            terms.append(self.new("cvt.u64.u32", term) if wide and "64" not in each.suffixes else term)
        if not terms:
            return Address(Constant(0), operand.offset)
        while len(terms) > 1:
            terms[:2] = [self.new(f"add.u{kind[1:]}", terms[0], terms[1])]
        return Address(terms[0], operand.offset)

    def _plain(self, operand: Operand, kind: str) -> Any:
        """A register, two of them, or a constant of the launch, without its signs."""
        if isinstance(operand, Bank):
            return self._constants.load(operand.bank, operand.offset, kind)
        if not isinstance(operand, Named) or "R" not in operand.name or operand.name == "PR":
            raise Unknown("an operand of a form that is not known")
        if operand.name.endswith("RZ"):
            return ZERO
        if kind == "b32":
            return Register(operand.name, "b32")
        low, high = following(operand.name, 2)
        return self.new("mov.b64", Vector((Register(low, "b32"), Register(high, "b32"))))

    def _float(self, operand: Operand, kind: str) -> Any:
        if getattr(operand, "suffixes", ()):
            raise Unknown(f"an operand with {getattr(operand, 'suffixes', ())}")
        raw = self._plain(operand, kind)
        return float_constant(0, kind) if raw == ZERO else raw

    def _signed(self, operand: Operand, raw: Any, kind: str, sign: int | None = None) -> Any:
        """The signs before a float: | | clears the top bit, - turns it."""
        sign = SIGN[kind] if sign is None else sign
        whole = (1 << int(kind[1:])) - 1
        if getattr(operand, "inverted", False):
            raise Unknown("~ before a float")
        if getattr(operand, "absolute", False) and not isinstance(raw, Constant):
            raw = self.new(f"and.{kind}", raw, Constant(whole ^ sign))
        if getattr(operand, "negative", False):
            if isinstance(raw, Constant):
                return float_constant(sign, kind) if raw.bits is not None else Constant(sign)
            raw = self.new(f"xor.{kind}", raw, Constant(sign))
        return raw

    # The PTX

    def new(self, opcode: str, *sources: Any) -> Register:
        """A step whose result goes into a register of its own."""
        target = self.temp(result_type(opcode))
        self.steps.append(Step(opcode, (target, *sources)))
        return target

    def put(self, target: Any, opcode: str, *sources: Any) -> None:
        """A step whose result goes where the instruction's own goes; what goes nowhere needs no step."""
        items = target.items if isinstance(target, Vector) else (target,)
        if any(each is not None for each in items):
            self.act(opcode, target, *sources)

    def act(self, opcode: str, *operands: Any) -> None:
        """A step that is done where the instruction's guard holds."""
        self.steps.append(Step(opcode, operands, guard_of(self.line)))

    def branch(self, label: str, condition: Any) -> None:
        """Go on at a label where the guard and a condition hold."""
        guard = guard_of(self.line)
        if condition != TRUE:
            both = condition if guard is None else self.new("and.pred", guard, condition)
            guard = self.new("mov.pred", both)
        self.steps.append(Step("bra", (Symbol(label),), guard))

    def come_back(self, address: Any) -> None:
        """Go on behind the call that this address tells."""
        for each in self._constants.returns:
            self.branch(return_label(each), self.new("setp.eq.u32", address, Constant(each)))
        self.act("trap")

    def skip(self) -> None:
        """Leave the operands and modifiers: the instruction does nothing here."""
        self._operands.clear()
        self._modifiers.clear()

    def finish(self) -> list[Step]:
        """The steps. One that fills the guard's own register must not change what the steps behind it do."""
        guard = guard_of(self.line)
        if self._modifiers:
            raise Unknown(f"the modifier {self._modifiers[0]}")
        if self._operands:
            raise Unknown("more operands than are known")
        if self.line.guard is not None and self.line.guard.name.endswith("PT") and self.line.guard.inverted:
            return []
        if guard is None or not any(fills(each, guard) for each in self.steps[:-1]):
            return self.steps
        kept = Register(f"%g{self.line.number}", "pred")
        first = Step("mov.pred", (kept, guard))
        return [first, *(replace(each, guard=kept) if each.guard is not None else each for each in self.steps)]


Meaning = Callable[[Writer], None]

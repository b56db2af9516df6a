"""Integers: sums, products, shifts and the bits of two registers."""

from __future__ import annotations

from typing import Any

from harness.emulator.ptx import Constant, Register, Vector
from harness.emulator.sass.steps import FALSE, ZERO, Unknown
from harness.emulator.sass.writer import Meaning, Writer

ONE, ALL = Constant(1), Constant(0xFFFFFFFF)


def _carries_out(w: Writer) -> list[Register]:
    """Where the carries go, of those that go anywhere."""
    found = []
    while w.is_next("P", "UP"):
        found.append(w.out())
    return [each for each in found if each is not None]


def _sum(w: Writer, target: Any, carries_out: list[Register], terms: list[Any], carries: list[Any]) -> None:
    """The sum of numbers, and what does not fit in 32 bits as carries: of two, the second where it is 2^33 and more."""
    flags = [each for each in carries if each != FALSE]
    terms = [*(each for each in terms if each != ZERO), *(w.new("selp.b32", ONE, ZERO, each) for each in flags)]
    if not carries_out:
        while len(terms) > 2:
            terms[:2] = [w.new("add.u32", *terms[:2])]
        if len(terms) == 2:
            w.put(target, "add.u32", *terms)
        else:
            w.put(target, "mov.b32", *(terms or [ZERO]))
        return
    total: Any = ZERO
    for each in terms:
        is_wide = isinstance(each, Register) and each.type == "b64"
        total = w.new("add.u64", total, each if is_wide else w.new("cvt.u64.u32", each))
    upper = w.new("shr.u64", total, Constant(32))
    truths = [w.new("setp.gt.u64", upper, Constant(index)) for index in range(len(carries_out))]
    w.put(target, "cvt.u32.u64", total)
    for each, truth in zip(carries_out, truths, strict=True):
        w.put(each, "mov.pred", truth)


def iadd3(w: Writer) -> None:
    """a + b + c, of which -x counts as 2^32 - x; first the carry; .X: + carries"""
    if w.has("64"):
        _wide_sum(w, 3)
        return
    takes = w.has("X")
    target = w.out()
    carry = _carries_out(w)
    terms = [_term(w, bool(carry)) for _ in range(3)]
    _sum(w, target, carry, terms, [w.truth() for _ in range(w.left)] if takes else [])


def _term(w: Writer, carries: bool) -> Any:
    """A number of a sum; where the carry is kept, 2^32 for -0."""
    is_negative = w.is_negative
    value = w.bits()
    if not (carries and is_negative):
        return value
    return w.new("add.u64", w.new("cvt.u64.u32", w.new("sub.u32", value, ONE)), ONE)


def _wide_sum(w: Writer, count: int) -> None:
    target = w.outs(2)
    if _carries_out(w):
        raise Unknown("the carry of 64 bits")
    total = w.wide()
    for _ in range(count - 1):
        total = w.new("add.s64", total, w.wide())
    w.put(target, "mov.b64", total)


def iadd(w: Writer) -> None:
    """a + b; .64: of two registers each; .16x2: of halves"""
    if w.has("64"):
        _wide_sum(w, 2)
        return
    kind = "u16x2" if w.has("16x2") else "u32"
    w.put(w.out(), f"add.{kind}", w.bits(), w.bits())


def imad(w: Writer) -> None:
    """a b + c, the lower 32 bits; .HI: the upper ones, c of 64; .WIDE: all 64; .X: + a carry"""
    w.ignore("MOV", "SHL", "IADD")
    signed = not w.has("U32")
    if w.has("WIDE"):
        _wide_product(w, signed)
        return
    if w.has("HI"):
        target = w.out()
        total = w.new("add.s64", w.new(f"mul.wide.{'s32' if signed else 'u32'}", w.bits(), w.bits()), w.wide())
        w.put(target, "cvt.u32.u64", w.new("shr.u64", total, Constant(32)))
        return
    takes = w.has("X")
    target = w.out()
    carry = _carries_out(w)
    a, b = w.bits(), w.bits()
    product: Any = ZERO if ZERO in (a, b) else a if b == ONE else w.new("mul.lo.u32", a, b)
    _sum(w, target, carry, [product, w.bits()], [w.truth()] if takes else [])


def _wide_product(w: Writer, signed: bool) -> None:
    takes = w.has("X")
    target = w.outs(2)
    carry = _carries_out(w)
    product = w.new(f"mul.wide.{'s32' if signed else 'u32'}", w.bits(), w.bits())
    c = w.wide()
    total = product if c == ZERO else w.new("add.s64", product, c)
    truth = w.new("setp.lt.u64", total, product) if carry else None
    if takes:
        if carry:
            raise Unknown("a carry in and out of 64 bits")
        total = w.new("add.s64", total, w.new("selp.b64", ONE, ZERO, w.truth()))
    w.put(target, "mov.b64", total)
    if carry:
        w.put(carry[0], "mov.pred", truth)


def lea(w: Writer) -> None:
    """(a << s) + b; .HI: the upper 32 bits of (c:a << s), + b; .X: + a carry; .SX32: c is the sign of a"""
    high, takes, of_sign = w.has("HI"), w.has("X"), w.has("SX32")
    target = w.out()
    carry = _carries_out(w)
    a, b = w.bits(), w.bits()
    if high:
        c = w.new("shr.s32", a, Constant(31)) if of_sign else w.bits()
        shift = w.bits()
        pair = w.new("mov.b64", Vector((a, c)))
        moved = w.new("cvt.u32.u64", w.new("shr.u64", w.new("shl.b64", pair, shift), Constant(32)))
    else:
        shift = w.bits()
        moved = w.new("shl.b32", a, shift)
    _sum(w, target, carry, [moved, b], [w.truth()] if takes else [])


def shf(w: Writer) -> None:
    """c:a shifted: .L, .R; .HI: the upper 32 bits of it; .S32, .S64: filled with the sign; .W: by s modulo 32 or 64"""
    left = w.one_of("L", "R") == "L"
    kind = w.one_of("U32", "S32", "U64", "S64")
    high, wrap = w.has("HI"), w.has("W")
    target = w.out()
    a, shift, c = w.bits(), w.bits(), w.bits()
    if wrap:
        shift = w.new("and.b32", shift, Constant(31 if kind in ("U32", "S32") else 63))
    if left and not high:
        w.put(target, "shl.b32", a, shift)
    elif not left and high and kind in ("U32", "S32"):
        w.put(target, f"shr.{kind.lower()}", c, shift)
    else:
        pair = w.new("mov.b64", Vector((a, c)))
        moved = w.new("shl.b64" if left else "shr.s64" if kind in ("S32", "S64") else "shr.u64", pair, shift)
        w.put(target, "cvt.u32.u64", w.new("shr.u64", moved, Constant(32)) if high else moved)


def lop3(w: Writer) -> None:
    """the function of three bits that a table of eight names; first whether any bit is set"""
    w.ignore("LUT")
    flag = w.out() if w.is_next("P", "UP") else None
    target = w.out()
    a, b, c, table = (w.bits() for _ in range(4))
    other = w.truth()
    opcode = _SIMPLE.get(int(table.value), "lop3.b32")
    operands = (a, b, c, table) if opcode == "lop3.b32" else (a, b)
    if flag is None:
        w.put(target, opcode, *operands)
        return
    if other != FALSE:
        raise Unknown("a predicate joined with the result of bits")
    result = w.new(opcode, *operands)
    truth = w.new("setp.ne.u32", result, ZERO)
    w.put(target, "mov.b32", result)
    w.put(flag, "mov.pred", truth)


_SIMPLE = {0xC0: "and.b32", 0xFC: "or.b32", 0x3C: "xor.b32"}  # of the first two operands alone


def prmt(w: Writer) -> None:
    """bytes of a and c, picked by the digits of s"""
    target, a, selector, c = w.out(), w.bits(), w.bits(), w.bits()
    w.put(target, "prmt.b32", a, c, selector)


def sgxt(w: Writer) -> None:
    """the lowest n bits of a, filled with their sign; .U32: with zeros"""
    kind = "u32" if w.has("U32") else "s32"
    mode = "wrap" if w.has("W") else "clamp"
    w.put(w.out(), f"szext.{mode}.{kind}", w.bits(), w.bits())


def iabs(w: Writer) -> None:
    """|a|"""
    w.put(w.out(), "abs.s32", w.bits())


def imnmx(w: Writer) -> None:
    """the lesser of a and b where p holds, else the greater; of halves for .U16x2, .S16x2"""
    kind = (w.one_of("U16x2", "S16x2", "U32") or "s32").lower()
    target, a, b = w.out(), w.bits(), w.bits()
    _put_extreme(w, target, kind, a, b)


def _put_extreme(w: Writer, target: Any, kind: str, a: Any, b: Any) -> None:
    chosen = w.truth()
    if isinstance(chosen, Constant):
        w.put(target, f"{'min' if chosen.value else 'max'}.{kind}", a, b)
        return
    least, greatest = w.new(f"min.{kind}", a, b), w.new(f"max.{kind}", a, b)
    w.put(target, "selp.b32", least, greatest, chosen)


def viaddmnmx(w: Writer) -> None:
    """a + b, then the lesser of it and c where p holds, else the greater; of halves for .U16x2, .S16x2"""
    kind = (w.one_of("U16x2", "S16x2", "U32") or "s32").lower()
    target, a, b, c = w.out(), w.bits(), w.bits(), w.bits()
    _put_extreme(w, target, kind, w.new(f"add.{kind}", a, b), c)


def popc(w: Writer) -> None:
    """how many bits of a are set"""
    w.put(w.out(), "popc.b32", w.bits())


def flo(w: Writer) -> None:
    """the place of the highest bit of a; .SH: how far it is from the top"""
    kind = "u32" if w.has("U32") else "s32"
    shift = ".shiftamt" if w.has("SH") else ""
    w.put(w.out(), f"bfind{shift}.{kind}", w.bits())


def brev(w: Writer) -> None:
    """the bits of a in the opposite order"""
    w.put(w.out(), "brev.b32", w.bits())


MEANINGS: dict[str, Meaning] = {
    "IADD3": iadd3, "VIADD": iadd, "IADD": iadd, "IMAD": imad, "LEA": lea, "SHF": shf, "LOP3": lop3, "PRMT": prmt,
    "SGXT": sgxt, "IABS": iabs, "IMNMX": imnmx, "VIMNMX": imnmx, "VIADDMNMX": viaddmnmx, "POPC": popc, "FLO": flo,
    "BREV": brev,
}  # fmt: skip

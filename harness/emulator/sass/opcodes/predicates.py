"""Comparisons, selections, and logic of predicates."""

from __future__ import annotations

from typing import Any

from harness.emulator.ptx import Constant, Register, Vector
from harness.emulator.sass.opcodes.halves import COMPARISONS
from harness.emulator.sass.steps import FALSE, TRUE, ZERO, Unknown
from harness.emulator.sass.writer import Meaning, Writer

_LOGIC = ("AND", "OR", "XOR")


def _logic(w: Writer) -> str:
    found = w.one_of(*_LOGIC)
    if found is None:
        raise Unknown("a comparison that is joined in a way that is not known")
    return found.lower()


def _comparison(w: Writer) -> str:
    found = w.one_of(*COMPARISONS)
    if found is None:
        raise Unknown("a comparison that is not known")
    return COMPARISONS[found]


def _put(w: Writer, targets: tuple[Any, Any], opcode: str, logic: str, a: Any, b: Any, other: Any) -> None:
    """A comparison joined with a predicate, and its opposite joined with the same."""
    target = Vector(targets) if targets[1] is not None else targets[0]
    if logic == "and" and other == TRUE:
        w.put(target, opcode, a, b)
        return
    name, kind = opcode.rsplit(".", 1)
    w.put(target, f"{name}.{logic}.{kind}", a, b, other)


def isetp(w: Writer) -> None:
    """whether a comparison of integers holds, and its opposite; .EX: of their upper halves, p of the lower ones"""
    kind = (w.one_of("U32", "U64", "S64") or "s32").lower()
    name, logic, extended = _comparison(w), _logic(w), w.has("EX")
    targets = w.predicates()
    a, b = (w.wide(), w.wide()) if kind.endswith("64") else (w.bits(), w.bits())
    other = w.truth()
    if not extended:
        _put(w, targets, f"setp.{name}.{kind}", logic, a, b, other)
        return
    lower = w.truth()
    if targets[1] is not None or logic != "and" or other != TRUE:
        raise Unknown("a comparison of 64 bits that is joined")
    truth = w.new(f"setp.eq.and.{kind}", a, b, lower)
    strict = {"ge": "gt", "le": "lt", "eq": ""}.get(name, name)
    if strict:
        truth = w.new("or.pred", truth, w.new(f"setp.{strict}.{kind}", a, b))
    w.put(targets[0], "mov.pred", truth)


def fsetp(w: Writer) -> None:
    """whether a comparison of fp32 holds, and its opposite"""
    ftz = ".ftz" if w.has("FTZ") else ""
    name, logic = _comparison(w), _logic(w)
    targets = w.predicates()
    _put(w, targets, f"setp.{name}{ftz}.f32", logic, w.single(), w.single(), w.truth())


def fchk(w: Writer) -> None:
    """whether a quick division of a by b may fail: here where one of them is not between 2^-60 and 2^60"""
    target = w.out()
    truth: Any = TRUE
    for value in (w.single(), w.single()):
        size = w.new("and.b32", value, Constant(0x7FFFFFFF))
        truth = w.new("setp.ge.and.f32", size, Constant(2.0**-60, 0x21800000), truth)
        truth = w.new("setp.le.and.f32", size, Constant(2.0**60, 0x5D800000), truth)
    w.put(target, "mov.pred", Register(truth.name, "pred", True))


def fset(w: Writer) -> None:
    """ones where a comparison of fp32 holds; .BF: the number 1"""
    to = "f32" if w.has("BF") else "u32"
    ftz = ".ftz" if w.has("FTZ") else ""
    name, logic = _comparison(w), _logic(w)
    target, a, b = w.out(), w.single(), w.single()
    if logic != "and" or w.truth() != TRUE:
        raise Unknown("a comparison joined with a predicate")
    w.put(target, f"set.{name}{ftz}.{to}.f32", a, b)


def dsetp(w: Writer) -> None:
    """whether a comparison of fp64 holds; .MIN, .MAX: whether a is it, and whether both are NaN"""
    extreme = w.one_of("MIN", "MAX")
    if extreme is not None:
        _extreme(w, extreme.lower())
        return
    name, logic = _comparison(w), _logic(w)
    targets = w.predicates()
    _put(w, targets, f"setp.{name}.f64", logic, w.double(), w.double(), w.truth())


def _extreme(w: Writer, name: str) -> None:
    logic = _logic(w)
    first, second = w.predicates()
    a, b = w.double(), w.double()
    if w.truth() != TRUE or logic != "and":
        raise Unknown("a minimum joined with a predicate")
    is_a = w.new("setp.eq.u64", w.new(f"{name}.f64", a, b), a)
    is_a = w.new("setp.num.and.f64", a, a, is_a)
    both = w.new("setp.nan.and.f64", b, b, w.new("setp.nan.f64", a, a))
    w.put(first, "mov.pred", is_a)
    w.put(second, "mov.pred", both)


def sel(w: Writer) -> None:
    """a where p holds, else b; .64: two registers each"""
    if w.has("64"):
        target = w.outs(2)
        w.put(target, "mov.b64", w.new("selp.b64", w.wide(), w.wide(), w.truth()))
        return
    w.put(w.out(), "selp.b32", w.bits(), w.bits(), w.truth())


def plop3(w: Writer) -> None:
    """the functions of three predicates that two tables of eight name"""
    w.ignore("LUT")
    targets = w.predicates()
    inputs = [w.truth() for _ in range(3)]
    tables = [int(w.bits().value) for _ in range(2)]
    results = [_looked_up(w, inputs, table) for table in tables]
    for target, result in zip(targets, results, strict=True):
        w.put(target, "mov.pred", result)


def _looked_up(w: Writer, inputs: list[Any], table: int) -> Any:
    """Of the terms of a table those that can be true, joined."""
    result: Any = None
    for place in range(8):
        if not table >> place & 1:
            continue
        term: Any = TRUE
        for bit, value in zip((4, 2, 1), inputs, strict=True):
            literal = value if place & bit else _not(value)
            if FALSE in (term, literal):
                term = FALSE
            elif term == TRUE:
                term = literal
            elif literal != TRUE:
                term = w.new("and.pred", term, literal)
        if term == FALSE:
            continue
        result = term if result is None else w.new("or.pred", result, term)
    return FALSE if result is None else result


def _not(value: Any) -> Any:
    if isinstance(value, Constant):
        return FALSE if value == TRUE else TRUE
    return Register(value.name, value.type, not value.negated)


def p2r(w: Writer) -> None:
    """a, in which the bits of a mask are the predicates P0 to P6"""
    target = w.out()
    if getattr(w.take(), "name", "") != "PR":
        raise Unknown("predicates that are not PR")
    kept = w.bits()
    mask = w.bits()
    if not isinstance(mask, Constant):
        raise Unknown("a mask that is no number")
    total = w.new("and.b32", kept, Constant(~int(mask.value) & 0xFFFFFFFF)) if kept != ZERO else ZERO
    for index in range(7):
        if int(mask.value) >> index & 1:
            bit = w.new("selp.b32", Constant(1 << index), ZERO, Register(f"P{index}", "pred"))
            total = bit if total == ZERO else w.new("or.b32", total, bit)
    w.put(target, "mov.b32", total)


def r2p(w: Writer) -> None:
    """the predicates of a mask become the bits of a"""
    if getattr(w.take(), "name", "") != "PR":
        raise Unknown("predicates that are not PR")
    value, mask = w.bits(), w.bits()
    if not isinstance(mask, Constant):
        raise Unknown("a mask that is no number")
    for index in range(7):
        if int(mask.value) >> index & 1:
            bit = w.new("and.b32", value, Constant(1 << index))
            w.put(Register(f"P{index}", "pred"), "setp.ne.u32", bit, ZERO)


MEANINGS: dict[str, Meaning] = {
    "ISETP": isetp, "FSETP": fsetp, "FSET": fset, "FCHK": fchk, "DSETP": dsetp, "SEL": sel, "PLOP3": plop3, "P2R": p2r,
    "R2P": r2p,
}  # fmt: skip

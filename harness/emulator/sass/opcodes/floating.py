"""Numbers of fp32 and fp64, and conversions."""

from __future__ import annotations

from typing import Any

from harness.emulator.ptx import Constant, Vector
from harness.emulator.sass.steps import ZERO, Unknown
from harness.emulator.sass.writer import Meaning, Writer

_ROUNDINGS = {"RN": "rn", "RZ": "rz", "RM": "rm", "RP": "rp", "TRUNC": "rz", "FLOOR": "rm", "CEIL": "rp"}


def _rounding(w: Writer) -> str:
    found = w.one_of(*_ROUNDINGS)
    return _ROUNDINGS[found] if found else "rn"


def _ends(w: Writer) -> str:
    """.FTZ and .SAT, as PTX writes them."""
    return (".ftz" if w.has("FTZ") else "") + (".sat" if w.has("SAT") else "")


def fadd(w: Writer) -> None:
    """a + b"""
    w.put(w.out(), f"add.{_rounding(w)}{_ends(w)}.f32", w.single(), w.single())


def fmul(w: Writer) -> None:
    """a b; .D2: half of a b, rounded once"""
    half = w.has("D2")
    opcode = f"{_rounding(w)}{_ends(w)}.f32"
    target, a, b = w.out(), w.single(), w.single()
    if half:
        a = w.new("mul.rn.f32", a, Constant(0.5, 0x3F000000))
    w.put(target, f"mul.{opcode}", a, b)


def ffma(w: Writer) -> None:
    """a b + c"""
    w.put(w.out(), f"fma.{_rounding(w)}{_ends(w)}.f32", w.single(), w.single(), w.single())


def fmnmx(w: Writer) -> None:
    """the lesser of a and b where p holds, else the greater; .NAN: NaN where one is"""
    rest = (".ftz" if w.has("FTZ") else "") + (".NaN" if w.has("NAN") else "") + ".f32"
    target, a, b = w.out(), w.single(), w.single()
    chosen = w.truth()
    if isinstance(chosen, Constant):
        w.put(target, ("min" if chosen.value else "max") + rest, a, b)
        return
    w.put(target, "selp.b32", w.new(f"min{rest}", a, b), w.new(f"max{rest}", a, b), chosen)


def fsel(w: Writer) -> None:
    """a where p holds, else b"""
    w.put(w.out(), "selp.b32", w.single(), w.single(), w.truth())


_MUFU = {
    "EX2": "ex2.approx.ftz.f32", "LG2": "lg2.approx.ftz.f32", "RCP": "rcp.approx.ftz.f32",
    "RSQ": "rsqrt.approx.ftz.f32", "SQRT": "sqrt.approx.ftz.f32", "TANH": "tanh.approx.f32",
}  # fmt: skip


def mufu(w: Writer) -> None:
    """an approximation of a: .EX2 2^a, .RCP 1/a, .RSQ, .SQRT, .LG2, .TANH; .RCP64H, .RSQ64H: of fp64's upper half"""
    if upper := w.one_of("RCP64H", "RSQ64H"):
        target, pair = w.out(), w.new("mov.b64", Vector((ZERO, w.bits())))
        opcode = "rcp.approx.ftz.f64" if upper == "RCP64H" else "rsqrt.approx.ftz.f64"
        w.put(target, "cvt.u32.u64", w.new("shr.u64", w.new(opcode, pair), Constant(32)))
        return
    name = w.one_of(*_MUFU)
    if name is None:
        raise Unknown("a function of that name")
    w.put(w.out(), _MUFU[name], w.single())


def dadd(w: Writer) -> None:
    """a + b"""
    opcode = f"add.{_rounding(w)}.f64"
    target = w.outs(2)
    w.put(target, "mov.b64", w.new(opcode, w.double(), w.double()))


def dmul(w: Writer) -> None:
    """a b"""
    opcode = f"mul.{_rounding(w)}.f64"
    target = w.outs(2)
    w.put(target, "mov.b64", w.new(opcode, w.double(), w.double()))


def dfma(w: Writer) -> None:
    """a b + c"""
    opcode = f"fma.{_rounding(w)}.f64"
    target = w.outs(2)
    w.put(target, "mov.b64", w.new(opcode, w.double(), w.double(), w.double()))


def frnd(w: Writer) -> None:
    """a as a whole number: to nearest, .FLOOR, .CEIL, .TRUNC"""
    kind = "f64" if w.has("F64") else "f32"
    opcode = f"cvt.{_rounding(w)}i{'.ftz' if w.has('FTZ') else ''}.{kind}.{kind}"
    if kind == "f32":
        w.put(w.out(), opcode, w.single())
    else:
        target = w.outs(2)
        w.put(target, "mov.b64", w.new(opcode, w.double()))


def f2f(w: Writer) -> None:
    """a number in another format: .F64.F32, .F32.F64, .F16.F32, .BF16.F32"""
    to = w.one_of(*(each for each in w.line.modifiers if each in ("F16", "BF16", "F32", "F64")))
    source = w.one_of("F32", "F64") or "F32"
    ftz = ".ftz" if w.has("FTZ") and "F64" not in (to, source) else ""
    if to is None:
        raise Unknown("formats that are not known")
    mode = "" if (to, source) == ("F64", "F32") else f".{_rounding(w)}"
    target: Any = w.outs(2) if to == "F64" else w.out()
    value = w.double() if source == "F64" else w.single()
    narrow = to in ("F16", "BF16")
    result = w.new(f"cvt{mode}{ftz}.{to.lower()}.{source.lower()}", value)
    if narrow:
        w.put(target, "cvt.u32.u16", result)
    else:
        w.put(target, f"mov.b{to[1:]}", result)


def _integer_kind(w: Writer, default: str) -> str:
    found = w.one_of("U8", "S8", "U16", "S16", "U32", "S32", "U64", "S64")
    return found.lower() if found else default


def i2f(w: Writer) -> None:
    """an integer (s32, or as said) as fp32, or fp64 for .F64"""
    w.ignore("F32")
    to = "f64" if w.has("F64") else "f32"
    kind = _integer_kind(w, "s32")
    opcode = f"cvt.{_rounding(w)}.{to}.{kind}"
    if to == "f64":
        target = w.outs(2)
        w.put(target, "mov.b64", w.new(opcode, w.wide() if kind.endswith("64") else w.bits()))
    else:
        w.put(w.out(), opcode, w.wide() if kind.endswith("64") else w.bits())


def f2i(w: Writer) -> None:
    """fp32, or fp64 for .F64, as an integer (s32, or as said); .NTZ: NaN becomes 0"""
    ftz = ".ftz" if w.has("FTZ") else ""
    source = "f64" if w.has("F64") else "f32"
    to = _integer_kind(w, "s32")
    opcode = f"cvt.{_rounding(w)}i{ftz}.{to}.{source}"
    wide = to.endswith("64") or source == "f64"
    if w.has("NTZ") and wide:
        raise Unknown("NaN that becomes 0 of 64 bits")
    target: Any = w.outs(2) if to.endswith("64") else w.out()
    value = w.double() if source == "f64" else w.single()
    w.put(target, "mov.b64" if to.endswith("64") else "mov.b32", w.new(opcode, value))


MEANINGS: dict[str, Meaning] = {
    "FADD": fadd, "FMUL": fmul, "FFMA": ffma, "FMNMX": fmnmx, "FSEL": fsel, "MUFU": mufu, "DADD": dadd, "DMUL": dmul,
    "DFMA": dfma, "FRND": frnd, "F2F": f2f, "I2F": i2f, "I2FP": i2f, "F2I": f2i,
}  # fmt: skip

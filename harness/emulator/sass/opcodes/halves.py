"""Pairs of 16-bit floats: fp16, or bfloat16 for .BF16_V2."""

from __future__ import annotations

from harness.emulator.ptx import Constant, Vector
from harness.emulator.sass.steps import TRUE, Unknown
from harness.emulator.sass.writer import Meaning, Writer

COMPARISONS = {
    "LT": "lt", "LE": "le", "GT": "gt", "GE": "ge", "EQ": "eq", "NE": "ne", "LTU": "ltu", "LEU": "leu", "GTU": "gtu",
    "GEU": "geu", "EQU": "equ", "NEU": "neu", "NUM": "num", "NAN": "nan",
}  # fmt: skip


def _kind(w: Writer) -> str:
    return "bf16x2" if w.has("BF16_V2") or w.has("BF16") else "f16x2"


def _ends(w: Writer) -> str:
    return "".join(f".{each.lower()}" for each in ("FTZ", "SAT", "RELU") if w.has(each))


def _of_two(operation: str) -> Meaning:
    def meaning(w: Writer) -> None:
        if operation == "add" and w.has("F32"):
            _widened(w)
            return
        kind = _kind(w)
        opcode = f"{operation}.rn{_ends(w)}.{kind}"
        w.put(w.out(), opcode, *(w.halves(kind == "bf16x2") for _ in range(2)))

    meaning.__doc__ = {"add": "a + b; .F32: of one half each, in fp32", "mul": "a b"}[operation]
    return meaning


def _widened(w: Writer) -> None:
    is_brain = _kind(w) == "bf16x2"
    target, a, b = w.out(), w.half(is_brain), w.half(is_brain)
    if isinstance(a, Constant) and a.bits == 1 << 31:  # -0 + b is b
        w.put(target, "mov.b32", b)
    else:
        w.put(target, "add.rn.f32", a, b)


def hfma2(w: Writer) -> None:
    """a b + c"""
    w.ignore("MMA")
    kind = _kind(w)
    opcode = f"fma.rn{_ends(w)}.{kind}"
    target = w.out()
    a, b, c = (w.halves(kind == "bf16x2") for _ in range(3))
    if isinstance(a, Constant) and isinstance(b, Constant) and isinstance(c, Constant):
        if {int(a.value) & 0x7FFF7FFF, int(b.value) & 0x7FFF7FFF} != {0}:
            raise Unknown("a product of numbers")
        w.put(target, "mov.b32", c)  # a number plus 0
    else:
        w.put(target, opcode, a, b, c)


def hmnmx2(w: Writer) -> None:
    """the lesser of a and b where p holds, else the greater; .NAN: NaN where one is"""
    kind = _kind(w)
    rest = (".ftz" if w.has("FTZ") else "") + (".NaN" if w.has("NAN") else "") + f".{kind}"
    target = w.out()
    a, b = (w.halves(kind == "bf16x2") for _ in range(2))
    chosen = w.truth()
    if not isinstance(chosen, Constant):
        raise Unknown("a minimum that a predicate chooses")
    w.put(target, ("min" if chosen.value else "max") + rest, a, b)


def _compared(w: Writer) -> tuple[str, str]:
    kind = _kind(w)
    ftz = ".ftz" if w.has("FTZ") else ""
    name = w.one_of(*COMPARISONS)
    if name is None or not w.has("AND"):
        raise Unknown("a comparison that is not known")
    return f"{COMPARISONS[name]}{ftz}", kind


def hset2(w: Writer) -> None:
    """ones in each half where the comparison holds; .BF: the number 1"""
    is_number = w.has("BF")
    comparison, kind = _compared(w)
    target = w.out()
    a, b = (w.halves(kind == "bf16x2") for _ in range(2))
    if w.truth() != TRUE:
        raise Unknown("a comparison joined with a predicate")
    w.put(target, f"set.{comparison}.{kind if is_number else 'u32'}.{kind}", a, b)


def hsetp2(w: Writer) -> None:
    """whether the comparison holds of the lower halves, and of the upper ones"""
    comparison, kind = _compared(w)
    first, second = w.predicates()
    a, b = (w.halves(kind == "bf16x2") for _ in range(2))
    if w.truth() != TRUE:
        raise Unknown("a comparison joined with a predicate")
    w.put(Vector((first, second)), f"setp.{comparison}.{kind}", a, b)


def f2fp(w: Writer) -> None:
    """a and b rounded to 16 bits each, a in the upper half"""
    w.ignore("PACK_AB", "F32", "F16")  # sm_80 does not name fp16
    kind = "bf16x2" if w.has("BF16") else "f16x2"
    mode = "rz" if w.has("RZ") else "rn"
    w.put(w.out(), f"cvt.{mode}{_ends(w)}.{kind}.f32", w.single(), w.single())


def fhadd(w: Writer) -> None:
    """a + b in fp32, a of 16 bits"""
    is_brain = w.has("BF16")
    w.put(w.out(), f"add.rn{_ends(w)}.f32", w.half(is_brain), w.single())


def fhfma(w: Writer) -> None:
    """a b + c in fp32, a and b of 16 bits"""
    is_brain = w.has("BF16")
    w.put(w.out(), f"fma.rn{_ends(w)}.f32", w.half(is_brain), w.half(is_brain), w.single())


def _of_pairs(operation: str, count: int) -> Meaning:
    def meaning(w: Writer) -> None:
        opcode = f"{operation}.rn{_ends(w)}.f32"
        target = w.outs(2)
        pairs = [w.singles() for _ in range(count)]
        results = [w.new(opcode, *(each[index] for each in pairs)) for index in range(2)]
        for each, result in zip(target.items, results, strict=True):
            w.put(each, "mov.b32", result)

    meaning.__doc__ = (
        f"{'a b + c' if count == 3 else 'a b' if operation == 'mul' else 'a + b'} of two fp32 numbers each"
    )
    return meaning


MEANINGS: dict[str, Meaning] = {
    "HADD2": _of_two("add"), "HMUL2": _of_two("mul"), "HFMA2": hfma2, "HMNMX2": hmnmx2, "HSET2": hset2,
    "HSETP2": hsetp2, "F2FP": f2fp, "FHADD": fhadd, "FHFMA": fhfma, "FADD2": _of_pairs("add", 2),
    "FMUL2": _of_pairs("mul", 2), "FFMA2": _of_pairs("fma", 3),
}  # fmt: skip

"""Moves, loads, stores, exchanges within a warp, and where control goes."""

from __future__ import annotations

from typing import Any

from harness.emulator.ptx import Constant, Special, Vector
from harness.emulator.sass.reader import Named, Printed, Target
from harness.emulator.sass.steps import TRUE, ZERO, Unknown
from harness.emulator.sass.writer import Meaning, Writer

_SPECIALS = {
    "SR_TID.X": "tid.x", "SR_TID.Y": "tid.y", "SR_TID.Z": "tid.z", "SR_CTAID.X": "ctaid.x", "SR_CTAID.Y": "ctaid.y",
    "SR_CTAID.Z": "ctaid.z", "SR_LANEID": "laneid",
}  # fmt: skip
# Hints about caches, and which threads an order between accesses is for.
_HINTS = ("E", "CONSTANT", "STRONG", "WEAK", "GPU", "SYS", "CTA", "SM", "EF", "EL", "LU", "NA", "LTC64B", "LTC128B",
          "LTC256B")  # fmt: skip
EVERYONE = Constant(0xFFFFFFFF)
_WIDTHS = {"U8": ("u8", 1), "S8": ("s8", 1), "U16": ("u16", 1), "S16": ("s16", 1), "64": ("b32", 2), "128": ("b32", 4)}


def mov(w: Writer) -> None:
    """a; .64: two registers"""
    if w.has("64"):
        pair = w.outs(2)
        w.put(pair, "mov.b64", w.wide())
        return
    target, value = w.out(), w.bits()
    if w.left and w.take() != Printed("0xf"):
        raise Unknown("a move of some bytes")
    w.put(target, "mov.b32", value)


def s2r(w: Writer) -> None:
    """what the hardware tells a thread: SR_TID.X, SR_CTAID.X, SR_LANEID; SR_CgaCtaId is 0"""
    target, source = w.out(), w.take()
    name = source.name if isinstance(source, Named) else ""
    if name not in _SPECIALS and name != "SR_CgaCtaId":
        raise Unknown(name)
    w.put(target, "mov.b32", ZERO if name == "SR_CgaCtaId" else Special(_SPECIALS[name]))


def cs2r(w: Writer) -> None:
    """0, of 64 bits or for .32 of 32 (SRZ)"""
    count = 1 if w.has("32") else 2
    target = w.outs(count)
    if getattr(w.take(), "name", "") != "SRZ":
        raise Unknown("a register of the hardware that is not known")
    for each in target.items:
        w.put(each, "mov.b32", ZERO)


def ldc(w: Writer) -> None:
    """a constant of the launch; .64: two of them, .128: four; .U8, .S8, .U16, .S16: a part of one"""
    if part := w.one_of("U8", "S8", "U16", "S16"):
        w.put(w.out(), "mov.b32", w.part_of_word(int(part[1:]), part[0] == "S"))
        return
    count = int(w.one_of("64", "128") or 32) // 32
    target = w.outs(count)
    for each, value in zip(target.items, w.words(count), strict=True):
        w.put(each, "mov.b32", value)


def r2ur(w: Writer) -> None:
    """a, which is the same in all threads of a warp"""
    while w.is_next("P"):
        w.out()
    w.put(w.out(), "mov.b32", w.bits())


def _width(w: Writer) -> tuple[str, int]:
    found = w.one_of(*_WIDTHS)
    return _WIDTHS[found] if found else ("b32", 1)


def _load(space: str) -> Meaning:
    def meaning(w: Writer) -> None:
        w.ignore(*_HINTS)
        kind, count = _width(w)
        target = w.outs(count)
        if w.is_next("P"):
            w.out()
        address = w.place()
        if w.left and w.truth() != TRUE:
            raise Unknown("a load that a predicate keeps back")
        if count == 1:
            w.act(f"ld.{space}.{kind}", target.items[0], address)
        else:
            w.act(f"ld.{space}.v{count}.{kind}", target, address)

    meaning.__doc__ = f"loads from {space} memory 4 bytes; .U16, .U8, .64, .128: as many as it says"
    return meaning


def _store(space: str) -> Meaning:
    def meaning(w: Writer) -> None:
        w.ignore(*_HINTS)
        kind, count = _width(w)
        address = w.place()
        values = w.outs(count)
        items = tuple(ZERO if each is None else each for each in values.items)
        kind = {"u8": "b8", "u16": "b16"}.get(kind, kind)
        if count == 1:
            w.act(f"st.{space}.{kind}", address, items[0])
        else:
            w.act(f"st.{space}.v{count}.{kind}", address, Vector(items))

    meaning.__doc__ = f"stores to {space} memory 4 bytes; .U16, .U8, .64, .128: as many as it says"
    return meaning


def _matrices(w: Writer) -> tuple[int, str]:
    transposed = w.has("MT88")
    if not w.has("16") or not (transposed or w.has("M88")):
        raise Unknown("matrices of a form that is not known")
    found = w.one_of("2", "4")
    return int(found or 1), ".trans" if transposed else ""


def ldsm(w: Writer) -> None:
    """loads matrices of 8 by 8 numbers of 16 bits from shared memory"""
    count, how = _matrices(w)
    target = w.outs(count)
    w.act(f"ldmatrix.sync.aligned.m8n8.x{count}{how}.shared.b16", target, w.place())


def stsm(w: Writer) -> None:
    """stores matrices of 8 by 8 numbers of 16 bits to shared memory"""
    count, how = _matrices(w)
    address = w.place()
    w.act(f"stmatrix.sync.aligned.m8n8.x{count}{how}.shared.b16", address, w.outs(count))


def shfl(w: Writer) -> None:
    """a of another thread of the warp: .BFLY, .IDX, .UP, .DOWN; first whether there is one"""
    mode = w.one_of("BFLY", "IDX", "UP", "DOWN")
    if mode is None:
        raise Unknown("an exchange that is not known")
    flag, target = w.out(), w.out()
    value, lane, limits = w.bits(), w.bits(), w.bits()
    targets: Any = target if flag is None else Vector((target, flag))
    w.act(f"shfl.sync.{mode.lower()}.b32", targets, value, lane, limits, EVERYONE)


def vote(w: Writer) -> None:
    """which threads of the warp say yes, as bits; and whether .ALL or .ANY of them do"""
    mode = w.one_of("ALL", "ANY", "EQ")
    target = None if w.is_next("P", "UP") else w.out()
    flag = w.out() if w.left > 1 else None
    value = w.truth()
    if target is not None:
        w.act("vote.sync.ballot.b32", target, value, EVERYONE)
    if flag is not None:
        w.act(f"vote.sync.{'uni' if mode == 'EQ' else str(mode).lower()}.pred", flag, value, EVERYONE)


def redux(w: Writer) -> None:
    """the sum, .MIN, .MAX, .AND, .OR or .XOR of a over the threads of the warp"""
    name = (w.one_of("SUM", "MIN", "MAX", "AND", "OR", "XOR") or "SUM").lower()
    kind = "s32" if w.has("S32") else "b32" if name in ("and", "or", "xor") else "u32"
    w.act(f"redux.sync.{'add' if name == 'sum' else name}.{kind}", w.out(), w.bits(), EVERYONE)


def bar(w: Writer) -> None:
    """waits for the threads of the block"""
    if not w.has("SYNC"):
        raise Unknown("a barrier that is not known")
    w.ignore("DEFER_BLOCKING")
    w.act("bar.sync", *(w.bits() for _ in range(w.left)))


def bra(w: Writer) -> None:
    """goes on elsewhere; .DIV, the way of warps whose threads have parted, is not taken"""
    w.ignore("U", "INC", "DEC")
    if w.has("DIV"):
        while w.left:
            w.take()
        return
    guard: Any = TRUE
    while w.is_next("P", "UP"):
        guard = w.truth()
    target = w.take()
    if not isinstance(target, Target):
        raise Unknown("a branch to a place that is computed")
    w.branch(target.label, guard)


def call(w: Writer) -> None:
    """.REL.NOINC: goes on elsewhere; where to come back to is in a register"""
    if not (w.has("REL") and w.has("NOINC")):
        raise Unknown("a call that keeps the place to come back to")
    bra(w)


def ret(w: Writer) -> None:
    """.REL.NODEC: goes on behind the call whose address a holds"""
    if not (w.has("REL") and w.has("NODEC")):
        raise Unknown("a return to a place that was kept")
    address = w.bits()
    w.take()
    w.come_back(address)


def exit_(w: Writer) -> None:
    """ends the thread"""
    w.act("exit")


def nothing(w: Writer) -> None:
    """nothing here: threads that parted meet again by themselves, and accesses are done in order and at once"""
    w.skip()


MEANINGS: dict[str, Meaning] = {
    "MOV": mov, "S2R": s2r, "CS2R": cs2r, "LDC": ldc, "R2UR": r2ur, "LDG": _load("global"), "LDS": _load("shared"),
    "LDL": _load("local"), "STG": _store("global"), "STS": _store("shared"), "STL": _store("local"), "LDSM": ldsm,
    "STSM": stsm, "SHFL": shfl, "VOTE": vote, "REDUX": redux, "BAR": bar, "BRA": bra, "CALL": call, "RET": ret,
    "EXIT": exit_,
    **dict.fromkeys(("NOP", "BSSY", "BSYNC", "WARPSYNC", "YIELD", "DEPBAR", "LDGDEPBAR", "MEMBAR", "ERRBAR", "CCTL",
                     "ACQBULK"), nothing),
}  # fmt: skip

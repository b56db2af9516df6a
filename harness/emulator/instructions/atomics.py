"""Atomics and reductions in memory: sections 9.7.13.5 and 9.7.13.6 of the PTX ISA.

Threads take their turns in the order of their numbers, one of the orders that a device may take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import NAN_F32, Array
from harness.emulator.instructions.memory import participants, space_of
from harness.emulator.instructions.packed import from_f32, to_f32
from harness.emulator.operands import BITS, Site, dtype
from harness.emulator.ptx import SIZES, Address, Register, Vector

Step = Callable[[], None]
Change = Callable[[Array, Array, Any], Array]  # (what is there, operand, second operand) -> what is to be there


def _number(kind: str) -> str:
    return "u" + kind[1:] if kind[0] == "b" and kind[1:].isdigit() else kind


def _sum(kind: str) -> Change:
    def add(old: Array, value: Array, _: Any) -> Array:
        if kind.startswith(("f16", "bf16")):
            total = to_f32(old, kind).astype(np.float64) + to_f32(value, kind)
            return from_f32(total.astype(np.float32), kind)
        total = old + value
        if kind == "f32":
            total.view(np.uint32)[np.isnan(total)] = NAN_F32
        return total

    return add


def _extreme(function: Any, kind: str) -> Change:
    if kind.startswith(("f16", "bf16")):
        return lambda old, value, _: from_f32(function(to_f32(old, kind), to_f32(value, kind)), kind)
    return lambda old, value, _: function(old, value)


def _change(site: Site, kind: str) -> tuple[Change, bool]:
    """(what becomes of a word, whether it needs a second operand)"""
    changes: dict[str, tuple[Change, bool]] = {
        "add": (_sum(kind), False),
        "min": (_extreme(np.fmin, kind), False),
        "max": (_extreme(np.fmax, kind), False),
        "and": (lambda old, value, _: old & value, False),
        "or": (lambda old, value, _: old | value, False),
        "xor": (lambda old, value, _: old ^ value, False),
        "exch": (lambda old, value, _: value, False),
        "cas": (lambda old, value, other: np.where(old == value, other, old), True),
        "inc": (lambda old, value, _: np.where(old >= value, 0, old + 1).astype(old.dtype), False),
        "dec": (lambda old, value, _: np.where((old == 0) | (old > value), value, old - 1).astype(old.dtype), False),
    }
    for each in site.instruction.modifiers:
        if each in changes:
            return changes[each]
    raise site.unsupported()


def atomic(site: Site) -> Step:
    """atom gives what was there before; red does not."""
    kind = _number(site.kind)
    returns = site.instruction.name == "atom"
    operands = site.instruction.operands[1 if returns else 0 :]
    address, value = operands[0], operands[1]
    if not isinstance(address, Address) or isinstance(value, Vector) or SIZES[kind] > 8:
        raise site.unsupported("atomics of vectors are not executed")
    change, needs_two = _change(site, kind)
    size = SIZES[kind]
    first = np.asarray(site.value(value, kind))
    second = np.asarray(site.value(operands[2], kind)) if needs_two else None
    target = site.operand(0) if returns else None
    memory = site.register(target) if isinstance(target, Register) else None
    space, who, per = space_of(site), participants(site), size // dtype(kind).itemsize

    def run() -> None:
        lanes = who()
        chosen = np.arange(site.file.lanes) if lanes is None else lanes
        if not chosen.size:
            return
        addresses = site.address(address)[chosen]
        a = site.all_lanes(first, site.file.lanes * per).reshape(-1, per)[chosen]
        b = None if second is None else site.all_lanes(second)[chosen].reshape(-1, 1)
        before = np.zeros(chosen.size, BITS[size])
        for words, which, places in site.memory.locate(site.instruction, space, chosen, addresses, size):
            before[which] = _in_turn(words, places, a[which], None if b is None else b[which], change, dtype(kind), per)
        if memory is not None:
            memory[chosen] = before

    return run


def _in_turn(words: Array, places: Array, a: Array, b: Any, change: Change, kind: Any, per: int) -> Array:
    """One round for each thread of those that meet at one address, lowest first; what each of them found."""
    before = np.zeros(places.size, words.dtype)
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    rank = np.arange(places.size) - np.repeat(starts, np.diff(np.r_[starts, places.size]))
    turns = np.empty(places.size, np.int64)
    turns[order] = rank
    by_turn = np.argsort(turns, kind="stable")
    ends = np.cumsum(np.bincount(turns))
    for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
        now = by_turn[start:end]
        old = words[places[now]]
        before[now] = old
        parts = old.view(kind).reshape(-1, per)
        new = np.ascontiguousarray(change(parts, a[now], None if b is None else b[now]))
        words[places[now]] = new.astype(kind, copy=False).view(words.dtype).reshape(-1)
    return before


EFFECTS: dict[str, Callable[[Site], Step]] = {"atom": atomic, "red": atomic}

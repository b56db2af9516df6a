"""Comparisons and selections: sections 9.7.6 and 9.7.7 of the PTX ISA. An ordered comparison fails where one is NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array, flush_f32
from harness.emulator.instructions.packed import flush_halves, to_f32
from harness.emulator.operands import Site
from harness.emulator.ptx import SIZES, Register, Vector

Step = Callable[[], None]
_ORDERED: dict[str, Any] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "lo": np.less, "ls": np.less_equal, "hi": np.greater, "hs": np.greater_equal,
}  # fmt: skip
_UNORDERED = {f"{name}u": _ORDERED[name] for name in ("eq", "ne", "lt", "le", "gt", "ge")}
_LOGIC: dict[str, Any] = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
_HALVES = {"f16", "bf16", "f16x2", "bf16x2"}


def _comparison(site: Site, kind: str) -> Callable[[], Array]:
    """The truth of each comparison of operands 1 and 2."""
    name = next(each for each in site.instruction.modifiers if each in (*_ORDERED, *_UNORDERED, "num", "nan"))
    a, b = site.source(1, kind), site.source(2, kind)
    is_float = kind in _HALVES or kind in ("f32", "f64")
    flush = site.has("ftz")

    def taken(values: Any) -> Any:
        if kind in _HALVES:
            return to_f32(flush_halves(values) if flush else values, kind)
        return flush_f32(values) if flush and kind == "f32" else values

    if not is_float:
        return lambda: _ORDERED[name](a, b)
    if name in ("num", "nan"):
        either = lambda: np.isnan(taken(a)) | np.isnan(taken(b))  # noqa: E731
        return (lambda: ~either()) if name == "num" else either
    if name in _UNORDERED:

        def unordered() -> Array:
            x, y = taken(a), taken(b)
            return np.asarray(_UNORDERED[name](x, y) | np.isnan(x) | np.isnan(y))

        return unordered
    if name == "ne":  # numpy's is true where one is NaN

        def differ() -> Array:
            x, y = taken(a), taken(b)
            return np.asarray(np.less(x, y) | np.greater(x, y))

        return differ
    return lambda: _ORDERED[name](taken(a), taken(b))


def _combined(site: Site, truth: Array, index: int) -> Array:
    """With a predicate, where the opcode says how."""
    logic = next((function for name, function in _LOGIC.items() if site.has(name)), None)
    if logic is None:
        return truth
    operand = site.operand(index)
    assert isinstance(operand, Register)
    other = site.predicate(operand)
    return np.asarray(logic(truth, np.repeat(other, truth.size // other.size) if truth.size > other.size else other))


def setp(site: Site) -> Step:
    """9.7.6.2: a predicate and, after |, its complement (of pairs: one for each half)."""
    kind = site.kind
    compare = _comparison(site, kind)
    target = site.operand(0)
    targets = target.items if isinstance(target, Vector) else (target,)
    outs = [site.out("pred", each) for each in targets]
    logic = next((function for name, function in _LOGIC.items() if site.has(name)), None)
    negated = bool(getattr(site.operand(3), "negated", False)) if logic is not None else False
    other: Any = site.source(3, "pred") if logic is not None else None

    def run() -> None:
        truth = compare()
        halves = [truth[0::2], truth[1::2]] if kind.endswith("x2") else [truth, ~truth]
        if logic is not None:
            with_ = ~other if negated else other
            halves = [np.asarray(logic(each, with_)) for each in halves]
        for out, each in zip(outs, [each.copy() for each in halves] if len(outs) > 1 else halves, strict=False):
            np.copyto(out, each)

    return run


def set_(site: Site) -> Step:
    """9.7.6.1: 1.0 of f32, or all ones of integers, where it holds; of pairs for each half."""
    to, kind = site.instruction.types
    compare = _comparison(site, kind)
    if to in ("f16", "bf16", "f16x2", "bf16x2"):
        one = np.uint16(0x3F80 if to.startswith("bf16") else 0x3C00)
        out = site.out(to)
        return lambda: np.copyto(out, _combined(site, compare(), 3) * one, casting="unsafe")
    if kind.endswith("x2"):
        return _ones(site, compare, site.out(to).view(np.int16))
    if to == "f32":
        single = site.out("f32")
        return lambda: np.copyto(single, _combined(site, compare(), 3))
    return _ones(site, compare, site.out(f"s{8 * SIZES[to]}"))


def _ones(site: Site, compare: Callable[[], Array], out: Array) -> Step:
    """-1 where it holds."""

    def run() -> None:
        np.negative(_combined(site, compare(), 3).view(np.int8), out=out)

    return run


def selp(site: Site) -> Step:
    """9.7.6.3"""
    bits = f"b{8 * SIZES[site.kind]}"
    a, b = site.source(1, site.kind), site.source(2, site.kind)
    chosen, out = site.source(3, "pred"), site.out(bits)
    negated = getattr(site.operand(3), "negated", False)
    x, y = (np.asarray(each).view(out.dtype) for each in (b, a))
    if negated:
        x, y = y, x
    # x ^ ((x ^ y) & mask) is quicker than numpy's where.
    if out.size == 1 or out.dtype.itemsize < 4:
        return lambda: np.copyto(out, np.where(chosen, y, x))
    mask = site.file.scratch(out.dtype, 41, out.size)

    def run() -> None:
        np.copyto(mask, chosen)
        np.negative(mask, out=mask)
        np.bitwise_and(mask, x ^ y, out=mask)
        np.bitwise_xor(mask, x, out=out)

    return run


def slct(site: Site) -> Step:
    """9.7.6.4: by the sign of the third operand, s32 or f32, of which NaN counts as negative."""
    kind, by = site.instruction.types
    bits = f"b{8 * SIZES[kind]}"
    a, b, c, out = site.source(1, bits), site.source(2, bits), site.source(3, by), site.out(bits)

    def run() -> None:
        values = flush_f32(c) if site.has("ftz") and by == "f32" else c
        out[...] = np.where(values >= 0, a, b)

    return run


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {"setp": setp, "set": set_, "selp": selp, "slct": slct}

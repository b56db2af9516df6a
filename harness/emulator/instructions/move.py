"""Moves between registers: mov (9.7.9.3), and addresses of one space in another (cvta, 9.7.9.20; isspacep)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.memory import LOCAL, SHARED
from harness.emulator.operands import BITS, Site
from harness.emulator.ptx import SIZES, Address, Vector

Step = Callable[[], None]
_WINDOWS = {"shared": SHARED, "local": LOCAL}


def mov(site: Site) -> Step:
    """9.7.9.3 and, of vectors, 9.7.9.4: the parts of a register, the lowest first."""
    kind = site.kind
    target, source = site.operand(0), site.operand(1)
    if SIZES[kind] == 16:
        raise site.unsupported("128-bit registers are not known to the emulated GPU")
    if isinstance(source, Address):
        raise site.unsupported()
    if isinstance(target, Vector):
        return _unpack(site, target, kind)
    if isinstance(source, Vector):
        return _pack(site, source, kind)
    plain = kind if kind == "pred" else f"b{8 * SIZES[kind]}"
    value: Any = site.source(1, kind)
    if kind != "pred":
        value = np.asarray(value).view(BITS[SIZES[kind]])
    out = site.out(plain)
    if kind == "pred" and getattr(source, "negated", False):
        return lambda: np.invert(value, out=out)
    return lambda: np.copyto(out, value)


def _unpack(site: Site, target: Vector, kind: str) -> Step:
    count, size = len(target.items), SIZES[kind]
    part = f"b{8 * size // count}"
    value = np.asarray(site.source(1, kind)).view(BITS[SIZES[part]])
    outs = [(site.out(part, item), index) for index, item in enumerate(target.items) if item is not None]

    def run() -> None:
        taken = value.copy() if len(outs) > 1 else value
        for out, index in outs:
            np.copyto(out, taken[index::count])

    return run


def _pack(site: Site, source: Vector, kind: str) -> Step:
    count, size = len(source.items), SIZES[kind]
    part = f"b{8 * size // count}"
    values = [site.value(item, part) for item in source.items]
    out = site.out(f"b{8 * size}").view(BITS[SIZES[part]])

    def run() -> None:
        for index, value in enumerate(values):
            np.copyto(out[index::count], value)

    return run


def cvta(site: Site) -> Step:
    """9.7.9.20: global addresses are generic ones; those of shared and local memory begin at a window's start."""
    space = next((each for each in _WINDOWS if each in site.instruction.modifiers), "global")
    value, out = site.source(1, site.kind), site.out(site.kind)
    window = out.dtype.type(_WINDOWS.get(space, 0) if SIZES[site.kind] == 8 else 0)
    if site.has("to"):
        return lambda: np.subtract(value, window, out=out)
    return lambda: np.add(value, window, out=out)


def isspacep(site: Site) -> Step:
    """9.7.9.19"""
    operand = site.operand(1)
    value, out = site.value(operand, operand.type), site.out("pred")

    def run() -> None:
        shared = (value >= np.uint64(SHARED)) & (value < np.uint64(LOCAL))
        local = value >= np.uint64(LOCAL)
        where = {"shared": shared, "local": local}
        space = next((each for each in where if each in site.instruction.modifiers), "global")
        out[...] = where.get(space, ~(shared | local))

    return run


COMPUTATIONS: dict[str, Callable[[Site], Step]] = {"mov": mov, "cvta": cvta, "isspacep": isspacep}

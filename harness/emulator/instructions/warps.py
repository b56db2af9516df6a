"""Exchanges between the threads of a warp: sections 9.7.9.6 (shfl) and 9.7.13.7 to 9.7.13.12 of the PTX ISA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.instructions.memory import participants
from harness.emulator.operands import Site
from harness.emulator.ptx import Register, Vector

Step = Callable[[], None]
WARP = 32
_BITS = np.uint32(1) << np.arange(WARP, dtype=np.uint32)


def _active(site: Site) -> Array:
    """(warps, 32): which threads take part; the last warp of a block may have fewer threads."""
    lanes = participants(site)()
    if site.file.lanes % WARP:
        raise site.unsupported("a block of a number of threads that is no multiple of 32")
    if lanes is None:
        return np.ones((site.file.lanes // WARP, WARP), bool)
    mask = np.zeros(site.file.lanes, bool)
    mask[lanes] = True
    return mask.reshape(-1, WARP)


def _keep(site: Site, memory: Array, values: Array, active: Array) -> None:
    np.copyto(memory, values.reshape(-1), where=True if active.all() else active.reshape(-1))


def _source_lanes(mode: str, b: Array, c: Array) -> tuple[Array, Array]:
    """9.7.9.6, as its pseudocode computes them: the lane that each thread reads, and whether it is in its segment."""
    lane = np.arange(WARP, dtype=np.int64)
    b = b.astype(np.int64) & 31
    segment = (c.astype(np.int64) >> 8) & 31
    most = c.astype(np.int64) & 31
    highest = (lane & segment) | (most & ~segment)
    if mode == "up":
        source = lane - b
        return source, source >= highest
    if mode == "down":
        source = lane + b
    elif mode == "bfly":
        source = lane ^ b
    else:
        source = (lane & segment) | (b & ~segment)
    return source, source <= highest


def shfl(site: Site) -> Step:
    """9.7.9.6: where a source lies outside of its segment, a thread keeps its own value and the predicate is false."""
    mode = next(each for each in ("up", "down", "bfly", "idx") if site.has(each))
    target = site.operand(0)
    targets = target.items if isinstance(target, Vector) else (target,)
    value, step, clamp = (site.source(index, "b32") for index in (1, 2, 3))
    fixed = np.size(step) == 1 and np.size(clamp) == 1
    known = _source_lanes(mode, np.asarray(step), np.asarray(clamp)) if fixed else None

    def run() -> None:
        active = _active(site)
        shape = active.shape
        given = np.ascontiguousarray(site.all_lanes(value)).reshape(shape)
        if known is None:
            pair = (site.all_lanes(each).reshape(shape) for each in (step, clamp))
            source, good = _source_lanes(mode, *pair)
        else:
            source, good = (np.broadcast_to(each, shape) for each in known)
        source = np.where(good, source, np.arange(WARP))
        result = given[:, source[0]] if known is not None else np.take_along_axis(given, source, 1)
        if not active.all():
            idle = active & ~np.take_along_axis(active, source, 1)
            if idle.any():
                site.memory.divergent(site.instruction, np.flatnonzero(idle))
        if isinstance(targets[0], Register):
            _keep(site, site.register(targets[0]), result, active)
        if len(targets) > 1 and isinstance(targets[1], Register):
            _keep(site, site.register(targets[1]), good, active)

    return run


def _masks(truth: Array) -> Array:
    """A bit for each thread of a warp, for all of its threads."""
    return np.repeat((truth * _BITS).sum(axis=1, dtype=np.uint32), WARP)


def _members(site: Site, index: int, active: Array) -> Array:
    """Threads that take part and that a mask names."""
    mask = site.all_lanes(site.source(index, "b32")).reshape(active.shape)
    return active & ((mask & _BITS) != 0)


def vote(site: Site) -> Step:
    """9.7.13.8: all, any, uni, ballot"""
    operand = site.operand(1)
    memory = site.register(site.operand(0))
    value = site.source(1, "pred")
    negated = getattr(operand, "negated", False)

    def run() -> None:
        active = _active(site)
        members = _members(site, 2, active)
        truth = site.all_lanes(value).reshape(active.shape) != negated
        if site.has("ballot"):
            _keep(site, memory, _masks(truth & members), active)
            return
        every, some = (truth | ~members).all(1), (truth & members).any(1)
        result = every if site.has("all") else some if site.has("any") else every | ~some
        _keep(site, memory, np.repeat(result, WARP), active)

    return run


def match(site: Site) -> Step:
    """9.7.13.9: which threads have the same value."""
    target = site.operand(0)
    targets = target.items if isinstance(target, Vector) else (target,)
    kind = site.kind
    value = site.source(1, kind)

    def run() -> None:
        active = _active(site)
        members = _members(site, 2, active)
        given = np.ascontiguousarray(site.all_lanes(value)).reshape(active.shape)
        same = (given[:, :, None] == given[:, None, :]) & members[:, None, :]
        masks = (same * _BITS).sum(axis=2, dtype=np.uint32)
        if site.has("all"):
            equal = (same.sum(axis=2) == members.sum(axis=1)[:, None]).reshape(-1)
            masks = np.where(equal, _masks(members), 0).astype(np.uint32)
            if len(targets) > 1 and isinstance(targets[1], Register):
                _keep(site, site.register(targets[1]), equal, active)
        if isinstance(targets[0], Register):
            _keep(site, site.register(targets[0]), masks, active)

    return run


def redux(site: Site) -> Step:
    """9.7.13.11: a reduction over the threads of a warp; .f32 minimum and maximum with .abs and .NaN (sm_100a)."""
    kind = site.kind
    value = site.source(1, kind)
    memory = site.register(site.operand(0)).view(value.dtype)
    functions: dict[str, tuple[Any, Any]] = {
        "add": (np.add, 0), "and": (np.bitwise_and, -1), "or": (np.bitwise_or, 0), "xor": (np.bitwise_xor, 0),
        "min": (np.minimum, None), "max": (np.maximum, None),
    }  # fmt: skip
    name = next(each for each in site.instruction.modifiers if each in functions)
    function, neutral = functions[name]
    if kind == "f32":
        function = function if site.has("NaN") else {"min": np.fmin, "max": np.fmax}[name]

    def run() -> None:
        active = _active(site)
        members = _members(site, 2, active)
        given = np.ascontiguousarray(site.all_lanes(value)).reshape(active.shape)
        if site.has("abs"):
            given = np.abs(given)
        if neutral is None:
            first = np.take_along_axis(given, members.argmax(1)[:, None], 1)
            filled = np.where(members, given, first)
        else:
            filled = np.where(members, given, np.array(neutral).astype(given.dtype))
        _keep(site, memory, np.repeat(function.reduce(filled, axis=1), WARP), active)

    return run


def activemask(site: Site) -> Step:
    """9.7.13.10"""
    memory = site.register(site.operand(0))

    def run() -> None:
        active = _active(site)
        _keep(site, memory, _masks(active), active)

    return run


def elect(site: Site) -> Step:
    """9.7.13.12: the lowest of the members is elected."""
    target = site.operand(0)
    targets = target.items if isinstance(target, Vector) else (target,)

    def run() -> None:
        active = _active(site)
        members = _members(site, 1, active)
        leader = np.where(members.any(1), members.argmax(1), 0)
        if isinstance(targets[0], Register):
            _keep(site, site.register(targets[0]), np.repeat(leader.astype(np.uint32), WARP), active)
        if len(targets) > 1 and isinstance(targets[1], Register):
            _keep(site, site.register(targets[1]), members & (np.arange(WARP) == leader[:, None]), active)

    return run


EFFECTS: dict[str, Callable[[Site], Step]] = {
    "shfl": shfl,
    "vote": vote,
    "match": match,
    "redux": redux,
    "activemask": activemask,
    "elect": elect,
}

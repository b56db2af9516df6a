"""Loads and stores: sections 9.7.9.8 to 9.7.9.13 and, of matrices and asynchronous copies, 9.7.14.5 and 9.7.9.25."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array
from harness.emulator.operands import BITS, Site, dtype
from harness.emulator.ptx import SIZES, Address, Constant, Register, Symbol, Vector

Step = Callable[[], None]
SPACES = ("global", "shared", "local", "param", "const")
WARP = 32


def space_of(site: Site, default: str = "generic") -> str:
    found = next((each for each in site.instruction.modifiers if each in SPACES), default)
    return "global" if found == "const" else found


def participants(site: Site) -> Callable[[], Array | None]:
    """Which threads take part when the step runs: None for all, else their places in the batch."""
    guard, group = site.instruction.guard, site.group

    def find() -> Array | None:
        mask = group.mask
        if guard is not None:
            predicate = site.predicate(guard)
            mask = predicate if mask is None else mask & predicate
            if mask is predicate and mask.all():
                return None
        return None if mask is None else np.flatnonzero(mask)

    return find


def _items(operand: Any) -> tuple[Any, ...]:
    return operand.items if isinstance(operand, Vector) else (operand,)


def _address(site: Site, index: int) -> Address:
    operand = site.operand(index)
    if not isinstance(operand, Address):
        raise site.unsupported()
    return operand


def ld(site: Site) -> Step:
    """9.7.9.8, 9.7.9.9, ldu. Hints about caches and orders between threads change nothing here."""
    space, kind = space_of(site), site.kind
    if SIZES[kind] == 16 or "async" in site.instruction.modifiers:
        raise site.unsupported()
    address = _address(site, 1)
    items = _items(site.operand(0))
    size = SIZES[kind]
    if space == "param":
        return _ld_param(site, address, items, kind)
    sign = "s" if kind[0] == "s" else "u"
    memories = [None if each is None else site.register(each) for each in items]
    views = [None if each is None else each.view(dtype(f"{sign}{8 * each.dtype.itemsize}")) for each in memories]
    who = participants(site)

    def run() -> None:
        lanes = who()
        addresses = site.address(address)
        if lanes is not None:
            if not lanes.size:
                return
            addresses = addresses[lanes]
        parts = load(site, space, lanes, addresses, size * len(items)).view(dtype(sign + str(8 * size)))
        columns = parts.reshape(-1, len(items))
        for index, view in enumerate(views):
            if view is None:
                continue
            if lanes is None:
                np.copyto(view, columns[:, index])
            else:
                view[lanes] = columns[:, index]

    return run


def _ld_param(site: Site, address: Address, items: tuple[Any, ...], kind: str) -> Step:
    """9.7.9.8 of .param: the same for all threads."""
    base = address.base
    if not isinstance(base, Symbol):
        raise site.unsupported("a parameter at an address that is computed")
    size = SIZES[kind]
    place = site.symbols[base.name] + address.offset
    puts = []
    for index, each in enumerate(items):
        start = place + index * size
        puts.append((site.out_wide(kind, each), site.memory.parameters[start : start + size].view(dtype(kind))))

    def run() -> None:
        for put, value in puts:
            put(value)

    return run


def st(site: Site) -> Step:
    """9.7.9.12"""
    space, kind = space_of(site), site.kind
    if SIZES[kind] == 16 or "async" in site.instruction.modifiers:
        raise site.unsupported()
    address = _address(site, 0)
    items = _items(site.operand(1))
    size = SIZES[kind]
    plain = f"b{8 * size}"
    values = [np.asarray(site.value(each, plain)) for each in items]
    words = np.zeros((site.file.lanes, len(items)), BITS[size])
    who = participants(site)

    def run() -> None:
        lanes = who()
        if lanes is not None and not lanes.size:
            return
        for index, value in enumerate(values):
            np.copyto(words[:, index], value)
        addresses = site.address(address)
        given = words
        if lanes is not None:
            addresses, given = addresses[lanes], words[lanes]
        store(site, space, lanes, addresses, given, size * len(items))

    return run


def load(site: Site, space: str, lanes: Array | None, addresses: Array, size: int) -> Array:
    """What lies at the addresses, `size` bytes for each, as bytes."""
    if size > 16:
        halves = [load(site, space, lanes, addresses + np.uint64(each), 16) for each in range(0, size, 16)]
        return np.stack([each.reshape(-1, 16) for each in halves], axis=1).reshape(-1)
    words = site.memory.load(site.instruction, space, lanes, addresses, size)
    return np.ascontiguousarray(words).view(np.uint8)


def store(site: Site, space: str, lanes: Array | None, addresses: Array, values: Array, size: int) -> None:
    """Write rows of `values`, `size` bytes each, to the addresses."""
    if size > 16:
        rows = np.ascontiguousarray(values).view(np.uint8).reshape(-1, size)
        for start in range(0, size, 16):
            store(site, space, lanes, addresses + np.uint64(start), rows[:, start : start + 16], 16)
        return
    site.memory.store(site.instruction, space, lanes, addresses, np.ascontiguousarray(values), size)


def cp(site: Site) -> Step:
    """9.7.9.25.3: cp.async copies at once; its groups and waits have nothing left to do. Bulk copies are TMA."""
    modifiers = site.instruction.modifiers
    if "async" not in modifiers or "bulk" in modifiers or "mbarrier" in modifiers:
        raise site.unsupported()
    if "commit_group" in modifiers or "wait_group" in modifiers or "wait_all" in modifiers:
        return lambda: None
    to, source = _address(site, 0), _address(site, 1)
    size = site.operand(2)
    if not isinstance(size, Constant):
        raise site.unsupported()
    count = int(size.value)
    operands = site.instruction.operands
    kept = np.asarray(site.source(3, "u32")) if len(operands) > 3 else None
    who = participants(site)

    def run() -> None:
        lanes = who()
        everyone = np.arange(site.file.lanes)
        chosen = everyone if lanes is None else lanes
        if not chosen.size:
            return
        targets, sources = site.address(to)[chosen], site.address(source)[chosen]
        length = np.full(chosen.size, count) if kept is None else np.minimum(site.all_lanes(kept)[chosen], count)
        rows = np.zeros((chosen.size, count), np.uint8)
        whole = np.flatnonzero(length == count)
        if whole.size:
            rows[whole] = load(site, "global", chosen[whole], sources[whole], count).reshape(-1, count)
        # A part of it is read byte by byte; the rest becomes 0.
        for place in range(count if whole.size < chosen.size else 0):
            some = np.flatnonzero((length < count) & (length > place))
            if some.size:
                rows[some, place] = load(site, "global", chosen[some], sources[some] + np.uint64(place), 1)
        store(site, "shared", chosen, targets, rows, count)

    return run


def _matrices(site: Site) -> int:
    modifiers = site.instruction.modifiers
    if "m8n8" not in modifiers or "b16" not in modifiers:
        raise site.unsupported()
    return next(int(each[1:]) for each in modifiers if each in ("x1", "x2", "x4"))


def _rows(site: Site, address: Address, count: int) -> tuple[Array, Array]:
    """(threads, their addresses) of the rows of the matrices: of matrix m those of threads 8m to 8m + 7 of a warp."""
    lanes = site.file.lanes
    mask = site.group.mask
    if lanes % WARP or (mask is not None and (mask.reshape(-1, WARP).any(1) != mask.reshape(-1, WARP).all(1)).any()):
        raise site.unsupported("a matrix is moved by some threads of a warp only")
    warps = np.arange(lanes // WARP) if mask is None else np.flatnonzero(mask.reshape(-1, WARP)[:, 0])
    threads = (warps[:, None] * WARP + np.arange(8 * count)).reshape(-1)
    return threads, site.address(address)[threads]


def ldmatrix(site: Site) -> Step:
    """9.7.14.5.15: thread t of a warp gets the numbers 2 (t mod 4) and the next of row t / 4 of each matrix."""
    count = _matrices(site)
    address = _address(site, 1)
    outs = [site.register(each) for each in _items(site.operand(0)) if isinstance(each, Register)]

    def run() -> None:
        threads, addresses = _rows(site, address, count)
        rows = load(site, "shared", threads, addresses, 16).view(np.uint16).reshape(-1, count, 8, 8)
        if site.has("trans"):
            rows = rows.transpose(0, 1, 3, 2)
        pairs = np.ascontiguousarray(rows).view(np.uint32).reshape(-1, count, WARP)
        warps = threads.reshape(-1, 8 * count)[:, 0] // WARP
        for matrix, out in enumerate(outs):
            out.reshape(-1, WARP)[warps] = pairs[:, matrix]

    return run


def stmatrix(site: Site) -> Step:
    """9.7.14.5.16: the opposite of ldmatrix."""
    count = _matrices(site)
    address = _address(site, 0)
    values = [np.asarray(site.value(each, "b32")) for each in _items(site.operand(1))]

    def run() -> None:
        threads, addresses = _rows(site, address, count)
        warps = threads.reshape(-1, 8 * count)[:, 0] // WARP
        pairs = np.stack([site.all_lanes(each).reshape(-1, WARP)[warps] for each in values], axis=1)
        rows = np.ascontiguousarray(pairs).view(np.uint16).reshape(-1, count, 8, 8)
        if site.has("trans"):
            rows = rows.transpose(0, 1, 3, 2)
        store(site, "shared", threads, addresses, np.ascontiguousarray(rows).reshape(-1, 8), 16)

    return run


def nothing(site: Site) -> Step:
    """What only orders or hastens accesses: they happen in order and at once here."""
    if "proxy" in site.instruction.modifiers or site.has("mbarrier_init"):
        raise site.unsupported()
    return lambda: None


def createpolicy(site: Site) -> Step:
    """9.7.9.18: a hint for caches."""
    out = site.register(site.operand(0))
    return lambda: np.copyto(out, 0)


EFFECTS: dict[str, Callable[[Site], Step]] = {
    "ld": ld,
    "ldu": ld,
    "st": st,
    "cp": cp,
    "ldmatrix": ldmatrix,
    "stmatrix": stmatrix,
    "membar": nothing,
    "fence": nothing,
    "prefetch": nothing,
    "prefetchu": nothing,
    "discard": nothing,
    "nanosleep": nothing,
    "griddepcontrol": nothing,
    "pmevent": nothing,
    "createpolicy": createpolicy,
}

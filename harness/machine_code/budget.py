"""Reads the budgets, the most that kernels may cost, and says where rows exceed them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.machine_code.rows import InspectedRow, totals

_FILE = Path(__file__).with_name("budgets.toml")
# Where a thread's access of 16 bytes is the widest there is; later ones have 32.
_WIDE_ARCHS, _WIDE_BYTES = ("sm_80", "sm_90"), 16


@dataclass(frozen=True)
class Budget:
    """Instructions per element by (op, variant, dtype), on one architecture."""

    arch: str
    instructions: dict[tuple[str, str, str], float]


def load(path: Path = _FILE) -> Budget:
    """The budget in a TOML file; the suite's own by default."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    arch = tables.pop("arch")
    return Budget(
        arch,
        {
            (op, variant, dtype): float(most)
            for op, variants in tables.items()
            for variant, dtypes in variants.items()
            for dtype, most in dtypes.items()
        },
    )


def violations(rows: Sequence[InspectedRow], budget: Budget) -> Iterator[str]:
    """A sentence for each limit that is exceeded: instructions, spills, divergence, width of access.

    Instructions are held against the budget of what the rows have; that they have everything is for the caller to
    see to, with `uncovered`.
    """
    for (arch, op, variant, dtype, provider), count in totals(rows).items():
        most = budget.instructions.get((op, variant, dtype)) if arch == budget.arch else None
        if most is not None and count > most:
            name = _name(op, variant, dtype, arch, provider)
            yield f"{name}: {count:.2f} instructions per element, and {most:g} are allowed"
    for row in rows:
        name = _name(row.op, row.variant, row.dtype, row.arch, row.provider)
        yield from (f"{name}: {fault}" for fault in _faults(row))


def _name(op: str, variant: str, dtype: str, arch: str, provider: str) -> str:
    by = "" if provider == "triton" else f" by {provider}"
    return f"{op} {variant} {dtype} on {arch}{by}"


def _faults(row: InspectedRow) -> Iterator[str]:
    if row.reason:
        yield f"not counted, {row.reason}"
        return
    if row.spills:
        yield f"{row.spills} instructions spill registers, to {row.local_bytes} bytes of local memory per thread"
    if row.branches:
        yield f"threads of a warp part at {row.branches} branches"
    if row.role != "main" or row.arch not in _WIDE_ARCHS:
        return
    for what, width in (("load", row.load_bytes), ("store", row.store_bytes)):
        if width is None or width < _WIDE_BYTES:
            yield f"a global {what} of the main tensors is {width} bytes wide, and {_WIDE_BYTES} are possible"


def uncovered(rows: Iterable[InspectedRow], budget: Budget) -> list[tuple[str, str, str]]:
    """What has a budget and no row on its architecture."""
    had = {(row.op, row.variant, row.dtype) for row in rows if row.arch == budget.arch}
    return [key for key in budget.instructions if key not in had]

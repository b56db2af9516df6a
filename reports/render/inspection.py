"""What `elubench inspect` found, as tables. Everything in them is modelled from machine code, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.machine_code.rows import TRANSACTION_BYTES, Ceiling, Row, totals
from reports.text.formatting import MISSING, percent, printable, significant

SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "float64": "fp64"}
LEFT = ("op", "dtype", "variant", "roof", "bound", "next")  # columns of words, set to the left
_WIDE = 120  # columns of a terminal that have room for everything
_VARIANT = 14  # of which the names of the suite's variants need so many
_NARROW_DTYPES = 3  # that a summary has side by side in a narrower one
_LONGEST = 40  # and those of autotuned ones get so many before they are folded

LEGEND = (
    "instr: instructions per element, all executed ones counted; fma … mem: the pipes that execute them; width: bytes "
    "of a global load and store; !: registers are spilled; ?: a branch depends on the data; issue%: share of all issue "
    "slots taken while memory streams at its peak; %peak: what part of that peak the busiest resource allows, were it "
    "never idle (an upper bound). docs/kernels.md says how they are made."
)
SUMMARY_LEGEND = (
    "instr: executed instructions per element; issue%: share of all issue slots that they take while memory streams at "
    "its peak. More: elubench inspect, docs/kernels.md."
)


@dataclass(frozen=True)
class Cells:
    """A table as text, before it is laid out. Names are as the rows have them: whoever prints makes them harmless."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Column:
    """A column of counts, how it is made from a row, and whether only wide terminals have it."""

    name: str
    text: Callable[[Row], str]
    is_wide: bool = False


def show(rows: Sequence[Row], console: Console) -> None:
    """Print a table for each architecture, op and dtype, then the architecture's instruction roofline.

    Where there are several ops, tables that have them side by side come first.
    """
    counted = [row for row in rows if row.instructions_per_element is not None]
    for arch, of_arch in groupby(counted, key=lambda row: row.arch):
        listed = list(of_arch)
        devices = ", ".join(f"{each.device} ({each.peak_gbps:g} GB/s)" for each in listed[0].ceilings)
        console.print(Text(f"modelled, not measured: machine code for {arch}, against {devices}", style="bold"))
        if len({row.op for row in listed}) > 1:
            for each in summaries(listed, _most_dtypes(console)):
                _print(console, replace(each, title=f"side by side, on the {listed[0].ceilings[0].device}"))
        for _, alike in groupby(listed, key=lambda row: (row.op, row.dtype)):
            _print(console, counts(list(alike), is_wide=console.width >= _WIDE))
        _print(console, roofline(listed))
    _reasons([row for row in rows if row.reason], console)
    if counted:
        console.print()
        for line in (LEGEND, *notes(counted)):
            console.print(Text(line))


def show_summary(rows: Sequence[Row], console: Console) -> None:
    """Print one table with a line for each kernel: what a reader of a run without a GPU learns about the kernels."""
    found = summaries(rows, _most_dtypes(console))
    for each in found:
        _print(console, each)
    if found:
        console.print(Text(SUMMARY_LEGEND))
    _reasons([row for row in rows if row.reason], console)


def _most_dtypes(console: Console) -> int | None:
    return None if console.width >= _WIDE else _NARROW_DTYPES


def summaries(rows: Sequence[Row], most_dtypes: int | None = None) -> list[Cells]:
    """A table for each architecture and provider: a line for each kernel, so many dtypes side by side at most."""
    counted = [row for row in rows if row.instructions_per_element is not None]
    found = []
    for _, alike in groupby(counted, key=lambda row: (row.arch, row.provider)):
        listed = list(alike)
        dtypes = list(dict.fromkeys(row.dtype for row in listed))
        step = most_dtypes or len(dtypes)
        found += [_summary(listed, dtypes[first : first + step]) for first in range(0, len(dtypes), step)]
    return found


def _summary(rows: Sequence[Row], dtypes: Sequence[str]) -> Cells:
    arch, provider, device = rows[0].arch, rows[0].provider, rows[0].ceilings[0]
    title = f"modelled, not measured: machine code of {provider} for {arch}, on the {device.device}"
    found = totals(rows)
    mains = {(row.op, row.variant, row.dtype): row for row in rows if row.role == "main"}
    lines = []
    for op, variant in dict.fromkeys((row.op, row.variant) for row in rows):
        of_dtype = [mains.get((op, variant, dtype)) for dtype in dtypes]
        pairs = [
            (MISSING, MISSING)
            if row is None
            else (count_text(found[arch, op, variant, row.dtype]), percent(issue_share(row.ceilings[0])))
            for row in of_dtype
        ]
        bounds = dict.fromkeys(row.bound_by or MISSING for row in of_dtype if row is not None)
        lines.append((op, variant, *(cell for pair in pairs for cell in pair), "/".join(bounds)))
    head = [name for dtype in dtypes for name in (SHORT.get(dtype, dtype), "issue%")]
    return Cells(f"{title} ({device.peak_gbps:g} GB/s)", ("op", "variant", *head, "bound"), tuple(lines))


def counts(rows: Sequence[Row], *, is_wide: bool) -> Cells:
    """Everything that was counted, for rows of one op and dtype; the first device's ceilings unless `is_wide`."""
    columns = [each for each in _columns(rows) if is_wide or not each.is_wide]
    lines = ((_name(row), *(each.text(row) for each in columns)) for row in rows)
    return Cells(
        f"{rows[0].op}  {rows[0].dtype}", ("variant", *(each.name for each in columns)), tuple(lines)
    )  # fmt: skip


def _name(row: Row) -> str:
    if row.role != "main":
        return "  second pass"
    return f"{row.variant}{' ?' if row.branches else ''}"


def _columns(rows: Sequence[Row]) -> Iterator[Column]:
    yield Column("instr", lambda row: count_text(row.instructions_per_element))
    # A machine without separate pipes for products and sums has them all in one.
    used = [name for name in ("fma", "alu", "mufu", "fp64", "memory") if any(name in row.pipes for row in rows)]
    for name in used:
        yield Column("mem" if name == "memory" else name, _pipe(name))
    yield Column("uniform", _pipe("uniform"), is_wide=True)
    yield Column("control", _pipe("control"), is_wide=True)
    yield Column("width", lambda row: f"{row.load_bytes or MISSING}/{row.store_bytes or MISSING}")
    yield Column("B/elem", lambda row: significant(row.bytes_per_element), is_wide=True)
    yield Column("regs", lambda row: f"{row.registers}{'!' if row.spills else ''}")
    yield Column("shared", lambda row: str(row.shared_bytes), is_wide=True)
    yield Column("occ%", lambda row: percent(row.occupancy))
    yield Column("branches", lambda row: f"{row.branches} + {significant(row.uniform_branches)}", is_wide=True)
    yield Column("issue%", lambda row: percent(issue_share(row.ceilings[0])))
    for index, each in enumerate(rows[0].ceilings):
        name = f"%peak {each.device}" if index else "%peak"
        yield Column(name, _fraction(index), is_wide=bool(index))
    yield Column("bound", lambda row: row.bound_by or MISSING)
    yield Column("next", lambda row: _runner_up(row.ceilings[0]), is_wide=True)


def _pipe(name: str) -> Callable[[Row], str]:
    return lambda row: count_text(row.pipes.get(name, 0.0))


def _runner_up(ceiling: Ceiling) -> str:
    """What would bind next, and how busy it is where the first binds: "mufu 20%"."""
    _, *others = sorted(ceiling.limits, key=lambda name: ceiling.limits[name])
    return f"{others[0]} {percent(ceiling.fraction / ceiling.limits[others[0]])}%" if others else MISSING


def _fraction(index: int) -> Callable[[Row], str]:
    return lambda row: percent(row.ceilings[index].fraction)


def count_text(count: float | None) -> str:
    """Instructions per element; those of a small second pass with the digits that tell them from none."""
    if count is None:
        return MISSING
    return f"{count:.1f}" if count >= 0.1 or count == 0 else f"{count:.2f}"


def issue_share(ceiling: Ceiling) -> float:
    """The share of a device's issue slots that the kernel takes while memory streams at its peak; above 1: too many."""
    return 1 / ceiling.limits["issue"]


def roofline(rows: Sequence[Row]) -> Cells:
    """Ding & Williams 2019: instructions per transaction of 32 bytes against what a device issues and moves."""
    ceiling = rows[0].ceilings[0]
    transactions = ceiling.peak_gbps / TRANSACTION_BYTES
    title = (
        f"instruction roofline, {ceiling.device}: {significant(ceiling.issue_gips)} GIPS of issue, "
        f"{significant(transactions)} GTXN/s of memory, ridge at {significant(ceiling.issue_gips / transactions)}"
    )
    lines = []
    for row in rows:
        intensity = row.warp_instructions_per_transaction
        if row.role == "main" and intensity is not None:
            attained = min(intensity * transactions, ceiling.issue_gips)
            share, roof = attained / ceiling.issue_gips, "memory" if attained < ceiling.issue_gips else "issue"
            numbers = (significant(intensity), significant(attained), percent(share), roof)
            lines.append((row.op, SHORT.get(row.dtype, row.dtype), row.variant, *numbers))
    return Cells(title, ("op", "dtype", "variant", "instr/txn", "GIPS", "of issue%", "roof"), tuple(lines))


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What was assumed in counting, each with the kernels that it is about."""
    for note in dict.fromkeys(note for row in rows for note in row.notes):
        which = dict.fromkeys(f"{row.op} {row.variant} on {row.arch}" for row in rows if note in row.notes)
        yield printable(f"{note} ({'; '.join(which)})", 400)


def _print(console: Console, cells: Cells) -> None:
    """A table below its title, which may be wider; what the line above says already is left out."""
    console.print()
    console.print(Text(printable(cells.title)))
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    table.padding = 0
    for name in cells.head:
        if name == "variant":
            table.add_column(name, overflow="fold", min_width=_VARIANT, max_width=_LONGEST)
        else:
            table.add_column(printable(name), justify="left" if name in LEFT else "right", no_wrap=True)
    above: str | None = None
    for first, *others in cells.lines:
        is_second = first.startswith("  ")
        shown = "" if cells.head[0] == "op" and first == above else first
        table.add_row(*(Text(printable(cell, 60)) for cell in (shown, *others)), style="dim" if is_second else None)
        above = first
    console.print(table)


def _reasons(rows: Sequence[Row], console: Console) -> None:
    if not rows:
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for name in ("arch", "op", "dtype", "variant"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold", ratio=1)
    for row in rows:
        words = (row.arch, row.op, SHORT.get(row.dtype, row.dtype), row.variant)
        table.add_row(*(Text(printable(each, 40)) for each in words), Text(printable(row.reason or "")))
    console.print()
    console.print(Text("not counted"))
    console.print(table)

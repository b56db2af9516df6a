"""What `elubench inspect` found, as tables. Everything in them is modelled from machine code, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.inspect.rows import TRANSACTION_BYTES, Ceiling, Row, totals
from reports.formatting import MISSING, percent, printable, significant

SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "float64": "fp64"}
_WIDE = 120  # columns of a terminal that have room for everything
_VARIANT = 14  # of which the names of the suite's variants need so many
_LONGEST = 40  # and those of autotuned ones get so many before they are folded

_LEGEND = (
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
class Column:
    """A column, how it is made from a row, and whether only wide terminals have it."""

    name: str
    text: Callable[[Row], str]
    is_wide: bool = False


def show(rows: Sequence[Row], console: Console) -> None:
    """Print a table for each architecture, op and dtype, then the architecture's instruction roofline."""
    counted = [row for row in rows if row.instructions_per_element is not None]
    for arch, of_arch in groupby(counted, key=lambda row: row.arch):
        listed = list(of_arch)
        console.print(
            Text(f"modelled, not measured: machine code for {arch}, against {_devices(listed)}", style="bold")
        )
        for (op, dtype), alike in groupby(listed, key=lambda row: (row.op, row.dtype)):
            _print(console, printable(f"{op}  {dtype}"), _counts_table(list(alike), console.width))
        _print(console, _roofline_title(listed[0].ceilings[0]), _roofline_table(listed))
    _reasons([row for row in rows if row.reason], console)
    if counted:
        console.print()
        for line in (_LEGEND, *_notes(counted)):
            console.print(Text(line))


def show_summary(rows: Sequence[Row], console: Console) -> None:
    """Print one table with a line for each kernel: what a reader of a run without a GPU learns about the kernels."""
    found = summaries(rows)
    for each in found:
        _print(console, printable(each.title), _summary_table(each))
    if found:
        console.print(Text(SUMMARY_LEGEND))
    _reasons([row for row in rows if row.reason], console)


def _print(console: Console, title: str, table: Table) -> None:
    """A table below its title, which may be wider."""
    console.print()
    console.print(Text(title))
    console.print(table)


def _devices(rows: Sequence[Row]) -> str:
    return ", ".join(f"{each.device} ({each.peak_gbps:g} GB/s)" for each in rows[0].ceilings)


def _pipe(name: str) -> Callable[[Row], str]:
    return lambda row: count_text(row.pipes.get(name, 0.0))


def count_text(count: float | None) -> str:
    """Instructions per element; those of a small second pass with the digits that tell them from none."""
    if count is None:
        return MISSING
    return f"{count:.1f}" if count >= 0.1 or count == 0 else f"{count:.2f}"


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
    yield Column("regs", _registers)
    yield Column("shared", lambda row: str(row.shared_bytes), is_wide=True)
    yield Column("occ%", lambda row: percent(row.occupancy))
    yield Column("branches", lambda row: f"{row.branches} + {significant(row.uniform_branches)}", is_wide=True)
    yield Column("issue%", lambda row: percent(issue_share(row.ceilings[0])))
    for index, each in enumerate(rows[0].ceilings):
        name = f"%peak {each.device}" if index else "%peak"
        yield Column(name, _fraction(index), is_wide=bool(index))
    yield Column("bound", lambda row: row.bound_by or MISSING)


def _fraction(index: int) -> Callable[[Row], str]:
    return lambda row: percent(row.ceilings[index].fraction)


def _registers(row: Row) -> str:
    """Registers, with a mark where some were spilled."""
    return f"{row.registers}{'!' if row.spills or row.local_bytes else ''}"


def issue_share(ceiling: Ceiling) -> float:
    """The share of a device's issue slots that the kernel takes while memory streams at its peak; above 1: too many."""
    return 1 / ceiling.limits["issue"]


def _table() -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    table.padding = 0
    return table


def _counts_table(rows: Sequence[Row], width: int) -> Table:
    table = _table()
    columns = [each for each in _columns(rows) if width >= _WIDE or not each.is_wide]
    _add_variant_column(table)
    for each in columns:
        table.add_column(each.name, justify="left" if each.name == "bound" else "right", no_wrap=True)
    for row in rows:
        is_second = row.role != "main"
        name = "  second pass" if is_second else f"{printable(row.variant, 60)}{_mark(row)}"
        cells = [each.text(row) for each in columns]
        style = "dim" if is_second else None
        table.add_row(Text(name), *map(Text, cells), style=style)
    return table


def _add_variant_column(table: Table) -> None:
    table.add_column("variant", overflow="fold", min_width=_VARIANT, max_width=_LONGEST)


def _mark(row: Row) -> str:
    return " ?" if row.branches else ""


def _roofline_title(ceiling: Ceiling) -> str:
    transactions = ceiling.peak_gbps / TRANSACTION_BYTES
    return (
        f"instruction roofline, {ceiling.device}: {significant(ceiling.issue_gips)} GIPS of issue, "
        f"{significant(transactions)} GTXN/s of memory, ridge at {significant(ceiling.issue_gips / transactions)}"
    )


def _roofline_table(rows: Sequence[Row]) -> Table:
    """Ding & Williams 2019: instructions per transaction against what the device issues and moves."""
    ceiling = rows[0].ceilings[0]
    transactions = ceiling.peak_gbps / TRANSACTION_BYTES
    table = _table()
    for name in ("op", "dtype"):
        table.add_column(name, no_wrap=True)
    _add_variant_column(table)
    for name in ("instr/txn", "GIPS", "of issue%", "roof"):
        table.add_column(name, justify="left" if name == "roof" else "right", no_wrap=True)
    for row in rows:
        intensity = row.warp_instructions_per_transaction
        if row.role != "main" or intensity is None:
            continue
        attained = min(intensity * transactions, ceiling.issue_gips)
        table.add_row(
            Text(printable(row.op)),
            SHORT.get(row.dtype, printable(row.dtype)),
            Text(printable(row.variant, 60)),
            significant(intensity),
            significant(attained),
            percent(attained / ceiling.issue_gips),
            "memory" if intensity * transactions <= ceiling.issue_gips else "issue",
        )
    return table


@dataclass(frozen=True)
class Summary:
    """The kernels of one provider on one architecture as cells of a table: a line for each op and variant."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """The rows as tables of one line for each kernel, dtypes side by side. Names are as the rows have them."""
    counted = [row for row in rows if row.instructions_per_element is not None]
    return [_summary(list(alike)) for _, alike in groupby(counted, key=lambda row: (row.arch, row.provider))]


def _summary(rows: Sequence[Row]) -> Summary:
    arch, provider, device = rows[0].arch, rows[0].provider, rows[0].ceilings[0]
    title = f"modelled, not measured: machine code of {provider} for {arch}, on an {device.device}"
    dtypes = list(dict.fromkeys(row.dtype for row in rows))
    head = [name for dtype in dtypes for name in (SHORT.get(dtype, dtype), "issue%")]
    found = totals(rows)
    mains = {(row.op, row.variant, row.dtype): row for row in rows if row.role == "main"}
    lines = []
    for op, variant in dict.fromkeys((row.op, row.variant) for row in rows):
        of_dtype = [mains.get((op, variant, dtype)) for dtype in dtypes]
        cells = [
            cell
            for row in of_dtype
            for cell in (
                (MISSING, MISSING)
                if row is None
                else (count_text(found[arch, op, variant, row.dtype]), percent(issue_share(row.ceilings[0])))
            )
        ]
        bounds = dict.fromkeys(row.bound_by or MISSING for row in of_dtype if row is not None)
        lines.append((op, variant, *cells, "/".join(bounds)))
    return Summary(f"{title} ({device.peak_gbps:g} GB/s)", ("op", "variant", *head, "bound by"), tuple(lines))


def _summary_table(summary: Summary) -> Table:
    table = _table()
    table.add_column("op", no_wrap=True)
    _add_variant_column(table)
    for name in summary.head[2:]:
        table.add_column(printable(name), justify="left" if name == "bound by" else "right", no_wrap=True)
    shown = None
    for op, variant, *cells in summary.lines:
        table.add_row(Text(printable(op) if op != shown else ""), Text(printable(variant, 60)), *cells)
        shown = op
    return table


def _reasons(rows: Sequence[Row], console: Console) -> None:
    if not rows:
        return
    table = _table()
    for name in ("arch", "op", "dtype", "variant"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold", ratio=1)
    for row in rows:
        table.add_row(
            row.arch,
            Text(printable(row.op)),
            SHORT.get(row.dtype, printable(row.dtype)),
            Text(printable(row.variant, 40)),
            Text(printable(row.reason or "")),
        )
    _print(console, "not counted", table)


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    for note in dict.fromkeys(note for row in rows for note in row.notes):
        which = dict.fromkeys(f"{row.op} {row.variant} on {row.arch}" for row in rows if note in row.notes)
        yield printable(f"{note} ({'; '.join(which)})", 400)

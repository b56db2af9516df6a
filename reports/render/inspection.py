"""What `elubench inspect` found, as tables. Everything in them is modelled from machine code, and they say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.console import Console
from rich.text import Text

from harness.machine_code.rows import TRANSACTION_BYTES, Ceiling, InspectedRow, totals
from harness.ops.op import SHORT_DTYPES
from reports.render import table
from reports.render.table import Column, Kind, Table, numbers, words
from reports.text.formatting import MISSING, percent, printable, significant

_WIDE = 120  # columns of a terminal that have room for everything
_NARROW_DTYPES = 3  # that a summary has side by side in a narrower one

_VARIANT = Column("variant", Kind.NAME, longest=40)  # those of autotuned kernels are longer, and are wrapped
_PROVIDER = Column("provider", Kind.NAME)
_DETAIL = 3  # columns that go this early on a terminal are not on a page of documentation

LEGEND = (
    "instr: instructions per element, all executed ones counted; fma … mem: the pipes that execute them; width: bytes "
    "of a global load and store; sectors: of 32 bytes that a warp's load and store ask for, as many as the width where "
    "all is wanted; !: registers are spilled; ?: threads of a warp part at a branch; issue%: share of all issue slots "
    "taken while memory streams at its peak; %peak: what part of that peak the busiest resource allows, were it "
    "never idle (an upper bound). docs/kernels.md says how they are made."
)
SUMMARY_LEGEND = (
    "instr: executed instructions per element; issue%: share of all issue slots that they take while memory streams at "
    "its peak. More: elubench inspect, docs/kernels.md."
)


@dataclass(frozen=True)
class Count:
    """A column of counts, and how its text follows from a row."""

    column: Column
    text: Callable[[InspectedRow], str]


def show(rows: Sequence[InspectedRow], console: Console) -> None:
    """Print a table for each architecture, op and dtype, then the architecture's instruction roofline.

    Where there are several ops, tables that have them side by side come first.
    """
    counted = beside([row for row in rows if row.instructions_per_element is not None])
    for arch, of_arch in groupby(counted, key=lambda row: row.arch):
        listed = list(of_arch)
        devices = ", ".join(f"{each.device} ({each.peak_gbps:g} GB/s)" for each in listed[0].ceilings)
        console.print(Text(f"modelled, not measured: machine code for {arch}, against {devices}", style="bold"))
        if len({row.op for row in listed}) > 1 or len(_providers(listed)) > 1:
            for each in summaries(listed, _most_dtypes(console)):
                table.show(replace(each, title=f"side by side, on the {listed[0].ceilings[0].device}"), console)
        for _, alike in groupby(listed, key=lambda row: (row.op, row.dtype)):
            table.show(counts(list(alike)), console)
        table.show(roofline(listed), console)
    table.show(_reasons(rows), console)
    if counted:
        console.print()
        for line in (LEGEND, *notes(counted)):
            console.print(Text(line))


def show_summary(rows: Sequence[InspectedRow], console: Console) -> None:
    """Print one table with a line for each kernel: what a reader of a run without a GPU learns about the kernels."""
    found = summaries(rows, _most_dtypes(console))
    for each in found:
        table.show(each, console)
    if found:
        console.print(Text(SUMMARY_LEGEND))
    table.show(_reasons(rows), console)


def _most_dtypes(console: Console) -> int | None:
    return None if console.width >= _WIDE else _NARROW_DTYPES


def summaries(rows: Sequence[InspectedRow], most_dtypes: int | None = None) -> list[Table]:
    """A table for each architecture: a line for each kernel, so many dtypes side by side at most."""
    counted = beside([row for row in rows if row.instructions_per_element is not None])
    found = []
    for _, alike in groupby(counted, key=lambda row: row.arch):
        listed = list(alike)
        dtypes = list(dict.fromkeys(row.dtype for row in listed))
        step = most_dtypes or len(dtypes)
        found += [_summary(listed, dtypes[first : first + step]) for first in range(0, len(dtypes), step)]
    return found


def _providers(rows: Sequence[InspectedRow]) -> list[str]:
    return list(dict.fromkeys(row.provider for row in rows))


def beside(rows: Sequence[InspectedRow]) -> list[InspectedRow]:
    """The rows, with what several providers launch for the same next to each other; those of one as they are."""
    if len(_providers(rows)) < 2:
        return list(rows)

    def place(row: InspectedRow) -> tuple[str, ...]:
        return (row.arch, row.op, row.dtype, _plain_variant(row), row.provider)

    firsts = [list(dict.fromkeys(names)) for names in zip(*map(place, rows), strict=True)]
    return sorted(rows, key=lambda row: [first.index(name) for first, name in zip(firsts, place(row), strict=True)])


def _plain_variant(row: InspectedRow) -> str:
    """The variant without the configuration of a kernel that is autotuned."""
    return row.variant.partition(" [")[0]


def _summary(rows: Sequence[InspectedRow], dtypes: Sequence[str]) -> Table:
    arch, device, providers = rows[0].arch, rows[0].ceilings[0], _providers(rows)
    title = f"modelled, not measured: machine code of {' and '.join(providers)} for {arch}, on the {device.device}"
    found = totals(rows)
    mains = {(row.op, row.variant, row.dtype, row.provider): row for row in rows if row.role == "main"}
    lines = []
    for op, variant, provider in dict.fromkeys((row.op, row.variant, row.provider) for row in rows):
        of_dtype = [mains.get((op, variant, dtype, provider)) for dtype in dtypes]
        pairs = [
            (MISSING, MISSING)
            if row is None
            else (count_text(found[arch, op, variant, row.dtype, provider]), percent(issue_share(row.ceilings[0])))
            for row in of_dtype
        ]
        bounds = dict.fromkeys(row.bound_by or MISSING for row in of_dtype if row is not None)
        lines.append((op, variant, provider, *(cell for pair in pairs for cell in pair), "/".join(bounds)))
    head = numbers(*(name for dtype in dtypes for name in (SHORT_DTYPES.get(dtype, dtype), "issue%")))
    columns = (Column("op", Kind.NAME, is_shared=True), _VARIANT, _PROVIDER, *head, Column("bound", Kind.WORD, goes=1))
    return _of_providers(Table(f"{title} ({device.peak_gbps:g} GB/s)", columns, tuple(lines)), providers)


def _of_providers(table: Table, providers: Sequence[str]) -> Table:
    """The table with a column that says whose each kernel is, where they are of several."""
    return table if len(providers) > 1 else table.without(_PROVIDER.name)


def counts(rows: Sequence[InspectedRow], *, with_details: bool = True) -> Table:
    """Everything that was counted, for rows of one op and dtype, or what a page has room for."""
    columns = [each for each in _columns(rows) if with_details or each.column.goes < _DETAIL]
    head = (_VARIANT, _PROVIDER, *(each.column for each in columns))
    lines = tuple((_name(row), row.provider, *(each.text(row) for each in columns)) for row in rows)
    second = frozenset(number for number, row in enumerate(rows) if row.role != "main")
    found = Table(f"{rows[0].op}  {rows[0].dtype}", head, lines, dim=second)
    return _of_providers(found, _providers(rows))


def details(rows: Sequence[InspectedRow]) -> str:
    """Which columns `counts` leaves out where it is without details, as a sentence."""
    names = ", ".join(each.column.name for each in _columns(rows) if each.column.goes >= _DETAIL)
    return f"Left out of these tables, and shown by 'elubench inspect' on a wide terminal: {names}."


def _name(row: InspectedRow) -> str:
    if row.role != "main":
        return "  second pass"
    return f"{row.variant}{' ?' if row.branches else ''}"


def _columns(rows: Sequence[InspectedRow]) -> Iterator[Count]:
    """The columns; those that only a wide terminal has room for go first."""
    yield Count(Column("instr"), lambda row: count_text(row.instructions_per_element))
    # A machine without separate pipes for products and sums has them all in one.
    used = [name for name in ("fma", "alu", "mufu", "fp64", "memory") if any(name in row.pipes for row in rows)]
    for name in used:
        yield Count(Column("mem" if name == "memory" else name, goes=1), _pipe(name))
    yield Count(Column("uniform", goes=5), _pipe("uniform"))
    yield Count(Column("control", goes=5), _pipe("control"))
    yield Count(Column("width"), lambda row: f"{row.load_bytes or MISSING}/{row.store_bytes or MISSING}")
    if any(row.is_executed for row in rows):
        yield Count(Column("sectors", goes=3), lambda row: f"{_count(row.load_sectors)}/{_count(row.store_sectors)}")
    yield Count(Column("B/elem", goes=4), lambda row: significant(row.bytes_per_element))
    yield Count(Column("regs"), lambda row: f"{row.registers}{'!' if row.spills else ''}")
    yield Count(Column("shared", goes=3), lambda row: str(row.shared_bytes))
    yield Count(Column("occ%"), lambda row: percent(row.occupancy))
    if any(row.bank_conflicts is not None for row in rows):
        yield Count(Column("conflicts", goes=4), lambda row: _count(row.bank_conflicts))
    yield Count(Column("branches", goes=5), lambda row: f"{_count(row.branches)} + {significant(row.uniform_branches)}")
    yield Count(Column("issue%"), lambda row: percent(issue_share(row.ceilings[0])))
    for index, each in enumerate(rows[0].ceilings):
        yield Count(Column(f"%peak {each.device}" if index else "%peak", goes=6 * bool(index)), _fraction(index))
    yield Count(Column("bound", Kind.WORD), lambda row: row.bound_by or MISSING)
    yield Count(Column("next", Kind.WORD, goes=4), lambda row: _runner_up(row.ceilings[0]))


def _count(count: float | None) -> str:
    return MISSING if count is None else f"{count:.3g}"


def _pipe(name: str) -> Callable[[InspectedRow], str]:
    return lambda row: count_text(row.pipes.get(name, 0.0))


def _runner_up(ceiling: Ceiling) -> str:
    """What would bind next, and how busy it is where the first binds: "mufu 20%"."""
    _, *others = sorted(ceiling.limits, key=lambda name: ceiling.limits[name])
    return f"{others[0]} {percent(ceiling.fraction / ceiling.limits[others[0]])}%" if others else MISSING


def _fraction(index: int) -> Callable[[InspectedRow], str]:
    return lambda row: percent(row.ceilings[index].fraction)


def count_text(count: float | None) -> str:
    """Instructions per element; those of a small second pass with the digits that tell them from none."""
    if count is None:
        return MISSING
    return f"{count:.1f}" if count >= 0.1 or count == 0 else f"{count:.2f}"


def issue_share(ceiling: Ceiling) -> float:
    """The share of a device's issue slots that the kernel takes while memory streams at its peak; above 1: too many."""
    return 1 / ceiling.limits["issue"]


def roofline(rows: Sequence[InspectedRow]) -> Table:
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
            cells = (significant(intensity), significant(attained), percent(share), roof)
            lines.append((row.op, SHORT_DTYPES.get(row.dtype, row.dtype), row.variant, row.provider, *cells))
    columns = (
        Column("op", Kind.NAME, is_shared=True),
        Column("dtype", Kind.WORD),
        _VARIANT,
        _PROVIDER,
        *numbers("instr/txn", "GIPS", "of issue%"),
        Column("roof", Kind.WORD),
    )
    return _of_providers(Table(title, columns, tuple(lines)), _providers(rows))


def notes(rows: Sequence[InspectedRow]) -> Iterator[str]:
    """What was assumed in counting, each with the kernels that it is about."""
    for note in dict.fromkeys(note for row in rows for note in row.notes):
        which = dict.fromkeys(f"{row.op} {row.variant} on {row.arch}" for row in rows if note in row.notes)
        yield printable(f"{note} ({'; '.join(which)})", 400)


def _reasons(rows: Sequence[InspectedRow]) -> Table:
    columns = (*words("arch", "op", "dtype", "variant", "provider", kind=Kind.NAME), Column("why", Kind.PROSE))
    lines = (
        (row.arch, row.op, SHORT_DTYPES.get(row.dtype, row.dtype), row.variant, row.provider, row.reason)
        for row in rows
        if row.reason
    )
    return _of_providers(Table("not counted", columns, tuple(lines)), _providers(rows))

"""A run as tables on a terminal: 80 columns or 200, or a file that it is piped to."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.store.records import Run
from reports.analysis.speedups import standings
from reports.analysis.summary import FLAGS, Folded, Group, folded, groups
from reports.text import wording
from reports.text.formatting import MISSING, percent, printable, significant, size_text, time_text


def show(run: Run, console: Console) -> None:
    """Print all that a run holds, most wanted first; nothing in it is taken for markup or control codes."""
    for line in wording.header(run):
        console.print(Text(printable(line)), soft_wrap=False)
    if not run.records:
        console.print(Text("The run holds no record yet; go on with 'elubench run --resume'."))
        return
    timed = groups(run)
    for group in timed:
        console.print()
        console.print(_fitted(_timed_table(group), console))
    if timed:
        console.print()
        _legend(run, timed, console)
    for table in (_speedup_table(timed), _validated_table(run), _untimed_table(run)):
        if table.row_count:
            console.print()
            console.print(table)
    console.print()
    console.print(Text(wording.outcome_counts(run)))
    if run.torn:
        console.print(
            Text("The last record was cut short by a crash and is left out; 'elubench run --resume' measures it again.")
        )


def _table(title: str, *columns: tuple[str, str]) -> Table:
    """A table that gives way in the columns whose justification is "fold" (wrapped) when it gets narrow."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
    table.padding = (0, 1, 0, 0)
    for name, justify in columns:
        if justify == "fold":
            table.add_column(name, overflow="fold", ratio=1)
        else:
            table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    return table


def _fitted(table: Table, console: Console) -> Table:
    """The table, its columns closer together where it would be wider than the terminal: no number is cut."""
    if Measurement.get(console, console.options.update(max_width=10 * console.width), table).maximum > console.width:
        table.padding = 0
    return table


def _timed_table(group: Group) -> Table:
    right = ("time", "±%", "Gelem/s", "GB/s", "%roof", "×eager", "ULP")
    table = _table(
        printable(wording.title(group)),
        ("size", "left"),
        ("provider", "left"),
        *((name, "right") for name in right),
        ("", "left"),
    )
    shown = None
    for row in group.rows:
        record = row.record
        if shown is not None and shown != record.shape:
            table.add_section()
        size = size_text(record.shape) if shown != record.shape else ""
        shown = record.shape
        is_roof = record.role == "roof"
        table.add_row(
            Text(size),
            Text(printable(f"roof: {record.provider}" if is_roof else record.provider, 20)),
            time_text(record.median_s),
            percent(row.half_width, 1),
            significant(row.elements_per_s / 1e9),
            significant(record.bandwidth_gbps),
            percent(row.roof_fraction),
            wording.speedup(row),
            MISSING if is_roof else significant(record.max_ulp, 2),
            Text("".join(_mark(flag) for flag in record.flags)),
            style="dim" if is_roof else None,
        )
    return table


def _mark(flag: str) -> str:
    return FLAGS[flag][0] if flag in FLAGS else f" {printable(flag, 20)}"


def _legend(run: Run, timed: list[Group], console: Console) -> None:
    for mark, meaning in wording.flags_used(timed).values():
        console.print(Text(f"{mark}  {meaning}"))
    noise = wording.noise(run)
    if noise:
        console.print(Text(noise))


def _speedup_table(timed: list[Group]) -> Table:
    table = _table(
        "speed-up over eager, geometric mean of the cases without a mark",
        ("op", "left"),
        ("provider", "left"),
        ("cases", "right"),
        ("mean", "right"),
        ("least", "right"),
        ("most", "right"),
    )
    for each in standings(timed):
        numbers = (f"{value:.2f}" for value in (each.mean, each.least, each.most))
        table.add_row(Text(printable(each.name)), Text(printable(each.provider, 20)), str(each.cases), *numbers)
    return table


def _validated_table(run: Run) -> Table:
    table = _table(
        "validated: right, and not timed, as there is no GPU (Triton's interpreter ran the kernels)",
        ("op", "left"),
        ("dtype", "left"),
        ("provider", "left"),
        ("cases", "right"),
        ("outcome", "left"),
        ("ULP", "right"),
    )
    for each in folded(run, validated=True):
        table.add_row(*_names(each), str(each.cases), each.outcome, significant(each.max_ulp, 2))
    return table


def _untimed_table(run: Run) -> Table:
    table = _table(
        "not measured",
        ("op", "left"),
        ("dtype", "left"),
        ("provider", "left"),
        ("cases", "right"),
        ("outcome", "left"),
        ("why (the first of them)", "fold"),
    )
    for each in folded(run, validated=False):
        table.add_row(*_names(each), str(each.cases), each.outcome, Text(printable(wording.why(each))))
    return table


def _names(each: Folded) -> tuple[Text, Text, Text]:
    return Text(printable(each.op)), Text(printable(each.dtype)), Text(printable(each.provider, 20))

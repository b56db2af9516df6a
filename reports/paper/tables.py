"""A claims run on a terminal: every statement with its verdict, then what each verdict rests on."""

from __future__ import annotations

from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import Judged, judge
from reports.paper.number_tables import Table as Numbers
from reports.paper.number_tables import modelled_table
from reports.paper.verdicts import CANNOT_TELL, DOES_NOT, HOLDS
from reports.text.formatting import printable

_STYLES = {HOLDS: "green", DOES_NOT: "red", CANNOT_TELL: "yellow"}


def show(run: ClaimsRun, console: Console) -> None:
    """Print the verdicts and the comparisons behind them; nothing is taken for markup or control codes."""
    for line in (words.TITLE, *words.header(run)):
        console.print(Text(printable(line)))
    unfinished = words.incomplete(run)
    if unfinished:
        console.print(Text(printable(unfinished)))
    judged = judge(run)
    for claim in dict.fromkeys(each.statement.claim for each in judged):
        console.print()
        console.print(_comparisons(claim, [each for each in judged if each.statement.claim == claim]))
        if claim == "cost" and run.cost is not None:
            _print_modelled(modelled_table(run), console)
    console.print()
    console.print(_verdicts(judged))
    console.print()
    console.print(Text(words.counts(judged) + "."))


def _print_modelled(found: Numbers, console: Console) -> None:
    console.print()
    console.print(Text(printable(found.title, 400), style="bold"))
    if found.rows:
        table = Table(box=SIMPLE_HEAD, show_edge=False)
        table.padding = 0
        for name in found.head:
            justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
            table.add_column(name.removeprefix(">"), justify=justify, no_wrap=True)
        for row in found.rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(table)
    console.print(Text(printable(found.note, 1000)))


def _verdicts(judged: list[Judged]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, title=Text("verdicts"), title_justify="left", title_style="bold")
    table.add_column("the paper says", ratio=3, overflow="fold")
    table.add_column("where", ratio=1, overflow="fold")
    table.add_column("verdict", ratio=2, overflow="fold")
    for each in judged:
        verdict = Text(words.verdict_text(each), style=_STYLES[each.verdict])
        table.add_row(each.statement.text, each.statement.place, verdict)
    return table


def _comparisons(claim: str, judged: list[Judged]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, title=Text(words.claim_title(claim)), title_justify="left")
    table.title_style = "bold"
    table.padding = (0, 1, 0, 0)
    for name in words.HEAD:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for each in judged:
        for comparison in each.comparisons:
            *cells, _ = words.comparison_cells(comparison)
            verdict = _verdict(comparison.verdict)
            table.add_row(*map(Text, cells), verdict, style=None if comparison.counts else "dim")
        table.add_section()
    return table


def _verdict(verdict: str) -> Text:
    return Text(f"{words.MARKS[verdict]} {verdict}", style=_STYLES[verdict])

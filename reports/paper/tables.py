"""A claims run on a terminal: every statement with its verdict, then what each verdict rests on."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.text import Text

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import judge
from reports.paper.number_tables import modelled_table
from reports.render import table
from reports.text.formatting import printable


def show(run: ClaimsRun, console: Console) -> None:
    """Print the verdicts and the comparisons behind them; nothing is taken for markup or control codes."""
    for line in (words.TITLE, *words.header(run)):
        console.print(Text(printable(line)))
    for caution in (words.look(run), words.incomplete(run)):
        if caution:
            console.print(Text(printable(caution), style="bold"))
    judged = judge(run)
    for claim in dict.fromkeys(each.statement.claim for each in judged):
        found = [(each.statement, one) for each in judged if each.statement.claim == claim for one in each.comparisons]
        title, starts = words.claim_title(claim), table.sections(statement for statement, _ in found)
        made = words.comparison_table([comparison for _, comparison in found], title)
        table.show(replace(made, sections=starts), console)
        if claim == "cost" and run.cost is not None:
            table.show(modelled_table(run), console)
    table.show(words.verdict_table(judged, "verdicts"), console)
    console.print()
    console.print(Text(words.counts(judged) + "."))

"""A claims run on a terminal: every statement with its verdict, then what each verdict rests on."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.text import Text

from harness.paper.rows import ClaimsRun
from reports.paper import headline, words
from reports.paper.judge import judge
from reports.paper.number_tables import modelled_table
from reports.render import table
from reports.text.formatting import printable

# What a terminal has no room for; the report has it.
_LEFT_OUT = ("measure", "effect", "p, ranks", "p, equivalent")


def show(run: ClaimsRun, console: Console) -> None:
    """Print comparisons, centring, divergence and verdicts; nothing is taken for markup or control codes."""
    for line in (words.TITLE, *words.header(run)):
        console.print(Text(printable(line)))
    for caution in (words.look(run), words.incomplete(run)):
        if caution:
            console.print(Text(printable(caution), style="bold"))
    judged = judge(run)
    for claim in dict.fromkeys(each.statement.claim for each in judged):
        found = [each for each in judged if each.statement.claim == claim]
        starts = table.sections(each.statement.key for each in found for _ in (each.primary, *each.secondary))
        made = words.comparison_table(found, words.claim_title(claim)).without(*_LEFT_OUT)
        table.show(replace(made, sections=starts), console)
    if run.cost is not None:
        table.show(modelled_table(run), console)
    for made in (headline.centring_table(run), *headline.divergence_tables(run)):
        if made.rows:
            table.show(made, console)
    table.show(words.verdict_table(judged, "verdicts").without(words.WORDS_COLUMN, "effect"), console)
    console.print()
    console.print(Text(f"{words.counts([each.verdict for each in judged])}. {words.one_data_set(run)}"))

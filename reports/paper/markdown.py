"""A claims run as Markdown: `report/report.md`, and the results in docs/claims.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import Judged, judge
from reports.paper.number_tables import tables
from reports.render.markdown import table
from reports.text.escaping import markdown_code, markdown_text

Figures = Mapping[str, Sequence[str]]  # by claim, paths of images relative to the text


def report(run: ClaimsRun, content_hash: str, figures: Figures) -> str:
    """The whole report."""
    lines = [f"# {words.TITLE}", "", *results(run, content_hash, figures)]
    return "\n".join(lines) + "\n"


def results(run: ClaimsRun, content_hash: str, figures: Figures) -> Iterator[str]:
    """Everything below the title: what was run, the verdicts, and a section for each claim."""
    for line in words.header(run):
        yield f"- {markdown_code(line)}"
    yield f"- content hash `{content_hash}` (`elubench verify` recomputes it, and every number below)"
    unfinished = words.incomplete(run)
    if unfinished:
        yield from ("", f"**{_plain(unfinished)}**")
    judged = judge(run)
    yield from ("", "## Verdicts", "", f"Of {len(judged)} statements, {words.counts(judged)}.", "")
    rows = [(each.statement.text, each.statement.place, f"**{words.verdict_text(each)}**") for each in judged]
    yield from table(("the paper says", "where", "verdict"), rows)
    yield from ("", words.setting(run), "", words.intervals(judged))
    for claim in dict.fromkeys(each.statement.claim for each in judged):
        yield from _claim(run, claim, [each for each in judged if each.statement.claim == claim], figures)


def _claim(run: ClaimsRun, claim: str, judged: Sequence[Judged], figures: Figures) -> Iterator[str]:
    yield from ("", f"## {words.claim_title(claim)}", "", f"Measured: {words.claim_summary(claim)}.")
    for figure in figures.get(claim, ()):
        yield from ("", f"![{words.claim_title(claim)}]({figure})")
    for each in judged:
        statement = each.statement
        yield from ("", f"### {statement.text}", "")
        yield from (f"{statement.place}. {statement.how}", "", f"Verdict: **{words.verdict_text(each)}**")
        if each.comparisons:
            yield ""
            yield from table(words.HEAD, map(words.comparison_cells, each.comparisons))
    for found in tables(run, claim):
        yield from ("", f"**{markdown_text(found.title)}**", "")
        if found.rows:
            yield from table(found.head, [_cells(found.head, row) for row in found.rows])
        if found.note:
            yield from ("", markdown_text(found.note))


def _cells(head: Sequence[str], row: Sequence[str]) -> list[str]:
    """Columns set to the right hold numbers; what stands in the others may have come from outside."""
    pairs = zip(head, row, strict=True)
    return [cell if name.startswith(">") else markdown_text(cell) for name, cell in pairs]


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")

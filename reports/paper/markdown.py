"""A claims run as Markdown: `report/report.md`, and the results in docs/claims.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import Judged, judge
from reports.paper.number_tables import tables
from reports.render.table import to_markdown
from reports.text.escaping import markdown_code

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
    for caution in (words.look(run), words.incomplete(run)):
        if caution:
            yield from ("", f"**{_plain(caution)}**")
    judged = judge(run)
    yield from ("", "## Verdicts", "", f"Of {len(judged)} statements, {words.counts(judged)}.", "")
    yield from to_markdown(words.verdict_table(judged))
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
            yield from to_markdown(words.comparison_table(each.comparisons))
    for found in tables(run, claim):
        yield from ("", *to_markdown(found))


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")

"""A claims run as Markdown: `report/report.md`, and the results in docs/claims.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.paper.rows import ClaimsRun
from reports.paper import headline, words
from reports.paper.judge import Judged, judge
from reports.paper.number_tables import tables
from reports.render.table import Table, to_markdown
from reports.text.escaping import markdown_code

Figures = Mapping[str, Sequence[str]]  # by claim, paths of images relative to the text


def report(run: ClaimsRun, content_hash: str, figures: Figures) -> str:
    """The whole report."""
    lines = [f"# {words.TITLE}", "", *results(run, content_hash, figures)]
    return "\n".join(lines) + "\n"


def results(run: ClaimsRun, content_hash: str, figures: Figures) -> Iterator[str]:
    """Everything below the title: what was run, the headline, the verdicts, and a section for each claim."""
    judged = judge(run)
    yield from described(run, content_hash)
    yield from ("", "## Verdicts", "", f"Of {len(judged)} statements, {words.counts([e.verdict for e in judged])}.")
    yield from (words.one_data_set(run), "", *to_markdown(words.verdict_table(judged)))
    yield from ("", words.setting(run), "", words.method(run, judged))
    yield from headlines(run, figures)
    for claim in dict.fromkeys((*(each.statement.claim for each in judged), *run.plan.claims)):
        yield from _claim(run, claim, [each for each in judged if each.statement.claim == claim], figures)


def described(run: ClaimsRun, content_hash: str) -> Iterator[str]:
    """What was run, and what a reader has to know first."""
    for line in words.header(run):
        yield f"- {markdown_code(line)}"
    yield f"- content hash `{content_hash}` (`elubench verify` recomputes it, and every number below)"
    for caution in (words.look(run), words.incomplete(run)):
        if caution:
            yield from ("", f"**{_plain(caution)}**")


def headlines(run: ClaimsRun, figures: Figures, level: str = "##") -> Iterator[str]:
    """The 2×2 of centring and the map of divergence."""
    yield from _tables(f"{level} {words.CENTRING_TITLE}", [headline.centring_table(run)], figures.get("centring", ()))
    found = list(headline.divergence_tables(run))
    yield from _tables(f"{level} {words.DIVERGENCE_TITLE}", found, figures.get("divergence", ()))


def _tables(title: str, found: Sequence[Table], figures: Sequence[str]) -> Iterator[str]:
    made = [table for table in found if table.rows]
    if not made:
        return
    yield from ("", title)
    for figure in figures:
        yield from ("", f"![{title.lstrip('# ')}]({figure})")
    for table in made:
        yield from ("", *to_markdown(table))


def _claim(run: ClaimsRun, claim: str, judged: Sequence[Judged], figures: Figures) -> Iterator[str]:
    found = tables(run, claim)
    if not found and not judged:
        return
    yield from ("", f"## {words.claim_title(claim)}", "", f"Measured: {words.claim_summary(claim)}.")
    for figure in figures.get(claim, ()):
        yield from ("", f"![{words.claim_title(claim)}]({figure})")
    for each in judged:
        statement = each.statement
        yield from ("", f"### {statement.says}", "", f"{words.quoted(statement)}. {statement.how}")
        yield from (f"Margin: {statement.margin_why}", "", f"Verdict: **{words.verdict_text(each)}**", "")
        yield from (f"{words.counter_evidence(each)}", "", *to_markdown(words.comparison_table([each])))
    for table in found:
        yield from ("", *to_markdown(table))


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")

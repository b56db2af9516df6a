"""LaTeX tables with booktabs rules, for \\input: the verdicts, `report/claims.tex`, and `report/modelled.tex`."""

from __future__ import annotations

from collections.abc import Iterator

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import judge
from reports.paper.number_tables import modelled_table
from reports.render.table import Table, sections, to_latex
from reports.render.table import words as columns
from reports.text.escaping import latex


def verdict_table(run: ClaimsRun, content_hash: str) -> str:
    """The table; what is said of the run stands in its comments, the caption in the text that includes it."""
    return "\n".join([*_head(run, content_hash), *_verdicts(run)]) + "\n"


def modelled(run: ClaimsRun, content_hash: str) -> str | None:
    """The table of what machine code says, its title and what follows from it in comments; None where there is none."""
    found = modelled_table(run)
    if not found.rows:
        return None
    lines = [*_head(run, content_hash, found.title, *found.notes), *to_latex(found)]
    return "\n".join(lines) + "\n"


def _head(run: ClaimsRun, content_hash: str, *more: str) -> Iterator[str]:
    for line in (words.TITLE, *words.header(run), f"content hash {content_hash}", *more):
        yield f"% {latex(line)}"
    yield "% needs \\usepackage{booktabs}"


def _verdicts(run: ClaimsRun) -> Iterator[str]:
    """The statements, with a little space between those of different claims; a quick run says that it is one."""
    judged = judge(run)
    rows = tuple(
        (each.statement.says, each.verdict, words.as_said(each.primary), words.median_text(each.primary),
         words.margin_text(each.primary.rule))
        for each in judged
    )  # fmt: skip
    starts = sections(each.statement.claim for each in judged)
    found = Table("", columns("Statement", "Verdict", "Seeds", "Median [95%]", "Margin"), rows, sections=starts)
    look = words.look(run)
    for line in to_latex(found, "p{0.4\\linewidth}lllp{0.14\\linewidth}"):
        if look and line == "\\bottomrule":
            yield f"\\midrule\n\\multicolumn{{5}}{{p{{0.9\\linewidth}}}}{{\\emph{{{latex(look)}}}}} \\\\"
        yield line

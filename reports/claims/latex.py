"""The verdicts as a LaTeX table with booktabs rules: `report/claims.tex`, for \\input."""

from __future__ import annotations

from collections.abc import Iterator

from harness.claims.rows import ClaimsRun
from reports.claims import words
from reports.claims.judge import judge
from reports.escaping import latex


def verdict_table(run: ClaimsRun, content_hash: str) -> str:
    """The table; what is said of the run stands in its comments, the caption in the text that includes it."""
    return "\n".join(_lines(run, content_hash)) + "\n"


def _lines(run: ClaimsRun, content_hash: str) -> Iterator[str]:
    for line in (words.TITLE, *words.header(run), f"content hash {content_hash}"):
        yield f"% {latex(line)}"
    yield "% needs \\usepackage{booktabs}"
    yield "\\begin{tabular}{p{0.55\\linewidth}p{0.22\\linewidth}l}"
    yield "\\toprule"
    yield "Statement & Place & Verdict \\\\"
    yield "\\midrule"
    claim = None
    for each in judge(run):
        if claim not in (None, each.statement.claim):
            yield "\\addlinespace"
        claim = each.statement.claim
        yield f"{latex(each.statement.text)} & {latex(each.statement.place)} & {latex(each.verdict)} \\\\"
    yield "\\bottomrule"
    yield "\\end{tabular}"

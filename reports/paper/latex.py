"""LaTeX tables with booktabs rules, for \\input: the verdicts, `report/claims.tex`, and `report/modelled.tex`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.paper.rows import ClaimsRun
from reports.paper import words
from reports.paper.judge import judge
from reports.paper.number_tables import modelled_table
from reports.text.escaping import latex


def verdict_table(run: ClaimsRun, content_hash: str) -> str:
    """The table; what is said of the run stands in its comments, the caption in the text that includes it."""
    return "\n".join(_lines(run, content_hash)) + "\n"


def modelled(run: ClaimsRun, content_hash: str) -> str | None:
    """The table of what machine code says, its title and what follows from it in comments; None where there is none."""
    found = modelled_table(run)
    if not found.rows:
        return None
    columns = "".join("r" if name.startswith(">") else "l" for name in found.head)
    lines = [
        *_head(run, content_hash, found.title, found.note),
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _row([name.removeprefix(">") for name in found.head]),
        "\\midrule",
        *map(_row, found.rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(map(latex, cells)) + " \\\\"


def _head(run: ClaimsRun, content_hash: str, *more: str) -> Iterator[str]:
    for line in (words.TITLE, *words.header(run), f"content hash {content_hash}", *more):
        yield f"% {latex(line)}"
    yield "% needs \\usepackage{booktabs}"


def _lines(run: ClaimsRun, content_hash: str) -> Iterator[str]:
    yield from _head(run, content_hash)
    yield "\\begin{tabular}{p{0.55\\linewidth}p{0.22\\linewidth}l}"
    yield "\\toprule"
    yield _row(("Statement", "Place", "Verdict"))
    yield "\\midrule"
    claim = None
    for each in judge(run):
        if claim not in (None, each.statement.claim):
            yield "\\addlinespace"
        claim = each.statement.claim
        yield _row((each.statement.text, each.statement.place, each.verdict))
    yield "\\bottomrule"
    yield "\\end{tabular}"

"""Writes everything under `RUN/report/` of a proof. The same run gives the same bytes."""

from __future__ import annotations

import io

from harness.plumbing.files import written_whole
from harness.proof.rows import ProofRun
from harness.store import seal
from reports.proof import summary
from reports.publish.report import FIGURES, MARKDOWN, REPORT, Built
from reports.render import table
from reports.text.escaping import markdown_text

CSV, LATEX = "proof.csv", "proof.tex"
FIGURE = "error-by-input"


def build(run: ProofRun) -> Built:
    """Write the report of a proof. Overwrites an earlier one of it; touches nothing outside of `RUN/report/`."""
    directory = run.path / REPORT
    directory.mkdir(exist_ok=True)
    made = texts(run)
    for name, text in made.items():
        with written_whole(directory / name) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")
    left_out = []
    try:
        from reports.figures.files import save
        from reports.figures.proof import drawn
    except ImportError:
        left_out.append("the figure needs matplotlib: pip install matplotlib")
    else:
        (directory / FIGURES).mkdir(exist_ok=True)
        save(drawn(run), directory / FIGURES / FIGURE)
    return Built(tuple(directory / name for name in made), tuple(left_out))


def texts(run: ProofRun) -> dict[str, str]:
    """The files of the report that are text, by name, the most wanted first."""
    found = summary.summaries(run)
    return {
        MARKDOWN: "\n".join(_markdown(run, found)) + "\n",
        LATEX: "\n".join(table.to_latex(summary.table(found))) + "\n",
        CSV: _csv(run),
    }


def _markdown(run: ProofRun, found: list[summary.Proved]) -> list[str]:
    caution = summary.incomplete(run)
    lines = [f"# {summary.TITLE}", ""]
    lines += [f"- {markdown_text(each)}" for each in summary.header(run)]
    lines += [f"- content hash {seal.content_hash(run.path)}", ""]
    lines += [f"**{caution}**", ""] if caution else []
    lines += [
        *table.to_markdown(summary.table(found)),
        "",
        f"![largest error against input]({FIGURES}/{FIGURE}.svg)",
        "",
    ]
    lines += ["SHA-256 over the hashes of all outputs:", ""]
    lines += [f"- {each.title}, ex2 {each.ex2}: `{each.outputs_sha256}`" for each in found]
    return lines


def _csv(run: ProofRun) -> str:
    """One line a binade."""
    columns = (
        *table.words("op", "dtype", "computed from", "ex2"), *table.numbers("binade"), *table.words("first input"),
        *table.numbers("inputs", "max ULP"), *table.words("worst input", "its output"),
        *table.numbers("not correctly rounded", "undecided in fp64", "wrong specials", "decreases", "flushed"),
        *table.words("outcome", "SHA-256 of the outputs"),
    )  # fmt: skip
    rows = (
        (
            row.op, row.dtype, row.known.value, row.ex2.value, row.binade,
            f"{row.line.pattern(row.binade * row.line.each):0{row.line.bits // 4}x}", row.inputs, row.max_ulp,
            row.worst.input if row.worst else "", row.worst.output if row.worst else "", row.not_correctly_rounded,
            row.undecided_in_fp64, row.wrong_specials, row.decreases, row.flushed, row.outcome.value,
            row.outputs_sha256,
        )
        for row in run.rows
    )  # fmt: skip
    file = io.StringIO()
    table.to_csv(columns, rows, file)
    return file.getvalue()

"""A run as Markdown, for issues, pull requests and notes: `report/report.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.machine_code.rows import InspectedRow, rows_of
from harness.store.records import Run
from reports.analysis.findings import findings
from reports.analysis.summary import TimedGroup, groups
from reports.render import inspection
from reports.render.fleet import DEVICES, device_table, not_measured, speedups, validated, workloads
from reports.render.run_tables import SPARED, WORKLOADS, spared_table
from reports.render.table import Table, to_markdown
from reports.render.timed import MARKDOWN, timed_table
from reports.text import wording
from reports.text.escaping import markdown_code, markdown_text


def report(run: Run, content_hash: str, figures: Sequence[str] = (), doubts: Sequence[str] = ()) -> str:
    """The whole report. `figures` are images to show, as paths relative to the report.

    `doubts` are sentences on why the run may not be all that was measured: `harness.store.seal.doubts`.
    """
    return "\n".join(_lines(run, content_hash, figures, doubts)) + "\n"


def _lines(run: Run, content_hash: str, figures: Sequence[str], doubts: Sequence[str]) -> Iterator[str]:
    yield "# elubench report"
    yield ""
    for line in wording.header(run):
        yield f"- {markdown_code(line)}"
    yield f"- content hash `{content_hash}` (`elubench verify` recomputes it)"
    yield from (f"- **{markdown_text(doubt)}**" for doubt in doubts)
    if not run.records:
        yield from ("", "The run holds no record yet.")
        return
    timed = groups(run)
    yield from ("", "## In short", "")
    yield from (f"- {markdown_text(finding.text)}" for finding in findings(run, timed))
    what = "Geometric means over the cases in which neither side carries a mark against its times."
    yield from _section("Devices", device_table(run, ""), _sentence(DEVICES))
    yield from _section("Speed-up over eager", speedups(run, timed, ""), what)
    yield from _section("Models", workloads(run, ""), _sentence(WORKLOADS))
    yield from _section("Memory", spared_table(run, ""), _sentence(SPARED))
    for figure in figures:
        yield from ("", f"![{figure.rpartition('/')[2].partition('.')[0]}]({figure})")
    yield from _timed_lines(run, timed)
    yield from _section("Validated: right, and not timed", validated(run, ""))
    yield from _section("Not measured", not_measured(run, ""))
    rows = rows_of(run)
    if inspection.summaries(rows):
        yield from ("", "## Modelled", "", inspection.SUMMARY_LEGEND, *summarised(rows))
    yield from ("", markdown_text(wording.outcome_counts(run) + "."))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _section(heading: str, table: Table, *before: str) -> Iterator[str]:
    if table.rows:
        yield from ("", f"## {heading}", "")
        for line in before:
            yield from (line, "")
        yield from to_markdown(table)


def _timed_lines(run: Run, timed: Sequence[TimedGroup]) -> Iterator[str]:
    if not timed:
        return
    yield from ("", "## Times", "")
    yield (
        "Median time with half the width of its distribution-free 95% interval; bytes as each input read once and "
        "each output written once."
    )
    for line in (wording.roof(timed), *map(markdown_text, wording.noise(run))):
        if line:
            yield from ("", line)
    for group in timed:
        yield from ("", *to_markdown(timed_table(group, MARKDOWN), "###"))


def summarised(rows: Sequence[InspectedRow]) -> list[str]:
    """The kernels' counts with dtypes side by side, as lines."""
    return [line for each in inspection.summaries(rows) for line in _titled(each)]


def counted(rows: Sequence[InspectedRow]) -> list[str]:
    """All counts of each op and dtype, the instruction roofline of each architecture, and what they mean, as lines."""
    whole = inspection.beside([row for row in rows if row.instructions_per_element is not None])
    lines: list[str] = []
    for _, alike in groupby(whole, key=lambda row: (row.arch, row.op, row.dtype)):
        lines += _titled(inspection.counts(list(alike), with_details=False))
    for _, of_arch in groupby(whole, key=lambda row: row.arch):
        lines += _titled(inspection.roofline(list(of_arch)))
    for sentence in (inspection.details(whole), inspection.LEGEND, *inspection.notes(whole)) if whole else ():
        lines += ("", markdown_text(sentence))
    return lines


def _titled(table: Table) -> Iterator[str]:
    """A table below its title, with a line of space around that."""
    yield from ("", markdown_code(table.title), "")
    yield from to_markdown(Table("", table.columns, table.rows))

"""A run as Markdown, for issues, pull requests and notes: `report/report.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from harness.machine_code.rows import Row as InspectedRow
from harness.machine_code.rows import read_rows
from harness.store.records import Run
from reports.analysis.findings import findings
from reports.analysis.speedups import standings
from reports.analysis.summary import FLAGS, Group, Row, folded, groups
from reports.render import inspection
from reports.text import wording
from reports.text.escaping import markdown_code, markdown_text
from reports.text.formatting import MISSING, percent, significant, size_text, time_text


def report(run: Run, content_hash: str, figures: Sequence[str] = ()) -> str:
    """The whole report. `figures` are images to show, as paths relative to the report."""
    return "\n".join(_lines(run, content_hash, figures)) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines; a column whose head begins with ">" is set to the right. Cells are Markdown already."""
    yielded = [" | ".join(name.removeprefix(">") for name in head)]
    yielded.append(" | ".join("---:" if name.startswith(">") else "---" for name in head))
    yielded += [" | ".join(cells) for cells in rows]
    return [f"| {line} |" for line in yielded]


def _lines(run: Run, content_hash: str, figures: Sequence[str]) -> Iterator[str]:
    yield "# elubench report"
    yield ""
    for line in wording.header(run):
        yield f"- {markdown_code(line)}"
    yield f"- content hash `{content_hash}` (`elubench verify` recomputes it)"
    if not run.records:
        yield from ("", "The run holds no record yet.")
        return
    timed = groups(run)
    yield from ("", "## In short", "")
    yield from (f"- {markdown_text(finding.text)}" for finding in findings(run, timed))
    yield from _speedup_lines(timed)
    for figure in figures:
        yield from ("", f"![{figure.rpartition('/')[2].partition('.')[0]}]({figure})")
    yield from _timed_lines(run, timed)
    yield from _untimed_lines(run)
    yield from _modelled_lines(run)
    yield from ("", wording.outcome_counts(run) + ".")


def _modelled_lines(run: Run) -> Iterator[str]:
    rows = read_rows(run.path)
    if inspection.summaries(rows):
        yield from ("", "## Modelled", "", inspection.SUMMARY_LEGEND, *summarised(rows))


def summarised(rows: Sequence[InspectedRow]) -> list[str]:
    """The kernels' counts with dtypes side by side, as lines."""
    return [line for each in inspection.summaries(rows) for line in _cells(each)]


def counted(rows: Sequence[InspectedRow]) -> list[str]:
    """All counts of each op and dtype, the instruction roofline of each architecture, and what they mean, as lines."""
    whole = [row for row in rows if row.instructions_per_element is not None]
    lines: list[str] = []
    for _, alike in groupby(whole, key=lambda row: (row.arch, row.op, row.dtype)):
        lines += _cells(inspection.counts(list(alike), is_wide=False))
    for _, of_arch in groupby(whole, key=lambda row: row.arch):
        lines += _cells(inspection.roofline(list(of_arch)))
    for sentence in (inspection.LEGEND, *inspection.notes(whole)) if whole else ():
        lines += ("", markdown_text(sentence))
    return lines


def _cells(cells: inspection.Cells) -> Iterator[str]:
    """A table below its title. Names of ops and variants are code, so that whatever they hold does nothing."""
    yield from ("", markdown_code(cells.title), "")
    head = [name if name in inspection.LEFT else f">{name}" for name in cells.head]
    named = [name in ("op", "variant") for name in cells.head]
    yield from table(
        head,
        ([markdown_code(cell.strip()) if is_name else cell for cell, is_name in zip(line, named, strict=True)]
         for line in cells.lines),
    )  # fmt: skip


def _speedup_lines(timed: list[Group]) -> Iterator[str]:
    rows = [
        (
            markdown_code(each.name),
            markdown_code(each.provider),
            str(each.cases),
            *(f"{value:.2f}" for value in (each.mean, each.least, each.most)),
        )
        for each in standings(timed)
    ]
    if rows:
        yield from (
            "",
            "## Speed-up over eager",
            "",
            "Geometric means over the cases in which neither side carries a mark.",
            "",
        )
        yield from table(("op", "provider", ">cases", ">mean", ">least", ">most"), rows)


def _timed_lines(run: Run, timed: list[Group]) -> Iterator[str]:
    if not timed:
        return
    yield from ("", "## Times", "")
    yield (
        "Median time with half the width of its distribution-free 95% interval; bytes as each input read once and "
        "each output written once; the roof is what plain streams with the same traffic attained in the same run."
    )
    floor = wording.noise(run)
    if floor:
        yield from ("", floor)
    for group in timed:
        yield from ("", f"### {markdown_code(wording.title(group))}", "")
        head = ("size", "provider", ">time", ">±%", ">Gelem/s", ">GB/s", ">%roof", ">×eager", ">ULP", "validity")
        yield from table(head, map(_timed_cells, group.rows))


def _timed_cells(row: Row) -> tuple[str, ...]:
    record = row.record
    is_roof = record.role == "roof"
    return (
        size_text(record.shape),
        ("roof: " if is_roof else "") + markdown_code(record.provider),
        time_text(record.median_s),
        percent(row.half_width, 1),
        significant(row.elements_per_s / 1e9),
        significant(record.bandwidth_gbps),
        percent(row.roof_fraction),
        wording.speedup(row),
        MISSING if is_roof else significant(record.max_ulp, 2),
        "; ".join(FLAGS[flag][1] if flag in FLAGS else markdown_code(flag) for flag in record.flags),
    )


def _untimed_lines(run: Run) -> Iterator[str]:
    for heading, validated in (("Validated: right, and not timed", True), ("Not measured", False)):
        rows = [
            (
                markdown_code(each.op),
                markdown_code(each.dtype),
                markdown_code(each.provider),
                str(each.cases),
                each.outcome,
                significant(each.max_ulp, 2),
                markdown_code(wording.why(each)) if wording.why(each) else "",
            )
            for each in folded(run, validated=validated)
        ]
        if rows:
            yield from ("", f"## {heading}", "")
            yield from table(("op", "dtype", "provider", ">cases", "outcome", ">ULP", "why (the first of them)"), rows)

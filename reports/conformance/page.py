"""A table of conformance as a page of Markdown, with the lines that reproduce each fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.conformance.rows import Conformance, RowStatus
from harness.plumbing.files import written_whole
from reports.conformance import tables
from reports.publish.report import MARKDOWN, REPORT
from reports.render.table import to_markdown
from reports.text.escaping import markdown_text


def build(found: Conformance, folder: Path) -> Path:
    """Write the page under `folder/report/`. The same table gives the same bytes."""
    path = folder / REPORT / MARKDOWN
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        partial.write_text(text(found), encoding="utf-8", newline="\n")
    return path


def text(found: Conformance) -> str:
    """The page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Conformance) -> Iterator[str]:
    yield from (f"# {tables.TITLE}", "")
    yield from (f"- {markdown_text(line)}" for line in tables.header(found))
    yield from ("", markdown_text(tables.sentence(found)), "")
    yield from to_markdown(tables.overview(found))
    fails = found.of(RowStatus.FAIL)
    if fails:
        yield from ("", "## Fails", "")
        yield from to_markdown(tables.witnesses(fails).without(""))
        yield from ("", "Each is shown without elubench by three lines.")
    for row in fails:
        yield from ("", f"**{markdown_text(f'{row.provider}, {row.op}: {row.check}, {row.dtype}')}**", "")
        yield from (f"    {line}" for line in row.reproduce)
    largest = tables.largest(found)
    if largest.rows:
        yield from ("", "## The largest error over all 16-bit inputs, and where", "")
        yield from to_markdown(largest)
    refusals = list(tables.refusals(found))
    if refusals:
        yield from ("", "## Not offered", "")
        yield from (f"- {markdown_text(f'{provider}: {reason}')}" for provider, reason in refusals)
    yield from ("", "## All rows", "")
    yield from to_markdown(tables.witnesses(found.of(RowStatus.PASS, RowStatus.FAIL)))

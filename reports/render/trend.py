"""A trend over runs on a terminal, as Markdown, and as JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from reports.analysis.trend import Trend
from reports.render import table
from reports.render.comparison import ratio_text
from reports.render.table import Column, Kind, Table, sections, words
from reports.text.escaping import markdown_code
from reports.text.formatting import printable

_MEANING = (
    "Time over first: geometric means, over the cases that every run has without a mark, of a run's time over the "
    "first run's, with 95% intervals. Verdict: against the run before, given only beyond the largest A/A floor of "
    "both runs."
)
_STYLES = {"slower": "bold red", "faster": "bold green"}


def show(trends: Sequence[Trend], console: Console) -> None:
    """Print them, each of its model of device where there are several."""
    for number, each in enumerate(trends):
        if number:
            console.print()
        _show(each, console)


def _show(found: Trend, console: Console) -> None:
    """A line for each run, then a table for each op, provider and regime."""
    if found.device:
        console.print(Text(printable(f"on {found.device}"), style="bold"))
    for number, label in enumerate(found.labels, start=1):
        parts = (label.created.replace("T", " "), label.name, label.device, label.commit)
        console.print(Text(printable(f"{number:3}  {'  '.join(parts)}")))
    if found.has_many_devices:
        console.print(Text("The devices differ: ratios compare the devices as much as the kernels.", style="yellow"))
    table.show(_lines(found), console)


def _runs(found: Trend) -> Table:
    rows = tuple(
        (str(number), label.created, label.name, label.device, label.commit)
        for number, label in enumerate(found.labels, start=1)
    )
    return Table("", (Column("run"), *words("begun", "name", "device", "commit", kind=Kind.NAME)), rows)


def _lines(found: Trend) -> Table:
    """A row for each run of each line."""
    columns = (
        *(Column(name, Kind.NAME, is_shared=True, longest=40) for name in ("op", "provider", "regime")),
        Column("cases", goes=1, is_shared=True),
        Column("run"),
        Column("time over first"),
        Column("verdict", Kind.WORD, styles=_STYLES),
    )
    starts = sections(line for line in found.lines for _ in line.points)
    return Table("", columns, tuple(_rows(found)), (_MEANING,), sections=starts)


def _rows(found: Trend) -> Iterator[tuple[str, ...]]:
    for line in found.lines:
        for point in line.points:
            ratio = "1" if point.run == 0 else ratio_text(point.ratio)
            names = (line.op, line.provider, line.regime)
            yield (*names, str(line.cases), str(point.run + 1), ratio, point.verdict)


def to_markdown(trends: Sequence[Trend]) -> str:
    """The trend as Markdown, or one for each model of device: the runs, then a row for each in each of its lines."""
    return "\n".join(map(_markdown, trends))


def _markdown(found: Trend) -> str:
    on = [f"On {markdown_code(found.device)}", ""] if found.device else []
    return "\n".join([*on, *table.to_markdown(_runs(found)), "", *table.to_markdown(_lines(found))]) + "\n"


def to_json(trends: Sequence[Trend]) -> str:
    """The trend for a script, or a list of them where there are several; ratios are plain numbers.

    Of one model among others, `device` says which.
    """
    contents = [_content(each) for each in trends]
    return json.dumps(contents[0] if len(contents) == 1 else contents, indent=2, allow_nan=False)


def _content(found: Trend) -> dict[str, Any]:
    device = {"device": found.device} if found.device else {}
    return device | {
        "runs": [label.__dict__ for label in found.labels],
        "lines": [
            {
                "op": line.op,
                "provider": line.provider,
                "regime": line.regime,
                "cases": line.cases,
                "ratios": [point.ratio.ratio if point.ratio else None for point in line.points],
                "ratios_ci95": [[point.ratio.low, point.ratio.high] if point.ratio else None for point in line.points],
                "verdicts": [point.verdict for point in line.points],
            }
            for line in found.lines
        ],
    }

"""Many runs in order of time: how the times of each op and provider went, over commits or over devices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.store.records import Record, Run, RunError
from harness.timing.estimators import Ratio, geometric_mean_ratio, verdict
from reports.analysis.ratios import ratio_between
from reports.render.markdown import table as markdown_table
from reports.text import wording
from reports.text.escaping import markdown_code
from reports.text.formatting import MISSING, printable


@dataclass(frozen=True)
class Point:
    """One run in one line of the trend."""

    run: int  # its place in the order of time
    ratio: Ratio | None  # its times over the first run's, geometric mean of the cases of both; None: none
    verdict: str  # against the run before: a word of statistics.verdict; empty for the first


@dataclass(frozen=True)
class Line:
    """One op, provider and regime over the runs."""

    op: str
    provider: str
    regime: str
    cases: int  # timed in every run
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Label:
    """What tells a run from the others."""

    name: str
    created: str
    device: str
    commit: str


@dataclass(frozen=True)
class Trend:
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]

    @property
    def has_many_devices(self) -> bool:
        return len({label.device for label in self.labels}) > 1


def trend(runs: Sequence[Run]) -> Trend:
    """The runs in order of time. Raises RunError for fewer than two, or for runs with no case in common."""
    if len(runs) < 2:
        raise RunError("a trend is over two or more runs; name more of them")
    ordered = sorted(runs, key=lambda run: (str(run.manifest.get("created") or ""), str(run.path)))
    timed = [
        {record.key: record for record in run.records if record.role == "provider" and record.samples_s}
        for run in ordered
    ]
    common = [key for key in timed[0] if all(key in each for each in timed)]
    if not common:
        raise RunError("the runs have no timed case in common; name runs of the same sweep")
    floors = [max((r.noise_floor for r in run.records if r.noise_floor is not None), default=None) for run in ordered]
    by_line: dict[tuple[str, str, str], list[tuple[Record, ...]]] = {}
    for key in common:
        first = timed[0][key]
        line = (first.op, first.provider, first.regime or "")
        by_line.setdefault(line, []).append(tuple(each[key] for each in timed))
    return Trend(
        tuple(map(_label, ordered)),
        tuple(Line(*line, len(cases), tuple(_points(cases, floors))) for line, cases in by_line.items()),
    )


def _points(cases: Sequence[tuple[Record, ...]], floors: Sequence[float | None]) -> Iterator[Point]:
    yield Point(0, Ratio(1.0, 1.0, 1.0), "")
    for number in range(1, len(floors)):
        to_previous = _mean([(case[number - 1], case[number]) for case in cases])
        known = [floor for floor in floors[number - 1 : number + 1] if floor is not None]
        said = verdict(to_previous, max(known) if len(known) == 2 else None)
        yield Point(number, _mean([(case[0], case[number]) for case in cases]), said)


def _mean(pairs: Sequence[tuple[Record, Record]]) -> Ratio | None:
    ratios = [ratio for a, b in pairs if (ratio := ratio_between(a, b)) is not None]
    return geometric_mean_ratio(ratios) if len(ratios) == len(pairs) else None


def _label(run: Run) -> Label:
    manifest = run.manifest
    device = (manifest.get("device") or {}).get("name", "unknown device")
    return Label(run.path.name, str(manifest.get("created") or "")[:16], str(device), wording.commit(run))


def show(found: Trend, console: Console) -> None:
    """Print it: a line for each run, then a table for each op, provider and regime."""
    for number, label in enumerate(found.labels, start=1):
        parts = (label.created.replace("T", " "), label.name, label.device, label.commit)
        console.print(Text(printable(f"{number:3}  {'  '.join(parts)}")))
    if found.has_many_devices:
        console.print(Text("The devices differ: ratios compare the devices as much as the kernels.", style="yellow"))
    console.print()
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in ("op", "provider", "regime"):
        table.add_column(name, overflow="fold")
    for name in ("cases", "run", "time over the first"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("than the one before", overflow="fold")
    for line in found.lines:
        names = [Text(printable(name, 40)) for name in (line.op, line.provider, line.regime)]
        for point in line.points:
            table.add_row(
                *(names if point.run == 0 else ("", "", "")),
                str(line.cases) if point.run == 0 else "",
                str(point.run + 1),
                _ratio_text(point),
                Text(point.verdict, style={"slower": "bold red", "faster": "bold green"}.get(point.verdict, "")),
            )
        table.add_section()
    console.print(table)
    console.print(Text(_MEANING, style="dim"))


_MEANING = (
    "geometric means of the cases that every run has, with 95% intervals; a verdict is given only beyond the "
    "largest A/A floor of both runs"
)


def _ratio_text(point: Point) -> str:
    if point.run == 0:
        return "1"
    ratio = point.ratio
    return MISSING if ratio is None else f"{ratio.ratio:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def to_markdown(found: Trend) -> str:
    """The trend as Markdown: the runs, then a row for each line of the trend."""
    runs = [
        (str(number), *map(markdown_code, (label.created, label.name, label.device, label.commit)))
        for number, label in enumerate(found.labels, start=1)
    ]
    rows = [
        (
            *map(markdown_code, (line.op, line.provider, line.regime)),
            str(line.cases),
            *(f"{_ratio_text(point)} {point.verdict}".strip() for point in line.points),
        )
        for line in found.lines
    ]
    head = ("op", "provider", "regime", ">cases", *(f">run {number}" for number in range(1, len(found.labels) + 1)))
    lines = [
        *markdown_table((">run", "begun", "name", "device", "commit"), runs),
        "",
        *markdown_table(head, rows),
        "",
        f"Time over that of run 1: {_MEANING}.",
    ]
    return "\n".join(lines) + "\n"


def to_json(found: Trend) -> str:
    """The trend for a script; ratios are plain numbers."""
    content = {
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
    return json.dumps(content, indent=2, allow_nan=False)

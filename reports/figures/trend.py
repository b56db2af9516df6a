"""Times over many runs, relative to the first: a panel for each op, a line for each provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis.trend import Line, Trend
from reports.figures import style
from reports.figures.files import save
from reports.figures.naming import file_stem
from reports.figures.panels import WIDTH_IN, legend_below, literal
from reports.text.formatting import printable

_MOST_PANELS = 12


def write_trends(trends: Sequence[Trend], path: Path) -> list[Path]:
    """Draw the trend into the file `path`; several, each into a file whose name ends in its model of device."""
    stem, kind = path.with_suffix(""), path.suffix[1:]
    written: list[Path] = []
    for each in trends:
        own = stem.with_name(f"{stem.name}{file_stem('', each.device)}") if each.device else stem
        written += save(drawn(each), own, (kind,))
    return written


def drawn(found: Trend) -> Figure:
    """The figure of a trend, in the order of its runs; the regime of most cases where there are several."""
    by_op: dict[str, list[Line]] = {}
    for line in found.lines:
        by_op.setdefault(line.op, []).append(line)
    shown = dict(list(by_op.items())[:_MOST_PANELS])
    with matplotlib.rc_context(style.RC):
        figure = Figure(figsize=(WIDTH_IN, 2.0 * -(-len(shown) // 2) + 1.2))
        grid = figure.subplots(-(-len(shown) // 2), min(2, len(shown)), squeeze=False, sharex=True, sharey=True)
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        for axes, (op, lines) in zip(grid.flat, shown.items(), strict=False):
            _panel(axes, op, lines, found)
        figure.supylabel("time over the first run's", fontsize=8)
        providers = sorted({line.provider for lines in shown.values() for line in lines})
        legend_below(figure, "Geometric mean of the cases that all runs have, with its 95% interval", providers)
    return figure


def _panel(axes: Axes, op: str, lines: list[Line], found: Trend) -> None:
    axes.set_title(literal(printable(op, 60)))
    axes.axhline(1.0, color="#aaaaaa", linewidth=0.8)
    regime = max({line.regime for line in lines}, key=lambda name: sum(x.cases for x in lines if x.regime == name))
    for line in lines:
        points = [(point.run, point.ratio) for point in line.points if point.ratio is not None]
        if line.regime != regime or not points:
            continue
        look = style.look_of(line.provider)
        places, ratios = zip(*points, strict=True)
        middle = [ratio.ratio for ratio in ratios]
        errors = [[r.ratio - r.low for r in ratios], [r.high - r.ratio for r in ratios]]
        axes.errorbar(
            places, middle, yerr=errors, color=look.colour, marker=look.marker, linestyle=look.line, capsize=2
        )
    axes.set_xticks(range(len(found.labels)))
    names = (
        label.device if found.has_many_devices else label.created.replace("T", " ") or label.name
        for label in found.labels
    )
    axes.set_xticklabels([literal(printable(name, 24)) for name in names], rotation=30, ha="right", fontsize=6)

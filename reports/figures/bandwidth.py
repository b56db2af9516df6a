"""Bandwidth against size: the curve that people read first, with its roof as a band and the cache marked."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.store.records import Record, Run
from reports.analysis.summary import TimedGroup, groups
from reports.figures.curves import CurvePoint, curve
from reports.figures.naming import file_stem, variant_text
from reports.figures.panels import bottom_row, bytes_axis, legend_below, mark_cache, panel_grid
from reports.figures.style import ROOF_COLOUR, look_of
from reports.text.formatting import printable


def figures(run: Run) -> dict[str, Figure]:
    """A figure for each op, by its file's name: a panel for each variant and dtype that was timed."""
    by_op: dict[str, list[TimedGroup]] = {}
    for group in groups(run):
        if group.regime != "host":
            by_op.setdefault(group.op, []).append(group)
    return {file_stem("bandwidth", op): _figure(run, op, _curves_first(found)) for op, found in by_op.items()}


def _curves_first(found: list[TimedGroup]) -> list[TimedGroup]:
    """The groups with several sizes; all of them where none has: a point is better than nothing."""
    return [group for group in found if len({row.record.shape for row in group.rows}) > 1] or found


def _figure(run: Run, op: str, found: list[TimedGroup]) -> Figure:
    figure, panels = panel_grid([(variant_text(group), group.dtype) for group in found])
    providers: dict[str, None] = {}
    for group in found:
        axes = panels[variant_text(group), group.dtype]
        records = [row.record for row in group.rows]
        _draw_roof(axes, [record for record in records if record.role == "roof"])
        for name in sorted({record.provider for record in records if record.role == "provider"}):
            providers[name] = None
            _draw_provider(axes, name, curve(r for r in records if r.role == "provider" and r.provider == name))
        mark_cache(axes, run, [record.bytes_moved for record in records])
        bytes_axis(axes)
    for axes in figure.axes:  # only now: panels of a row share their axis, and this ends its growing
        axes.set_ylim(bottom=0)
    figure.supylabel("bandwidth, GB/s", fontsize=8)
    for axes in bottom_row(figure):
        axes.set_xlabel("bytes moved per call")
    title = printable(f"{op}: bandwidth against size, median and 95% interval; hollow: marked as not valid")
    legend_below(figure, title, list(providers), with_roof=True)
    return figure


def _draw_roof(axes: Axes, records: Sequence[Record]) -> None:
    """From the median of the stream up to what it attains; wider than a line where there is one size only."""
    ceilings = sorted((r.bytes_moved, p.gbps, r.roof_gbps or p.gbps) for r in records for p in curve([r]))
    if not ceilings:
        return
    sizes, medians, attained = (list(column) for column in zip(*ceilings, strict=True))
    if len(ceilings) == 1:
        sizes, medians, attained = [sizes[0] / 2, sizes[0] * 2], medians * 2, attained * 2
    axes.fill_between(sizes, medians, attained, color=ROOF_COLOUR, alpha=0.35, linewidth=0)
    axes.plot(sizes, attained, color=ROOF_COLOUR, linewidth=0.8)


def _draw_provider(axes: Axes, name: str, points: list[CurvePoint]) -> None:
    look = look_of(name)
    sizes = [point.bytes_moved for point in points]
    rates = [point.gbps for point in points]
    below = [point.gbps - point.low_gbps for point in points]
    above = [point.high_gbps - point.gbps for point in points]
    axes.errorbar(
        sizes, rates, (below, above), color=look.colour, linestyle=look.line, linewidth=1.2, elinewidth=0.8, capsize=2
    )  # fmt: skip
    for is_valid, face in ((True, look.colour), (False, "white")):
        shown = [(s, r) for s, r, p in zip(sizes, rates, points, strict=True) if p.is_valid is is_valid]
        if shown:
            xs, ys = zip(*shown, strict=True)
            axes.plot(xs, ys, look.marker, color=look.colour, markerfacecolor=face, zorder=3)

"""The instruction roofline (Ding & Williams, PMBS 2019), modelled from machine code: nothing in it was timed."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.machine_code.rows import TRANSACTION_BYTES, InspectedRow, rows_of
from harness.store.records import Run
from reports.figures.instruction import COLOURS, MARKERS, modelled_gips, plotted
from reports.figures.panels import WIDTH_IN, literal, plain_log_axis
from reports.text.formatting import printable, significant


def figures(run: Run) -> dict[str, Figure]:
    """One figure with a panel for each architecture that has datasheets; none where nothing was inspected."""
    found = plotted(rows_of(run))
    if not found:
        return {}
    columns = min(2, len(found))
    lines = -(-len(found) // columns)
    figure = Figure(figsize=(WIDTH_IN, 2.9 * lines + 1.2))
    panels = figure.subplots(lines, columns, squeeze=False).flat
    ops = sorted({row.op for each in found.values() for row in each})
    for (arch, rows), axes in zip(found.items(), panels, strict=False):
        _draw(axes, arch, rows, ops)
    for axes in list(panels)[len(found) :]:
        axes.set_axis_off()
    title = "Instruction roofline, modelled from machine code: nothing here was timed"
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    _legend(figure, ops, sorted({row.dtype for each in found.values() for row in each}))
    return {"instruction-roofline-modelled": figure}


def _draw(axes: Axes, arch: str, rows: Sequence[InspectedRow], ops: Sequence[str]) -> None:
    ceiling = rows[0].ceilings[0]
    intensities = [row.warp_instructions_per_transaction or 1.0 for row in rows]
    low, high = min(intensities) / 2, max(intensities) * 2
    slope = ceiling.peak_gbps / TRANSACTION_BYTES
    ridge = ceiling.issue_gips / slope
    xs = [low, min(max(ridge, low), high), high]
    axes.plot(xs, [min(x * slope, ceiling.issue_gips) for x in xs], color="#555555", linewidth=1.0)
    for row, x in zip(rows, intensities, strict=True):
        marker = MARKERS[ops.index(row.op) % len(MARKERS)]
        axes.plot([x], [modelled_gips(row, ceiling)], marker, color=COLOURS.get(row.dtype, "#000000"), markersize=4.5)
    axes.axvline(ridge, color="#999999", linewidth=0.6, linestyle=":")
    axes.annotate(
        f"issue: {significant(ceiling.issue_gips)} G/s", (high, ceiling.issue_gips), xytext=(-2, 2), fontsize=6.5,
        textcoords="offset points", ha="right",
    )  # fmt: skip
    axes.annotate(
        f"memory: {significant(ceiling.peak_gbps)} GB/s", (low, low * slope), xytext=(4, 0), fontsize=6.5,
        textcoords="offset points", ha="left", va="top",
    )  # fmt: skip
    axes.set_title(literal(printable(f"{arch}: datasheet of {ceiling.device}", 60)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    plain_log_axis(axes.xaxis)
    plain_log_axis(axes.yaxis)
    axes.set_xlabel(f"warp instructions per {TRANSACTION_BYTES}-byte transaction")
    axes.set_ylabel("modelled warp instructions, 10⁹/s")


def _legend(figure: Figure, ops: Sequence[str], dtypes: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color="#555555", marker=MARKERS[n % len(MARKERS)], linestyle="", label=literal(printable(op, 40))
        )
        for n, op in enumerate(ops)
    ]
    handles += [
        Line2D([], [], color=COLOURS.get(dtype, "#000000"), linewidth=4, label=printable(dtype)) for dtype in dtypes
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=5, fontsize=7)

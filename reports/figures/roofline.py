"""The roofline: arithmetic intensity against FLOP/s, under the ceilings that were measured in the same run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.store.records import Run
from reports.analysis.summary import groups
from reports.figures.panels import WIDTH_IN, legend_below, literal, plain_log_axis
from reports.figures.roofs import MeasuredCeiling, Spot, ceilings, reach, spots
from reports.figures.style import Line, look_of
from reports.text.formatting import printable, significant

_LINES: dict[str, Line] = {"memory": "-", "cache": "--"}
_MOST_NAMED = 5  # ops of one column
_ONE_COLUMN = 0.06  # intensities closer than this are one column of points


def figures(run: Run) -> dict[str, Figure]:
    """One figure with every op and dtype, or none where nothing was timed."""
    found, roofs = spots(groups(run)), ceilings(run)
    if not found or not roofs:
        return {}
    figure = Figure(figsize=(WIDTH_IN, 4.2))
    axes = figure.subplots()
    low, high = reach(found, roofs)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    _draw_ceilings(axes, roofs, low, high)
    names = sorted({spot.provider for spot in found})
    for spot in found:
        _draw_spot(axes, spot, names.index(spot.provider) - (len(names) - 1) / 2)
    _name_columns(axes, found)
    plain_log_axis(axes.xaxis)
    plain_log_axis(axes.yaxis)
    axes.set_xlabel("arithmetic intensity, FLOP per byte moved (providers of one op side by side)")
    axes.set_ylabel("GFLOP/s")
    legend_below(figure, "Roofline: the largest case of each op and dtype; hollow: marked as not valid", names)
    return {"roofline": figure}


def _draw_ceilings(axes: Axes, roofs: Sequence[MeasuredCeiling], low: float, high: float) -> None:
    """Slopes for memory and caches, up to the flat roof of arithmetic where that was measured."""
    flat = [roof.value for roof in roofs if roof.level == "arithmetic"]
    for value in flat:
        axes.axhline(value, color="#555555", linewidth=1.0)
        axes.annotate(f"arithmetic: {significant(value)} GFLOP/s", (high, value), fontsize=6.5,
                      xytext=(-2, 2), textcoords="offset points", ha="right")  # fmt: skip
    for level in ("memory", "cache"):
        slopes = [r for r in roofs if r.level == level and (not flat or low * r.value < max(flat))]
        for roof in slopes:
            end = min(high, max(flat) / roof.value) if flat else high
            axes.plot([low, end], [low * roof.value, end * roof.value], color="#555555", linestyle=_LINES[level],
                      linewidth=1.0)  # fmt: skip
        if slopes:
            text = ", ".join(f"{roof.name} {significant(roof.value)}" for roof in slopes)
            steepest = max(roof.value for roof in slopes)
            axes.text(
                low * 1.1, low * 1.1 * steepest * 1.06, f"{level}: {text} GB/s", fontsize=6.5, rotation_mode="anchor",
                rotation=math.degrees(math.atan(steepest)), transform_rotates_text=True,
            )  # fmt: skip


def _draw_spot(axes: Axes, spot: Spot, place: float) -> None:
    look = look_of(spot.provider)
    face = "white" if spot.record.doubts else look.colour
    x = spot.intensity * 1.03**place
    axes.plot([x], [spot.gflops], look.marker, color=look.colour, markerfacecolor=face, markersize=5, linestyle="")


def _name_columns(axes: Axes, found: Sequence[Spot]) -> None:
    """What each column of points is, written upwards at the bottom, below room that is made for it."""
    columns: dict[float, dict[str, list[str]]] = {}
    for spot in sorted(found, key=lambda each: each.intensity):
        near = next((x for x in columns if abs(math.log(spot.intensity / x)) < _ONE_COLUMN), spot.intensity)
        dtypes = columns.setdefault(near, {}).setdefault(spot.op, [])
        if spot.dtype not in dtypes:
            dtypes.append(spot.dtype)
    lowest, highest = min(spot.gflops for spot in found), max(spot.gflops for spot in found)
    axes.set_ylim(lowest / 8, max(highest * 4, axes.get_ylim()[1]))
    for intensity, ops in columns.items():
        names = [literal(printable(f"{op} {' '.join(dtypes)}", 80)) for op, dtypes in ops.items()]
        names = names if len(names) <= _MOST_NAMED else [*names[: _MOST_NAMED - 1], "and others"]
        axes.axvline(intensity, color="#cccccc", linewidth=0.5, zorder=0)
        axes.text(
            intensity, 0.02, "\n".join(names), rotation=90, fontsize=5.5, ha="center", va="bottom", ma="left",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip

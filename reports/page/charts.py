"""The interactive charts as plain data for Plotly: traces and layout. Colours come in pairs, for light and dark.

A trace's `look` is [light colour, dark colour], or "roof"; the page's script puts in the one that suits.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.machine_code.rows import TRANSACTION_BYTES, InspectedRow
from harness.store.records import Record, Run
from reports.analysis.summary import TimedGroup
from reports.figures import errors, instruction, matrix, roofs
from reports.figures.curves import CurvePoint, curve, point_of
from reports.figures.naming import dtype_order, variant_text
from reports.figures.style import MIX_LOOKS, look_of
from reports.page.hover import interval_text, merged_text, row_text
from reports.text.formatting import bytes_text, printable, significant

MOST_CHARTS = 120  # of one kind: a menu that long is of no use, and the page has to stay small
_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x",
    "<": "triangle-left", ">": "triangle-right", "p": "pentagon", "h": "hexagon",
}  # fmt: skip
_DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


@dataclass(frozen=True)
class Chart:
    """One chart: its kind (which tab), a name for the menu, Plotly's traces and layout, and a note below it."""

    kind: str
    name: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    note: str = ""

    def content(self) -> dict[str, Any]:
        """As plain data for the page's script."""
        return {"name": self.name, "data": self.traces, "layout": self.layout, "note": self.note}


def charts(run: Run, timed: Sequence[TimedGroup], inspected: Sequence[InspectedRow]) -> dict[str, list[Chart]]:
    """All charts by kind, those without data left out."""
    made = {
        "bandwidth": [bandwidth(group, run) for group in _by_name(timed) if group.regime != "host"],
        "speedup": [heat_map(each) for each in matrix.matrices(timed)],
        "roofline": roofline(run, timed),
        "levels": levels(run),
        "error": [error_chart(dtype, each) for dtype, each in errors.profiles(run).items()],
        "instructions": [instructions(arch, rows) for arch, rows in instruction.plotted(inspected).items()],
    }
    return {kind: found[:MOST_CHARTS] for kind, found in made.items() if found}


def _by_name(timed: Iterable[TimedGroup]) -> list[TimedGroup]:
    """Groups with curves first; ops in the order of the run, then variants and dtypes."""
    found = list(timed)
    ops = list(dict.fromkeys(group.op for group in found))
    return sorted(
        found,
        key=lambda group: (len({r.record.shape for r in group.rows}) < 2, ops.index(group.op),
                           variant_text(group), dtype_order(group.dtype)),
    )  # fmt: skip


def bandwidth(group: TimedGroup, run: Run) -> Chart:
    """Bandwidth against bytes moved: one curve a provider with intervals, the roof behind them, the cache marked."""
    rows = {id(row.record): row for row in group.rows}
    records = [row.record for row in group.rows]
    traces = _roof_traces([record for record in records if record.role == "roof"])
    merged = False
    for name in sorted({record.provider for record in records if record.role == "provider"}):
        own = [record for record in records if record.role == "provider" and record.provider == name]
        points = curve(own)
        if len(points) == len(own):
            ordered = sorted((r for r in own if point_of(r)), key=lambda record: record.bytes_moved)
            texts = [row_text(rows[id(record)]) for record in ordered]
        else:
            texts, merged = [merged_text(name, point) for point in points], True
        traces.append(_curve_trace(name, points, texts))
    sizes = [record.bytes_moved for record in records]
    layout = {"xaxis": bytes_axis("bytes moved per call", sizes), "yaxis": rate_axis()}
    _mark_cache(layout, run, sizes)
    note = "More sizes than a chart can show: a point is the median of the cases of about its size." if merged else ""
    parts = (group.op, variant_text(group), group.dtype)
    return Chart("bandwidth", "  ".join(part for part in parts if part), traces, layout, note)


def _roof_traces(records: Sequence[Record]) -> list[dict[str, Any]]:
    ordered = sorted((r for r in records if r.roof_gbps and r.bandwidth_gbps), key=lambda record: record.bytes_moved)
    if not ordered:
        return []
    if len(ordered) == 1:  # a band needs some width
        ordered, sizes = ordered * 2, [ordered[0].bytes_moved / 1.5, ordered[0].bytes_moved * 1.5]
    else:
        sizes = [record.bytes_moved for record in ordered]
    medians = [short(record.bandwidth_gbps) for record in ordered]
    attained = [short(record.roof_gbps) for record in ordered]
    texts = [
        f"<b>roof</b>: {html.escape(record.provider)}<br>{bytes_text(record.bytes_moved)} moved"
        f"<br>attains {significant(record.roof_gbps)} GB/s, median {significant(record.bandwidth_gbps)}"
        for record in ordered
    ]
    common = {"x": sizes, "look": "roof", "hoverinfo": "text"}
    return [
        {**common, "type": "scatter", "mode": "lines", "y": medians, "showlegend": False, "hoverinfo": "skip",
         "line": {"width": 0}},
        {**common, "type": "scatter", "mode": "lines", "y": attained,
         "name": "roof", "fill": "tonexty", "fillcolor": "rgba(138,138,138,0.3)", "text": texts, "line": {"width": 1}},
    ]  # fmt: skip


def _curve_trace(name: str, points: Sequence[CurvePoint], texts: Sequence[str]) -> dict[str, Any]:
    look = look_of(name)
    symbol = _SYMBOLS[look.marker]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": html.escape(printable(name, 60)),
        "look": [look.colour, look.dark_colour],
        "x": [point.bytes_moved for point in points],
        "y": [short(point.gbps) for point in points],
        "error_y": {"type": "data", "symmetric": False, "thickness": 1, "width": 2,
                    "array": [short(point.high_gbps - point.gbps) for point in points],
                    "arrayminus": [short(point.gbps - point.low_gbps) for point in points]},
        "line": {"dash": _DASHES[look.line], "width": 1.5},
        "marker": {"symbol": [symbol if point.is_valid else f"{symbol}-open" for point in points], "size": 8},
        "text": list(texts),
        "hoverinfo": "text",
    }  # fmt: skip


def _mark_cache(layout: dict[str, Any], run: Run, sizes: Sequence[int]) -> None:
    device = run.manifest.device
    cache = device.last_level_cache_bytes
    if not cache or not min(sizes) / 4 <= cache <= max(sizes) * 4:
        return
    name = "L2" if device.kind == "cuda" else "last-level cache"
    line = {"width": 1, "dash": "dot", "color": "#888888"}
    layout["shapes"] = [{"type": "line", "x0": cache, "x1": cache, "yref": "paper", "y0": 0, "y1": 1, "line": line}]
    text = {"text": f"{name} {bytes_text(cache)}", "showarrow": False, "font": {"size": 10}}
    layout["annotations"] = [
        {"x": math.log10(cache), "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "top", **text}
    ]


def heat_map(found: matrix.Matrix) -> Chart:
    """Speed-up over eager, dtype × size. The colour is by the logarithm; the numbers stand in the cells."""
    cells = [[found.cells.get((row, column)) for column in found.columns] for row in found.rows]
    limit = math.log(3)
    values = [[max(-limit, min(limit, math.log(c.speedup.ratio))) if c else None for c in line] for line in cells]
    trace = {
        "type": "heatmap", "look": "heat", "x": list(found.columns), "y": list(found.rows), "z": values,
        "zmin": -limit, "zmax": limit, "showscale": False, "xgap": 2, "ygap": 2, "hoverinfo": "text",
        "text": [[matrix.cell_text(cell) if cell else "" for cell in line] for line in cells],
        "texttemplate": "%{text}",
        "hovertext": [[_cell_hover(found, row, column) for column in found.columns] for row in found.rows],
    }  # fmt: skip
    layout = {"xaxis": {"type": "category"}, "yaxis": {"type": "category", "autorange": "reversed"},
              "height": 150 + 34 * len(found.rows)}  # fmt: skip
    note = "▲ faster, ▼ slower, = the same, no sign: undecided, ± differs among the cases; (in brackets): marked."
    return Chart("speedup", f"{found.op}  {found.provider}", [trace], layout, note)


def _cell_hover(found: matrix.Matrix, row: str, column: str) -> str:
    cell = found.cells.get((row, column))
    if cell is None:
        return ""
    cases = "" if cell.cases == 1 else f"<br>geometric mean of {cell.cases} cases"
    validity = "valid" if cell.is_valid else "not valid: marked"
    name = html.escape(printable(found.provider, 60))
    return (
        f"<b>{name}</b><br>{html.escape(found.op)} {html.escape(column)} {html.escape(row)}"
        f"<br>{cell.speedup.ratio:.2f}× eager{interval_text(cell.speedup)}: {html.escape(cell.verdict)}{cases}"
        f"<br>{validity}"
    )


def roofline(run: Run, timed: Sequence[TimedGroup]) -> list[Chart]:
    """Every op and dtype at its largest case, below the measured ceilings."""
    found, ceilings = roofs.spots(timed), roofs.ceilings(run)
    if not found or not ceilings:
        return []
    rows = {id(row.record): row for group in timed for row in group.rows}
    low, high = roofs.reach(found, ceilings)
    flat = [roof.value for roof in ceilings if roof.level == "arithmetic"]
    traces: list[dict[str, Any]] = []
    for roof in ceilings:
        if roof.level == "arithmetic":
            xs, ys, unit = [low, high], [roof.value] * 2, "GFLOP/s"
        else:
            end = max(low, min(high, max(flat) / roof.value)) if flat else high
            xs, ys, unit = [low, end], [low * roof.value, end * roof.value], "GB/s"
        traces.append({
            "type": "scatter", "mode": "lines", "look": "roof", "x": [short(x) for x in xs],
            "y": [short(y) for y in ys], "name": f"{roof.level}: {roof.name}", "hoverinfo": "text",
            "text": [f"{roof.level}, {roof.name}: {significant(roof.value)} {unit}"] * 2,
            "line": {"width": 1.5, "dash": "dash" if roof.level == "cache" else "solid"},
        })  # fmt: skip
    for name in sorted({spot.provider for spot in found}):
        look, own = look_of(name), [spot for spot in found if spot.provider == name]
        symbol = _SYMBOLS[look.marker]
        traces.append({
            "type": "scatter", "mode": "markers", "name": html.escape(printable(name, 60)),
            "look": [look.colour, look.dark_colour], "hoverinfo": "text",
            "x": [short(spot.intensity) for spot in own], "y": [short(spot.gflops) for spot in own],
            "text": [row_text(rows[id(spot.record)]) for spot in own],
            "marker": {"size": 9, "symbol": [f"{symbol}-open" if spot.record.doubts else symbol for spot in own]},
        })  # fmt: skip
    layout = {"xaxis": {"type": "log", "title": {"text": "arithmetic intensity, FLOP per byte"}},
              "yaxis": {"type": "log", "title": {"text": "GFLOP/s"}}}  # fmt: skip
    return [Chart("roofline", "all ops", traces, layout, "The largest case of each op, variant and dtype.")]


def levels(run: Run) -> list[Chart]:
    """What plain streams attain by working set, from a cold and from a warm cache."""
    found = roofs.streams(run)
    if not found:
        return []
    traces = []
    for each in found:
        look = MIX_LOOKS.get(each.mix, look_of(each.mix))
        warm, name = each.regime == "warm", f"{html.escape(each.mix)}, {each.regime} cache"
        traces.append({
            "type": "scatter", "mode": "lines+markers", "name": name, "look": [look.colour, look.dark_colour],
            "x": list(each.working_sets), "y": [short(gbps) for gbps in each.gbps], "hoverinfo": "text",
            "line": {"width": 1.5, "dash": "dash" if warm else "solid"},
            "marker": {"size": 7, "symbol": _SYMBOLS[look.marker] + ("-open" if warm else "")},
            "text": [f"<b>{name}</b><br>{bytes_text(size)} touched per call<br>attains {significant(gbps)} GB/s"
                     for size, gbps in zip(each.working_sets, each.gbps, strict=True)],
        })  # fmt: skip
    sizes = [size for each in found for size in each.working_sets]
    layout = {"xaxis": bytes_axis("working set of a call", sizes), "yaxis": rate_axis()}
    _mark_cache(layout, run, sizes)
    return [Chart("levels", "plain streams", traces, layout, "The best of a few streams at each working set.")]


def bytes_axis(title: str, sizes: Sequence[float]) -> dict[str, Any]:
    ticks = [2**n for n in range(math.floor(math.log2(min(sizes))), math.ceil(math.log2(max(sizes))) + 1)]
    ticks = ticks[:: max(1, len(ticks) // 6)]
    texts = [bytes_text(tick) for tick in ticks]
    ends = [short(math.log10(min(sizes) / 1.6)), short(math.log10(max(sizes) * 1.6))]
    return {"title": {"text": title}, "type": "log", "tickvals": ticks, "ticktext": texts, "range": ends}


def rate_axis() -> dict[str, Any]:
    return {"title": {"text": "GB/s"}, "rangemode": "tozero"}


def error_chart(dtype: str, found: Sequence[errors.Profile]) -> Chart:
    """The largest error against input, in the order of the dtype's values; log2(1 + ULP), as 0 is to be seen too."""
    traces = []
    for profile in found:
        look = look_of(profile.provider)
        name = html.escape(printable(profile.provider, 60))
        head = f"<b>{name}</b> ({profile.outcome})"
        traces.append({
            "type": "scatter", "mode": "lines", "name": name, "look": [look.colour, look.dark_colour],
            "y": [short(math.log2(1 + each)) for each in profile.max_ulp], "hoverinfo": "text",
            "line": {"dash": _DASHES[look.line], "width": 1.5, "shape": "hvh"},
            "text": [f"{head}<br>inputs {low:.4g} to {high:.4g}<br>largest error {ulp:.3g} ULP"
                     for low, high, ulp in zip(profile.lows, profile.highs, profile.max_ulp, strict=True)],
        })  # fmt: skip
    ticks = errors.input_ticks(found[0])
    largest = max(max(profile.max_ulp) for profile in found)
    marks = [mark for mark in (0, 0.5, 1, 2, 4, 10, 30, 100, 300, 1000, 10_000, 100_000) if mark <= max(2 * largest, 1)]
    layout = {
        "xaxis": {"title": {"text": "input"}, "tickvals": list(ticks), "ticktext": list(ticks.values())},
        "yaxis": {"title": {"text": "largest error, ULP"}, "rangemode": "tozero",
                  "tickvals": [math.log2(1 + mark) for mark in marks], "ticktext": [f"{mark:g}" for mark in marks]},
    }  # fmt: skip
    note = "Over all values of the dtype; 0.5 ULP is correctly rounded. Rejected providers are shown too."
    return Chart("error", dtype, traces, layout, note)


def instructions(arch: str, rows: Sequence[InspectedRow]) -> Chart:
    """The instruction roofline of one architecture: modelled from machine code."""
    ceiling = rows[0].ceilings[0]
    xs = [row.warp_instructions_per_transaction or 1.0 for row in rows]
    low, high = min(xs) / 2, max(xs) * 2
    slope = ceiling.peak_gbps / TRANSACTION_BYTES
    line = sorted({low, min(max(ceiling.issue_gips / slope, low), high), high})
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines", "look": "roof", "name": html.escape(ceiling.device), "hoverinfo": "skip",
         "x": [short(x) for x in line], "y": [short(min(x * slope, ceiling.issue_gips)) for x in line]}
    ]  # fmt: skip
    for dtype in sorted({row.dtype for row in rows}, key=dtype_order):
        own = [row for row in rows if row.dtype == dtype]
        colour = instruction.COLOURS.get(dtype, "#888888")
        traces.append({
            "type": "scatter", "mode": "markers", "name": dtype, "look": [colour, colour], "hoverinfo": "text",
            "x": [short(row.warp_instructions_per_transaction) for row in own],
            "y": [short(instruction.modelled_gips(row, ceiling)) for row in own],
            "text": [
                f"<b>{html.escape(row.op)}</b> {html.escape(row.variant)} {html.escape(row.dtype)} (modelled)<br>"
                f"{significant(row.instructions_per_element)} instructions per element<br>"
                f"bound by {html.escape(row.ceilings[0].bound_by)}: "
                f"{100 * row.ceilings[0].fraction:.0f}% of the memory's peak at most"
                for row in own
            ],
            "marker": {"size": 9, "symbol": "circle"},
        })  # fmt: skip
    layout = {
        "xaxis": {"type": "log", "title": {"text": f"warp instructions per {TRANSACTION_BYTES}-byte transaction"}},
        "yaxis": {"type": "log", "title": {"text": "10⁹ warp instructions/s, modelled"}},
    }
    note = "Modelled from machine code and a datasheet; nothing here was timed."
    return Chart("instructions", arch, traces, layout, note)


def short(value: float | None) -> float | None:
    """Five significant digits: more than a chart shows, and half the bytes."""
    return None if value is None else float(f"{value:.5g}")

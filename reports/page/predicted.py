"""The chart of a run without a GPU: the bandwidth of its kernels by size on GPUs, modelled, with published points."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from harness.machine_code.rows import InspectedRow
from harness.predict.curves import PredictedCurve, curves
from harness.predict.devices import known
from harness.predict.published import PublishedRow, of_file
from harness.store.records import Run
from harness.store.vocabulary import Regime
from reports.figures.naming import dtype_order
from reports.figures.style import look_of
from reports.page.charts import Chart, bytes_axis, rate_axis, short
from reports.text.formatting import printable, significant, time_text

TAB = "Bandwidth on GPUs (modelled)"
_NOTE = (
    "Modelled from machine code and plain streams, with the two events of a cold timing; nothing here was timed in "
    "this run. Single points: published times of other kernels for the same op. docs/predictions.md."
)


def predicted(run: Run, inspected: Sequence[InspectedRow]) -> list[Chart]:
    """A chart for each op and dtype, of its first variant; none where the run has a GPU's own times."""
    if run.manifest.device.kind == "cuda" or not inspected:
        return []
    found: dict[tuple[str, str], list[PredictedCurve]] = {}
    for curve in curves(inspected, known().values(), Regime.COLD):
        same = found.setdefault((curve.op, curve.dtype), [])
        if not same or curve.variant == same[0].variant:
            same.append(curve)
    published = list(of_file())
    ops = list(dict.fromkeys(op for op, _ in found))
    order = sorted(found, key=lambda key: (ops.index(key[0]), dtype_order(key[1])))
    return [_chart(op, dtype, found[op, dtype], published) for op, dtype in order]


def _chart(op: str, dtype: str, own: Sequence[PredictedCurve], published: Sequence[PublishedRow]) -> Chart:
    traces = [_trace(each) for each in own]
    devices = {each.device for each in own}
    points = [
        row
        for row in published
        if (row.kernel, row.dtype) == (op, dtype) and row.device in devices and row.regime == Regime.COLD
    ]
    traces += [_points(device, [row for row in points if row.device == device]) for device in sorted(devices)]
    sizes = [point.bytes_moved for each in own for point in each.points] + [row.bytes_moved for row in points]
    layout = {"xaxis": bytes_axis("bytes moved per call", sizes), "yaxis": rate_axis()}
    return Chart("predicted", f"{op}  {dtype}", [each for each in traces if each["x"]], layout, _NOTE)


def _trace(curve: PredictedCurve) -> dict[str, Any]:
    look = look_of(curve.device)
    name = html.escape(printable(" ".join((curve.provider, curve.variant)), 60))
    return {
        "type": "scatter", "mode": "lines", "name": f"{curve.device}, modelled",
        "look": [look.colour, look.dark_colour], "line": {"width": 1.5, "dash": "dash"}, "hoverinfo": "text",
        "x": [short(point.bytes_moved) for point in curve.points], "y": [short(point.gbps) for point in curve.points],
        "text": [f"<b>{name}</b> on {curve.device}, modelled<br>{time_text(point.seconds)}, "
                 f"{significant(point.gbps)} GB/s<br>binds: {point.bound_by}" for point in curve.points],
    }  # fmt: skip


def _points(device: str, rows: Sequence[PublishedRow]) -> dict[str, Any]:
    look = look_of(device)
    return {
        "type": "scatter", "mode": "markers", "name": f"{device}, published", "look": [look.colour, look.dark_colour],
        "x": [short(row.bytes_moved) for row in rows], "y": [short(row.gbps) for row in rows], "hoverinfo": "text",
        "marker": {"size": 8, "symbol": "diamond"},
        "text": [f"<b>{html.escape(row.by)}</b> on {device}, published<br>{time_text(row.seconds)}, "
                 f"{significant(row.gbps)} GB/s<br>{html.escape(row.source)}" for row in rows],
    }  # fmt: skip

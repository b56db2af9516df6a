"""Modelled against published times: the error of each row by size, a marker for each device."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.predict.published import HeldAgainst
from reports.figures import style
from reports.figures.panels import WIDTH_IN, literal

_LOOKS = tuple(zip(("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b28500", "#56b4e9"), "o^sDvP", strict=True))


def drawn(found: Sequence[HeldAgainst]) -> Figure:
    """Left: modelled over published bandwidth, by the bytes moved. Right: one against the other."""
    with matplotlib.rc_context(style.RC):
        figure = Figure(figsize=(WIDTH_IN, 3.4))
        errors, rates = figure.subplots(1, 2)
        devices = list(dict.fromkeys(each.row.device for each in found))
        for device, (colour, marker) in zip(devices, _LOOKS, strict=True):
            rows = [each for each in found if each.row.device == device]
            look = {"color": colour, "marker": marker, "linestyle": "none", "alpha": 0.75, "label": literal(device)}
            errors.plot([r.predicted.bytes_moved for r in rows], [100 * r.error for r in rows], **look)
            rates.plot([_published_gbps(r) for r in rows], [r.predicted.gbps for r in rows], **look)
        _finish_errors(errors)
        _finish_rates(rates)
        figure.legend(*errors.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _published_gbps(each: HeldAgainst) -> float:
    return each.predicted.bytes_moved / each.row.seconds / 1e9


def _finish_errors(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.axhspan(-10, 10, color="#dddddd", alpha=0.6, linewidth=0)
    for bound in (-30, 30):
        axes.axhline(bound, color="#8a8a8a", linewidth=0.8, linestyle="--")
    axes.set_title("modelled over published time, less 1; band: 10%")
    axes.set_xlabel("bytes moved")
    axes.set_ylabel("error, %")


def _finish_rates(axes: Axes) -> None:
    low, high = 20, 8000
    axes.plot([low, high], [low, high], color="#8a8a8a", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("bandwidth, GB/s")
    axes.set_xlabel("published")
    axes.set_ylabel("modelled")

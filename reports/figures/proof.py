"""The largest error of each binade over the whole line of numbers, one panel a kernel."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.proof.lines import End, NumberLine
from harness.proof.rows import ProofRun
from reports.figures.panels import WIDTH_IN
from reports.figures.style import RC
from reports.proof.summary import Proved, summaries

# Of ex2's bound: colours as in figures.style.
_LOOKS: dict[End, dict[str, Any]] = {
    End.UNUSED: {"color": "#0072b2", "linestyle": "-"},
    End.NEAREST: {"color": "#0072b2", "linestyle": "-", "label": "ex2 to nearest"},
    End.LOW: {"color": "#d55e00", "linestyle": "--", "label": "ex2 at the low end of its bound"},
    End.HIGH: {"color": "#009e73", "linestyle": ":", "label": "ex2 at the high end of its bound"},
}
_TICKS = 8


def drawn(run: ProofRun) -> Figure:
    """The figure of a proof."""
    by_panel: dict[str, list[Proved]] = {}
    for each in summaries(run):
        by_panel.setdefault(each.title, []).append(each)
    with rc_context(RC):
        figure = Figure(figsize=(WIDTH_IN, 1.9 * max(1, len(by_panel)) + 0.4), layout="constrained")
        panels = figure.subplots(max(1, len(by_panel)), 1, squeeze=False)[:, 0]
        for axes, (title, found) in zip(panels, by_panel.items(), strict=False):
            _draw(axes, title, found)
        figure.draw_without_rendering()
    return figure


def _draw(axes: Axes, title: str, found: list[Proved]) -> None:
    line = found[0].subject.line
    for each in found:
        places = [row.binade for row in each.rows]
        axes.step(places, [row.max_ulp for row in each.rows], where="mid", linewidth=0.9, **_LOOKS[each.ex2])
    axes.axhline(0.5, color="#555555", linewidth=0.7, linestyle=":")
    axes.set_title(f"{title}: {found[0].inputs:,} inputs")
    axes.set_ylabel("max ULP of a binade")
    greatest = max(row.max_ulp for each in found for row in each.rows)
    if greatest > 10:
        axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(1.0, 1.15 * greatest))
    ticks = _ticks(line, [row.binade for row in found[0].rows])
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=6.5)
    axes.set_xlabel("input: all numbers in their order, a binade a step")
    if len(found) > 1:
        axes.legend(fontsize=6.5, frameon=False)


def _ticks(line: NumberLine, binades: list[int]) -> dict[int, str]:
    """Powers of 2 at even distances to both sides of 0."""
    middle = line.binades // 2
    step = max(1, len(binades) // (2 * _TICKS)) * 2
    found = {}
    for binade in binades:
        exponent = line.exponent(binade)
        if exponent is not None and exponent % step == 0 and binade not in (middle - 1, middle):
            sign = "−" if binade < middle else ""
            found[binade] = f"{sign}2$^{{{exponent}}}$"
    if middle in binades:
        found[middle] = "0"
    return dict(sorted(found.items()))

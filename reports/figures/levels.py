"""The levels of memory: what plain streams attain by working set, from a cold cache and from a warm one."""

from __future__ import annotations

from matplotlib.figure import Figure

from harness.store.records import Run
from reports.figures.panels import WIDTH_IN, bytes_axis, mark_cache
from reports.figures.roofs import streams
from reports.figures.style import MIX_LOOKS, look_of

# A mix of traffic is no provider: it has a look of its own, and the regime decides the line.
_LINES = {"cold": "-", "warm": "--"}


def figures(run: Run) -> dict[str, Figure]:
    """One figure, or none where the run has no curves of roofs."""
    found = streams(run)
    if not found:
        return {}
    figure = Figure(figsize=(WIDTH_IN, 3.4))
    axes = figure.subplots()
    for each in found:
        look = MIX_LOOKS.get(each.mix, look_of(each.mix))
        axes.plot(
            each.working_sets, each.gbps, look.marker, color=look.colour, linestyle=_LINES[each.regime],
            markerfacecolor=look.colour if each.regime == "cold" else "white", label=f"{each.mix}, {each.regime} cache",
        )  # fmt: skip
    mark_cache(axes, run, [size for each in found for size in each.working_sets])
    axes.set_ylim(bottom=0)
    bytes_axis(axes)
    axes.set_xlabel("working set: bytes that one call touches, and moves")
    axes.set_ylabel("GB/s")
    figure.suptitle("The levels of memory: what plain streams attain", x=0.01, ha="left", fontsize=9)
    figure.legend(loc="outside lower left", ncols=3, fontsize=7)
    return {"levels-of-memory": figure}

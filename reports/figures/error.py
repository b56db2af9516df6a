"""Error in ULP against input, over the whole 16-bit range: where an implementation loses digits, and how many."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from harness.store.records import Run
from reports.figures.errors import Profile, input_ticks, profiles
from reports.figures.panels import WIDTH_IN, legend_below
from reports.figures.style import look_of


def figures(run: Run) -> dict[str, Figure]:
    """One figure with a panel for each 16-bit dtype, or none where no record holds the errors by input."""
    found = profiles(run)
    if not found:
        return {}
    figure = Figure(figsize=(WIDTH_IN, 2.2 * len(found) + 0.9))
    panels = figure.subplots(len(found), 1, squeeze=False)
    for (dtype, each), axes in zip(found.items(), panels[:, 0], strict=True):
        _draw(axes, dtype, each)
    shown = [profile for each in found.values() for profile in each]
    rejected = {profile.provider for profile in shown if profile.outcome == "rejected"}
    title = "elu: largest error against input, over all values of the dtype"
    legend_below(figure, title, sorted({profile.provider for profile in shown}), rejected=rejected)
    return {"error-elu": figure}


def _draw(axes: Axes, dtype: str, found: list[Profile]) -> None:
    axes.set_title(dtype)
    for number, profile in enumerate(found):
        look = look_of(profile.provider)
        places = range(len(profile.lows))
        axes.step(
            places, profile.max_ulp, where="mid", color=look.colour, linestyle=look.line, marker=look.marker,
            markevery=(7 * number % 23, 23), markersize=3.5, linewidth=1.0,
        )  # fmt: skip
    axes.axhline(0.5, color="#555555", linewidth=0.8, linestyle=":")
    axes.annotate("correctly rounded: 0.5", (1, 0.5), xycoords=("axes fraction", "data"), xytext=(0, 2),
                  textcoords="offset points", ha="right", fontsize=6, color="#555555")  # fmt: skip
    axes.set_yscale("symlog", linthresh=1, linscale=1)
    axes.set_ylim(0, max(1.0, 1.3 * max(max(profile.max_ulp) for profile in found)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("ULP of the output")
    ticks = input_ticks(found[0])
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=6.5)
    axes.set_xlabel("input, in the order of the dtype's values")
    axes.set_xlim(0, len(found[0].lows) - 1)

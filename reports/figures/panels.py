"""What figures have in common: a grid of panels, an axis of bytes, a legend of providers below."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from harness.store.records import Run
from reports.figures.naming import dtype_order
from reports.figures.style import ROOF_COLOUR, look_of
from reports.text.formatting import bytes_text, printable

WIDTH_IN = 7.0  # two columns of a paper
MOST_ROWS = 12


def panel_grid(cells: Sequence[tuple[str, str]], height_in: float = 2.1) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """A row of panels for each variant and a column for each dtype, empty where there is no such cell.

    Beyond MOST_ROWS variants only the first are drawn; the others get axes that are not part of the figure.
    """
    variants = list(dict.fromkeys(variant for variant, _ in cells))
    dtypes = sorted({dtype for _, dtype in cells}, key=dtype_order)
    rows = min(len(variants), MOST_ROWS)
    figure = Figure(figsize=(WIDTH_IN, height_in * rows + 0.9))
    grid = figure.subplots(rows, len(dtypes), squeeze=False, sharex=True, sharey="row")
    hidden = Figure().add_subplot()
    panels = {}
    for row, variant in enumerate(variants):
        for column, dtype in enumerate(dtypes):
            axes = grid[row][column] if row < rows else hidden
            axes.set_title(printable("  ".join(part for part in (dtype, variant) if part), 60))
            if (variant, dtype) not in cells:
                axes.set_axis_off()
                axes.set_title("")
            panels[variant, dtype] = axes
    return figure, panels


def bottom_row(figure: Figure) -> list[Axes]:
    """The panels that the x-axis is named at."""
    return [axes for axes in figure.axes if (where := axes.get_subplotspec()) is not None and where.is_last_row()]


def bytes_axis(axes: Axes) -> None:
    """A logarithmic x-axis of bytes with ticks at powers of 4 at least, fewer in a narrow panel."""
    where = axes.get_subplotspec()
    columns = where.get_gridspec().ncols if where is not None else 1
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=4, numticks=max(3, 7 - columns)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: bytes_text(value)))


def plain_log_axis(axis: Axis) -> None:
    """Ticks at 1, 2 and 5 times the powers of 10, written as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def mark_cache(axes: Axes, run: Run, sizes: Sequence[int]) -> None:
    """The last-level cache as a dotted line, where it is near the sizes that are shown."""
    device = run.manifest.device
    cache = device.last_level_cache_bytes
    if not cache or not min(sizes) / 4 <= cache <= max(sizes) * 4:
        return
    axes.axvline(cache, color="#555555", linewidth=0.8, linestyle=":")
    name = "L2" if device.kind == "cuda" else "last-level cache"
    is_right = cache**2 > min(sizes) * max(sizes)  # of the middle: the words go to the left of the line
    axes.annotate(
        f"{name}\n{bytes_text(cache)}", (cache, 0.02), xycoords=("data", "axes fraction"), textcoords="offset points",
        xytext=(-2 if is_right else 2, 0), ha="right" if is_right else "left", fontsize=6, color="#555555",
    )  # fmt: skip


def legend_below(
    figure: Figure, title: str, providers: Sequence[str], *, with_roof: bool = False, rejected: Collection[str] = ()
) -> None:
    """A title at the top left and, below the panels, how each provider looks, and which were rejected."""
    handles: list[Line2D | Patch] = [provider_handle(name, " (rejected)" * (name in rejected)) for name in providers]
    if with_roof:
        handles.append(Patch(facecolor=ROOF_COLOUR, alpha=0.5, label="roof: a plain stream of the same tensors"))
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    figure.legend(handles=handles, loc="outside lower left", ncols=4, fontsize=7)


def provider_handle(name: str, remark: str = "") -> Line2D:
    """A provider's entry in a legend."""
    look = look_of(name)
    label = literal(printable(name, 40)) + remark
    return Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line, label=label)


def literal(text: str) -> str:
    """Text from outside, kept from matplotlib: a dollar sign would begin a formula, a leading underscore hides."""
    text = text.replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text

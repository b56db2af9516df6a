"""Speed-up over eager as a heat map of dtype × size: where a provider wins, where it loses, where nothing is sure."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from harness.store.records import Run
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import groups
from reports.figures.matrix import Matrix, cell_text, matrices
from reports.figures.naming import file_stem
from reports.figures.panels import WIDTH_IN, literal
from reports.figures.style import FASTER_COLOUR, SLOWER_COLOUR
from reports.text.formatting import printable

# The colour says how much, the number says it again, and the arrow which way: grey paper loses nothing.
_COLOURS = LinearSegmentedColormap.from_list("speedup", [SLOWER_COLOUR, "#ffffff", FASTER_COLOUR])
_FULL_COLOUR = 3.0  # times as fast, or as slow


def figures(run: Run) -> dict[str, Figure]:
    """A figure for each op, a map for each provider."""
    by_op: dict[str, list[Matrix]] = {}
    for matrix in matrices(groups(run)):
        by_op.setdefault(matrix.op, []).append(matrix)
    return {file_stem("speedup", op): _figure(op, found) for op, found in by_op.items()}


def _figure(op: str, found: list[Matrix]) -> Figure:
    heights = [len(matrix.rows) + 1.6 for matrix in found]
    figure = Figure(figsize=(WIDTH_IN, 0.24 * sum(heights) + 0.8))
    panels = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights)
    for n, (matrix, axes) in enumerate(zip(found, panels[:, 0], strict=True)):
        _draw(axes, matrix)
        if n + 1 < len(found) and found[n + 1].columns == matrix.columns:
            axes.tick_params(labelbottom=False)
    title = f"{op}: speed-up over {BASELINE}; ▲ faster, ▼ slower, = same, no sign: undecided; (in brackets): marked"
    figure.suptitle(literal(printable(title)), x=0.01, ha="left", fontsize=9)
    return figure


def _draw(axes: Axes, matrix: Matrix) -> None:
    axes.set_title(literal(printable(matrix.provider, 60)))
    axes.grid(False)
    limit = math.log(_FULL_COLOUR)
    missing = float("nan")
    values = [
        [math.log(cell.speedup.ratio) if (cell := matrix.cells.get((r, c))) else missing for c in matrix.columns]
        for r in matrix.rows
    ]
    axes.imshow(values, cmap=_COLOURS, vmin=-limit, vmax=limit, aspect="auto")
    for y, row in enumerate(matrix.rows):
        for x, column in enumerate(matrix.columns):
            if cell := matrix.cells.get((row, column)):
                dark = abs(math.log(cell.speedup.ratio)) > 0.75 * limit
                axes.text(
                    x, y, cell_text(cell), ha="center", va="center", fontsize=6.5, color="white" if dark else "black"
                )
    axes.set_xticks(range(len(matrix.columns)), matrix.columns, fontsize=6.5)
    if len(matrix.columns) > 5:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(matrix.rows)), [literal(row) for row in matrix.rows], fontsize=6.5)
    axes.tick_params(which="both", length=0)
    for axis, count in ((axes.xaxis, len(matrix.columns)), (axes.yaxis, len(matrix.rows))):
        axis.set_ticks([n + 0.5 for n in range(count - 1)], minor=True)  # white lines between the cells
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)

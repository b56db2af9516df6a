"""The figures of a claims run, one or two a claim: medians over seeds as lines, all seeds as bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from harness.paper.plan import DOSES, NOISE_SIZES
from harness.paper.rows import ClaimRow, ClaimsRun
from harness.timing.estimators import median
from reports.figures import style
from reports.figures.files import FORMATS, save
from reports.paper.costs import PASSES, costs
from reports.paper.headline import HOW, RATES
from reports.paper.headline_figures import headlines
from reports.paper.looks import look_of, name_of
from reports.paper.selection import mean, rate_of, rows_of, variants_of
from reports.text.formatting import size_text

WIDTH_IN = 7.0  # two columns of a paper

# What a row's values give to draw: a number for every place on the x-axis, or None where there is none.
Series = Callable[[Mapping[str, Any]], Sequence["float | None"]]


def _epochs(values: Mapping[str, Any]) -> Sequence[float | None]:
    return cast(Sequence["float | None"], values["epoch"])


def write_figures(run: ClaimsRun, directory: Path, formats: tuple[str, ...] = FORMATS) -> dict[str, list[Path]]:
    """Write the figures of every claim that the run measured; their files by claim. The same run, the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    return {
        claim: [path for name, figure in drawn.items() for path in save(figure, directory / name, formats)]
        for claim, drawn in draw(run).items()
    }


def draw(run: ClaimsRun) -> dict[str, dict[str, Figure]]:
    """The figures of the headline and of every claim that has one, by claim and by the names of their files."""
    with matplotlib.rc_context(style.RC):
        drawn = headlines(run)
        drawn |= {claim: dict(_FIGURES[claim](run)) for claim in run.plan.claims if claim in _FIGURES}
    return {claim: figures for claim, figures in drawn.items() if figures}


def _cost(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    found = costs(run.cost)
    if not found:
        return
    shapes = list(dict.fromkeys(cost.shape for cost in found))
    figure = Figure(figsize=(WIDTH_IN, 2.6))
    panels = figure.subplots(1, len(PASSES), sharey=True)
    for axes, passes in zip(panels, PASSES, strict=True):
        for op in dict.fromkeys(cost.op for cost in found):
            costs_of = {cost.shape: cost for cost in found if (cost.op, cost.passes) == (op, passes)}
            ours = {cost.shape: cost for cost in found if (cost.op, cost.passes) == ("elu", passes)}
            shared = [(n, shape) for n, shape in enumerate(shapes) if shape in costs_of and shape in ours]
            points = [(n, costs_of[shape].time_s / ours[shape].time_s) for n, shape in shared]
            look = look_of(op)
            axes.plot(*zip(*points, strict=True), look.marker, color=look.colour, label=look.name)
        axes.axhline(1, color="#888888", linewidth=0.8)
        axes.set_xticks(range(len(shapes)), [size_text(shape) for shape in shapes], rotation=20, fontsize=6)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=2))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_title(passes)
    panels[0].set_ylabel("time / time of ELU")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    yield "claims-cost", figure


def _mean_shift(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    variants = variants_of(run, "mean_shift", "deep")
    plain = [name for name in variants if not name.endswith("+bn")]
    normalised = [name for name in variants if name.endswith("+bn")]
    figure = Figure(figsize=(WIDTH_IN, 4.6))
    panels = figure.subplots(2, 2)
    for row, names in zip(panels, (plain, normalised), strict=True):
        for name in names:
            rows = rows_of(run, "mean_shift", "deep", name)
            _band(row[0], name, rows, lambda values: values["median_mean"], lambda values: values["epoch"])
            _band(row[1], name, rows, lambda values: values["abs_mean"][-1])
        row[0].set_ylabel("median mean activation")
        row[0].axhline(0, color="#888888", linewidth=0.8)
        row[1].set_ylabel("mean size of units' means")
        row[1].set_title("by hidden layer, after training")
    panels[0][0].set_title("by epoch, at the paper's rate")
    panels[1][0].set_title("by epoch, with batch normalisation")
    panels[1][0].set_xlabel("epoch")
    panels[1][1].set_xlabel("hidden layer")
    _legend(figure, variants)
    yield "claims-mean-shift", figure


def _two_panels(
    run: ClaimsRun, claim: str, panels: Sequence[tuple[str, Series]], xs: Series | None, xlabel: str
) -> tuple[Figure, Sequence[Axes]]:
    """Bands of every variant of the paper's net, at the paper's rate, in two panels."""
    variants = variants_of(run, claim, "deep")
    figure = Figure(figsize=(WIDTH_IN, 2.9))
    found = figure.subplots(1, 2)
    for axes, (label, series) in zip(found, panels, strict=True):
        for name in variants:
            _band(axes, name, rows_of(run, claim, "deep", name), series, xs)
        axes.set_ylabel(label)
        axes.set_xlabel(xlabel)
    _legend(figure, variants)
    return figure, found


def _over_layers(name: str) -> Series:
    """The mean over layers, epoch by epoch."""
    return lambda values: [mean(layers) for layers in values[name]]


def _bias_shift(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    panels = (
        ("share (E Δz)² / E (Δz²)", _over_layers("share")),
        ("size |E Δz|", _over_layers("size")),
    )
    yield "claims-bias-shift", _two_panels(run, "bias_shift", panels, _epochs, "epoch")[0]


def _natural_gradient(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    panels = (
        ("‖E a‖² / E ‖a‖² under q", _over_layers("mean_share_q")),
        ("scale of Theorem 1", _over_layers("scale_q")),
    )
    figure, (_, scale) = _two_panels(run, "natural_gradient", panels, _epochs, "epoch")
    scale.set_yscale("log")
    yield "claims-natural-gradient", figure


def _saturation(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    def by_dose(values: Mapping[str, Any]) -> Sequence[float | None]:
        return cast(Sequence["float | None"], values["through_net"][-1])

    figure = Figure(figsize=(WIDTH_IN, 2.9))
    panels = figure.subplots(1, 2)
    variants = variants_of(run, "saturation", "deep")
    for name in variants:
        rows = rows_of(run, "saturation", "deep", name)
        _band(panels[0], name, rows, lambda values: values["by_depth"][-1])
        _band(panels[1], name, rows, by_dose, lambda values: DOSES)
    panels[0].set_xlabel("tenths of the deactivated inputs, furthest down first")
    panels[0].set_ylabel("share passed on")
    panels[1].set_xlabel("size of the push, deviations")
    panels[1].set_ylabel("change of layer 8 per push")
    panels[1].set_xscale("log")
    _legend(figure, variants)
    yield "claims-saturation", figure


def _noise(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    panels = (
        ("test accuracy", lambda values: values["accuracy"][-1]),
        ("relative change of layer 8", lambda values: values["change"][-1]),
    )
    figure, _ = _two_panels(run, "noise", panels, lambda values: NOISE_SIZES, "noise, deviations of the pixels")
    yield "claims-noise", figure


def _vanishing(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    panels = (
        ("gradient / that of layer 8, before training", _relative_norms(0)),
        ("the same after training", _relative_norms(-1)),
    )
    figure, found = _two_panels(run, "vanishing", panels, None, "hidden layer")
    for axes in found:
        axes.set_yscale("log")
    yield "claims-vanishing", figure


def _relative_norms(index: int) -> Series:
    def series(values: Mapping[str, Any]) -> list[float | None]:
        norms = values["gradient_norm"][index]
        return [norm / norms[-1] if norm is not None and norms[-1] else None for norm in norms]

    return series


def _curves(run: ClaimsRun, claim: str, nets: Sequence[str], second: tuple[str, str]) -> Iterator[tuple[str, Figure]]:
    """Training loss and another curve by epoch, at both choices of rates; `second` is its field and its label."""
    for how in RATES:
        figure = Figure(figsize=(WIDTH_IN, 2.2 * len(nets)))
        grid = figure.subplots(len(nets), 2, squeeze=False)
        for row, net in zip(grid, nets, strict=True):
            for name in variants_of(run, claim, net):
                rate = rate_of(run, net, name, how)
                rows = [] if rate is None else rows_of(run, claim, net, name, rate)
                _band(row[0], name, rows, lambda values: values["loss"])
                _band(row[1], name, rows, lambda values: values[second[0]])
            row[0].set_yscale("log")
            row[0].set_ylabel(f"{net}: training loss")
            row[1].set_ylabel(second[1])
        for axes in grid.flat:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        figure.suptitle(HOW[how], x=0.01, ha="left", fontsize=9)
        _legend(figure, variants_of(run, claim, nets[0]))
        yield f"claims-{claim}-{how}", figure


def _learning(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    return _curves(run, "learning", ("deep", "shallow", "conv"), ("accuracy", "test accuracy"))


def _reconstruction(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    return _curves(run, "reconstruction", ("auto",), ("error", "test error"))


def _band(axes: Axes, name: str, rows: Sequence[ClaimRow], series: Series, places: Series | None = None) -> None:
    """The median over seeds as a line, from the least to the greatest as a band; nothing where no seed has a value."""
    drawn = [series(row.values) for row in rows]
    if not drawn:
        return
    xs = places(rows[0].values) if places else range(1, len(drawn[0]) + 1)
    columns = [[value for value in column if value is not None] for column in zip(*drawn, strict=True)]
    points = [(x, median(values), min(values), max(values)) for x, values in zip(xs, columns, strict=True) if values]
    if not points:
        return
    at, middle, low, high = (list(each) for each in zip(*points, strict=True))
    axes.plot(at, middle, markersize=2.5, markevery=max(1, len(at) // 10), **_drawn_as(name))
    axes.fill_between(at, low, high, color=look_of(name).colour, alpha=0.12, linewidth=0)


def _drawn_as(name: str) -> dict[str, Any]:
    look = look_of(name)
    return {"color": look.colour, "linestyle": look.line, "marker": look.marker}


def _legend(figure: Figure, variants: Sequence[str]) -> None:
    handles = [Line2D([], [], markersize=3, label=name_of(name), **_drawn_as(name)) for name in variants]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=7)


_FIGURES: Mapping[str, Callable[[ClaimsRun], Iterator[tuple[str, Figure]]]] = {
    "cost": _cost,
    "mean_shift": _mean_shift,
    "bias_shift": _bias_shift,
    "saturation": _saturation,
    "noise": _noise,
    "vanishing": _vanishing,
    "learning": _learning,
    "reconstruction": _reconstruction,
    "natural_gradient": _natural_gradient,
}

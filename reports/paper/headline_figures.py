"""The figures of the headline: the 2×2 of centring, and the map of divergence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from harness.paper.plan import CURVES
from harness.paper.rows import ClaimRow, ClaimsRun
from reports.paper import paired
from reports.paper.headline import CENTRED, HOW, RATES
from reports.paper.looks import look_of, name_of
from reports.paper.selection import by_seed, mean, rate_of

_WIDTH_IN = 7.0
_NETS = ("elu", "elu" + CENTRED, "relu", "relu" + CENTRED)


def headlines(run: ClaimsRun) -> dict[str, dict[str, Figure]]:
    """The figures by what they are of, and by the names of their files; those with nothing in them are left out."""
    drawn = {"centring": dict(_centring(run)), "divergence": dict(_divergence(run))}
    return {of: figures for of, figures in drawn.items() if figures}


def _centring(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    """Every judged seed of ELU and ReLU, centred and not; a line joins a seed's two nets."""
    figure = Figure(figsize=(_WIDTH_IN, 2.8))
    panels = figure.subplots(1, 2, sharey=True)
    drawn = [_centring_panel(axes, run, rate) for axes, rate in zip(panels, RATES, strict=True)]
    if not any(drawn):
        return
    panels[0].set_ylabel("training loss, mean over epochs")
    panels[0].set_yscale("log")
    yield "claims-centring", figure


def _centring_panel(axes: Axes, run: ClaimsRun, rate: str) -> bool:
    found = {name: by_seed(run, "deep", name, rate_of(run, "deep", name, rate), "mean_loss") for name in _NETS}
    for place in (0, 2):
        plain, centred = found[_NETS[place]], found[_NETS[place + 1]]
        for seed in plain:
            ends = (plain[seed], centred.get(seed, math.inf))
            if all(map(math.isfinite, ends)):
                axes.plot((place, place + 1), ends, "-", color="#bbbbbb", linewidth=0.6)
    for place, name in enumerate(_NETS):
        finite = [value for value in found[name].values() if math.isfinite(value)]
        axes.plot([place] * len(finite), finite, look_of(name).marker, color=look_of(name).colour, markersize=3.5)
        diverged = len(found[name]) - len(finite)
        if diverged:
            label = f"{diverged} diverged"
            axes.annotate(label, (place, 1), xycoords=("data", "axes fraction"), fontsize=6, va="top", ha="center")
    axes.set_xticks(range(4), [name_of(name) for name in _NETS], fontsize=7)
    axes.set_xlim(-0.5, 3.5)
    axes.set_title(HOW[rate], fontsize=8)
    return any(found.values())


def _divergence(run: ClaimsRun) -> Iterator[tuple[str, Figure]]:
    """Variant × rate for every net: the colour is the loss, the number how many seeds diverged."""
    rows = [row for row in run.rows if row.claim in CURVES]
    nets = list(dict.fromkeys(row.net for row in rows))
    if not nets:
        return
    variants = {net: list(dict.fromkeys(row.variant for row in rows if row.net == net)) for net in nets}
    heights = [len(variants[net]) for net in nets]
    figure = Figure(figsize=(_WIDTH_IN, 1.2 + 0.2 * sum(heights) + 0.4 * len(nets)))
    panels = figure.subplots(len(nets), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, net in zip(panels, nets, strict=True):
        _map(axes, net, variants[net], [row for row in rows if row.net == net])
    panels[-1].set_xlabel("learning rate")
    yield "claims-divergence", figure


def _map(axes: Axes, net: str, variants: Sequence[str], rows: Sequence[ClaimRow]) -> None:
    rates = sorted({row.rate for row in rows})
    cells = [[_losses(rows, variant, rate) for rate in rates] for variant in variants]
    shown = [[_middle(losses) for losses in line] for line in cells]
    finite = [value for line in shown for value in line if math.isfinite(value) and value > 0]
    if finite:
        norm = LogNorm(min(finite), max(max(finite), 1.01 * min(finite)))
        axes.imshow(shown, norm=norm, cmap="viridis_r", aspect="auto")
    for y, line in enumerate(cells):
        for x, losses in enumerate(line):
            diverged = sum(map(math.isinf, losses))
            if diverged:
                text, colour = f"{diverged}/{len(losses)} diverged", "#cc0000"
            else:
                text, colour = (f"{_middle(losses):.3g}" if losses else ""), "#444444"
            axes.text(
                x, y, text, ha="center", va="center", fontsize=6, color=colour,
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
            )  # fmt: skip
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.set_yticks(range(len(variants)), [name_of(name) for name in variants], fontsize=6)
    axes.set_title(net, fontsize=8)
    axes.grid(False)


def _losses(rows: Sequence[ClaimRow], variant: str, rate: float) -> list[float]:
    found = [mean(row.values["loss"]) for row in rows if (row.variant, row.rate) == (variant, rate)]
    return [math.inf if loss is None else loss for loss in found]


def _middle(losses: Sequence[float]) -> float:
    """The median, or nan where there is none to colour."""
    found = paired.middle(losses) if losses else math.nan
    return found if math.isfinite(found) else math.nan

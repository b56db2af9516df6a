"""What the study is about: how much of ELU's advantage is centring, and where nets diverge. Pure; no verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.paper.choice import chosen_rates
from harness.paper.first_edition import FirstRun
from harness.paper.plan import CURVES, PAPER_RATE
from harness.paper.rows import ClaimRow, ClaimsRun
from reports.paper import paired
from reports.paper.judge import Compared, compare
from reports.paper.looks import name_of
from reports.paper.number_text import Number, number_text, signed
from reports.paper.rules import ComparisonRule, Rate
from reports.paper.selection import by_seed, mean, rate_of
from reports.render.table import Column, Kind, Table, numbers, words
from reports.text.formatting import MISSING

CENTRED = "+centred"
RATES: tuple[Rate, ...] = ("chosen", "paper")
HOW = {"chosen": "each at the rate that its pilot seeds chose", "paper": f"all at the paper's rate, {PAPER_RATE:g}"}
_SHORT = {"chosen": "chosen", "paper": f"{PAPER_RATE:g}"}  # the same in a cell
MAP_NOTE = (
    "Cells: median over seeds of the training loss, mean over epochs; (2/3): 2 of 3 seeds diverged. A diverged seed "
    "ranks last, so a median may be infinite. Chosen rates are marked *."
)


@dataclass(frozen=True)
class Centring:
    """The 2×2 of centring at one choice of rates, as ratios of training losses, paired by seed."""

    rate: Rate
    elu: Compared  # ELU / ReLU
    relu_centred: Compared  # centred ReLU / ReLU
    elu_centred: Compared  # centred ELU / ELU
    both: Compared  # centred ELU / centred ReLU

    @property
    def share(self) -> float | None:
        """Of ELU's advantage over ReLU, what centring alone gives ReLU: of the logarithms of the median ratios.

        None where ELU has no advantage, or where a median is of nets that diverged.
        """
        elu, centred = self.elu.median, self.relu_centred.median
        if elu is None or centred is None or not 0 < elu < 1 or not 0 < centred < math.inf:
            return None
        return math.log(centred) / math.log(elu)


def centring(run: ClaimsRun, rate: Rate) -> Centring | None:
    """The 2×2 on the paper's net; None where one of its nets was not trained."""

    def ratio(ours: str, theirs: str) -> Compared:
        return compare(run, ComparisonRule("mean_loss", "deep", ours, "below", theirs, rate, "ratio"))

    pairs = (
        ("elu", "relu"), ("relu+centred", "relu"), ("elu+centred", "elu"),
        ("elu+centred", "relu+centred"),
    )  # fmt: skip
    found = [ratio(*pair) for pair in pairs]
    return Centring(rate, *found) if all(each.values for each in found) else None


def centring_sentence(found: Centring) -> str:
    """How much of ELU's advantage is centring, at one choice of rates; it begins in the middle of a sentence."""
    start = f"{HOW[found.rate]}: ELU's training loss is {_of(found.elu)} ReLU's, "
    start += f"and centring alone takes ReLU's to {_of(found.relu_centred)} what it was"
    if found.share is None:
        so = "so there is no advantage of ELU's that centring could explain"
    elif found.share >= 1:
        so = f"which is all of ELU's advantage and more ({signed(found.share)} of it, in logarithms)"
    elif found.share <= 0:
        so = "which is none of ELU's advantage"
    else:
        so = f"which is {signed(found.share)} of ELU's advantage, in logarithms"
    return f"{start}, {so}. Where both are centred, ELU's loss is {_of(found.both)} ReLU's."


def _of(found: Compared) -> str:
    return f"{number_text(Number(found.median, found.ci95))} times"


def centring_table(run: ClaimsRun) -> Table:
    """ELU and ReLU, centred and not, at both choices of rates."""
    rows, notes = [], []
    for rate in RATES:
        found = centring(run, rate)
        if found is None:
            continue
        for name, effect in (("elu", found.elu_centred), ("relu", found.relu_centred)):
            cells = [_loss(run, variant, rate) for variant in (name, name + CENTRED)]
            rows.append((_SHORT[rate], name_of(name), *cells, _ratio(effect), _lower(effect)))
        rows.append((_SHORT[rate], "ELU / ReLU", _ratio(found.elu), _ratio(found.both), MISSING, MISSING))
        said = centring_sentence(found)
        notes.append(said[:1].upper() + said[1:])
    columns = (
        Column("rates", Kind.WORD, is_shared=True),
        Column("net", Kind.PROSE),
        *numbers("as it is", "mean-centred", "centred / as it is"),
        Column("lower in", goes=1),
    )
    title = "How much of ELU's advantage is centring? Training loss of 8 hidden layers, mean over epochs"
    return Table(title, columns, tuple(rows), tuple(notes))


def _loss(run: ClaimsRun, variant: str, rate: Rate) -> str:
    trained_at = rate_of(run, "deep", variant, rate)
    values = list(by_seed(run, "deep", variant, trained_at, "mean_loss").values())
    if not values:
        return MISSING
    return f"{signed(paired.middle(values))} at {trained_at:g}"


def _ratio(found: Compared) -> str:
    return number_text(Number(found.median, found.ci95))


def _lower(found: Compared) -> str:
    return f"{found.as_said} of {len(found.values)}"


def divergence_tables(run: ClaimsRun | FirstRun) -> Iterator[Table]:
    """Variant × rate, a table for every net: losses, and how many seeds diverged."""
    chosen = {} if isinstance(run, FirstRun) else chosen_rates(run.plan, run.rows)
    rows = [row for row in run.rows if row.claim in CURVES]
    nets = list(dict.fromkeys(row.net for row in rows))
    for net in nets:
        of_net = [row for row in rows if row.net == net]
        rates = sorted({row.rate for row in of_net})
        made = []
        for variant in dict.fromkeys(row.variant for row in of_net):
            cells = [_cell([r for r in of_net if (r.variant, r.rate) == (variant, rate)]) for rate in rates]
            marks = ["*" if chosen.get((net, variant)) == rate else "" for rate in rates]
            made.append((name_of(variant), *(cell + mark for cell, mark in zip(cells, marks, strict=True))))
        head = (*words("net", kind=Kind.PROSE), *numbers(*(f"{rate:g}" for rate in rates)))
        yield Table(
            f"Losses and divergence by learning rate: {net}", head, tuple(made), (MAP_NOTE,) if net == nets[-1] else ()
        )


def _cell(rows: Sequence[ClaimRow]) -> str:
    if not rows:
        return MISSING
    losses = [mean(row.values["loss"]) for row in rows]
    diverged = sum(loss is None for loss in losses)
    middle = paired.middle([math.inf if loss is None else loss for loss in losses])
    return signed(middle) + (f" ({diverged}/{len(rows)})" if diverged else "")

"""The numbers behind the verdicts: for every claim tables by variant, as medians over seeds with intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.paper.plan import PAPER_RATE
from harness.paper.rows import ClaimsRun
from harness.timing.estimators import median
from reports.paper import costs, modelled, selection
from reports.paper.looks import name_of
from reports.paper.selection import Measure, best_rate, by_seed, is_edge, rows_of, variants_of
from reports.paper.verdicts import Interval, Number, number
from reports.render.inspection import count_text
from reports.render.table import Column, Kind, Table, numbers, words
from reports.text.formatting import MISSING, percent, significant, size_text, time_interval_text

LEARNED = 0.1  # a training loss at which these nets have learned the digits


def _prose(*names: str) -> tuple[Column, ...]:
    return words(*names, kind=Kind.PROSE)


def number_text(found: Number, digits: int = 3) -> str:
    """A median with its interval: "0.187 [0.155, 0.242]"; without one where the seeds are too few."""
    if found.value is None:
        return MISSING
    return significant_signed(found.value, digits) + interval_text(found.ci95, digits)


def interval_text(ci95: Interval | None, digits: int = 3) -> str:
    """An interval in brackets, after a space; nothing for none."""
    if ci95 is None:
        return ""
    return f" [{significant_signed(ci95[0], digits)}, {significant_signed(ci95[1], digits)}]"


def significant_signed(value: float, digits: int = 3) -> str:
    """A number with a minus that is as wide as a plus."""
    return significant(value, digits).replace("-", "−")


def tables(run: ClaimsRun, claim: str) -> list[Table]:
    """The tables of a claim; those that there is nothing in are left out."""
    return [table for table in _TABLES[claim](run) if table.rows or table.notes]


def _by_variant(
    run: ClaimsRun, claim: str, net: str, title: str, columns: Sequence[tuple[str, Measure]]
) -> Iterator[Table]:
    """A row for each variant at the paper's rate."""
    rows = []
    for variant in variants_of(run, claim, net):
        cells = [
            number_text(number(list(by_seed(run, claim, net, variant, PAPER_RATE, m).values()))) for _, m in columns
        ]
        rows.append((name_of(variant), *cells))
    yield Table(title, (*_prose("net"), *numbers(*(name for name, _ in columns))), tuple(rows))


def _mean_shift(run: ClaimsRun) -> Iterator[Table]:
    columns = (
        ("distance of the median mean from 0", selection.distance_from_zero),
        ("mean size of the units' means, layer 8, at the end", lambda values: values["abs_mean"][-1][-1]),
        ("variance of the units, layer 8, at the end", lambda values: values["variance"][-1][-1]),
        ("bias shift of an update", selection.averaged("bias_shift")),
        ("bias shift over deviation", selection.averaged("relative_shift")),
    )
    title = "8 hidden layers at the paper's rate; averages over epochs unless said otherwise"
    yield from _by_variant(run, "mean_shift", "deep", title, columns)


def _saturation(run: ClaimsRun) -> Iterator[Table]:
    columns = (
        ("share of deactivated units", selection.at_end("inactive")),
        ("passed on by them", selection.at_end("passed")),
        ("furthest tenth", lambda values: values["by_depth"][-1][0]),
        ("nearest tenth", lambda values: values["by_depth"][-1][-1]),
        ("through the net", selection.at_end("through_net")),
    )
    yield from _by_variant(run, "saturation", "deep", "8 hidden layers, trained at the paper's rate", columns)


def _vanishing(run: ClaimsRun) -> Iterator[Table]:
    columns = (
        ("at initialisation", selection.first_over_last(0)),
        ("after training", selection.first_over_last(-1)),
    )
    title = "Gradient's norm at the first hidden layer over that at the eighth"
    yield from _by_variant(run, "vanishing", "deep", title, columns)


def _learning(run: ClaimsRun) -> Iterator[Table]:
    for net in ("deep", "shallow", "conv"):
        for how, best in ((f"at the rate {PAPER_RATE:g}", False), ("each at its best rate of the grid", True)):
            if best and len(run.plan.rates) == 1:
                continue
            rows = [_learning_row(run, net, name, best) for name in variants_of(run, "learning", net)]
            losses = ("mean training loss", f"epochs to a loss of {LEARNED:g}", "last loss")
            head = (*_prose("net"), *numbers("rate", *losses, "test accuracy", "diverged"))
            yield Table(f"{net}, {how}", head, tuple(rows))


def _learning_row(run: ClaimsRun, net: str, variant: str, best: bool) -> tuple[str, ...]:
    rate = best_rate(run, net, variant) if best else PAPER_RATE
    if rate is None:
        return (name_of(variant), *[MISSING] * 6)
    rows = rows_of(run, "learning", net, variant, rate)

    def seen(measure: Measure) -> str:
        return number_text(number(list(by_seed(run, "learning", net, variant, rate, measure).values())))

    diverged = sum(row.values["loss"][-1] is None for row in rows)
    edge = " (end of the grid)" if best and is_edge(run.plan.rates, rate) else ""
    return (
        name_of(variant),
        f"{rate:g}{edge}",
        seen(selection.mean_loss),
        _epochs_text([selection.epochs_to(LEARNED)(row.values) for row in rows], run.plan.epochs_of(net)),
        seen(lambda values: values["loss"][-1]),
        seen(selection.last_accuracy),
        f"{diverged} of {len(rows)}" if diverged else "none",
    )


def _epochs_text(epochs: Sequence[float | None], last: int) -> str:
    """The median number of epochs, where a seed that never got there counts as later than all others."""
    ordered = sorted(math.inf if each is None else each for each in epochs)
    if not ordered:
        return MISSING
    if math.isfinite(ordered[len(ordered) // 2]):
        return f"{median(ordered[: len(ordered)]) if math.isfinite(ordered[-1]) else ordered[len(ordered) // 2]:g}"
    return f"> {last}"


def _natural_gradient(run: ClaimsRun) -> Iterator[Table]:
    columns = (
        ("unit natural gradient", selection.over_training("unit_natural")),
        ("natural gradient", selection.over_training("natural")),
        ("unit natural, at the end", selection.at_end("unit_natural")),
    )
    title = "Angle between gradient and natural gradient, degrees; averages over training unless said otherwise"
    yield from _by_variant(run, "natural_gradient", "small", title, columns)


def _cost(run: ClaimsRun) -> Iterator[Table]:
    found = costs.costs(run.cost)
    rows = [
        (
            size_text(cost.shape),
            cost.passes,
            name_of(cost.op),
            cost.provider,
            time_interval_text(cost.time_s, cost.ci95_s),
            "1" if cost.op == "elu" else number_text(costs.over_elu(found, cost)),
            significant(cost.bytes_moved / 1e6),
            percent(cost.roof_fraction),
            " ".join(cost.marks),
        )
        for cost in found
    ]
    measured = numbers("time [95% interval]", "× ELU's time", "MB moved", "%roof")
    head = (*_prose("shape", "pass", "activation", "fastest"), *measured, *_prose("marks"))
    yield Table("Measured: time of a call by the fastest valid provider, float32", head, tuple(rows))
    if run.cost is not None:
        yield modelled_table(run)


def modelled_table(run: ClaimsRun) -> Table:
    """What machine code says of the same activations on a GPU, and, without any, why there is nothing."""
    title, found, ceiling = "Modelled, not measured", modelled.modelled(run), modelled.ceiling_of(run)
    if ceiling is not None:
        arch, device = ceiling
        title += f": this suite's Triton kernels for {arch}, float32, on the {device.device}"
        title += f" ({device.peak_gbps:g} GB/s)"
    shares = numbers("instr/elem", "B/elem", "issue%", "%peak")
    head = (*_prose("activation", "pass"), *shares, *_prose("bound by"))
    reasons = dict.fromkeys(f"{_modelled_name(each)}, not modelled: {each.reason}." for each in found if each.reason)
    note = " ".join([modelled.sentence(run), *reasons, *([modelled.LEGEND] if found else [])])
    return Table(title, head if found else (), tuple(map(_modelled_row, found)), (note,))


def _modelled_name(each: modelled.Modelled) -> str:
    return name_of(each.op) + {"last": ", linear", "conv": ", conv"}.get(each.place, "")


def _modelled_row(each: modelled.Modelled) -> tuple[str, ...]:
    if each.reason is not None:
        return (_modelled_name(each), each.passes, *[MISSING] * 4, "not modelled")
    return (
        _modelled_name(each),
        each.passes,
        count_text(each.instructions),
        significant(each.moved_bytes),
        percent(each.issue_share),
        percent(each.ceiling),
        ", ".join(each.bound_by),
    )


_TABLES: Mapping[str, Callable[[ClaimsRun], Iterator[Table]]] = {
    "cost": _cost,
    "mean_shift": _mean_shift,
    "saturation": _saturation,
    "vanishing": _vanishing,
    "learning": _learning,
    "natural_gradient": _natural_gradient,
}

"""The numbers behind the verdicts: for every claim tables by variant, as medians over seeds with intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.paper.plan import DOSES, NOISE_SIZES, PAPER_RATE
from harness.paper.rows import ClaimsRun
from reports.paper import complexity, costs, modelled
from reports.paper.headline import HOW, RATES
from reports.paper.looks import name_of
from reports.paper.number_text import number, number_text
from reports.paper.selection import MEASURES, by_seed, rate_of, rows_of, variants_of
from reports.render.inspection import count_text
from reports.render.table import Column, Kind, Table, numbers, words
from reports.text.formatting import MISSING, percent, significant, size_text, time_interval_text


def _prose(*names: str) -> tuple[Column, ...]:
    return words(*names, kind=Kind.PROSE)


def tables(run: ClaimsRun, claim: str) -> list[Table]:
    """The tables of a claim; those that there is nothing in are left out."""
    return [table for table in _TABLES[claim](run) if table.rows or table.notes]


def _by_measure(
    run: ClaimsRun, claim: str, net: str, title: str, measures: Mapping[str, str], rates: Sequence[str] = RATES
) -> Iterator[Table]:
    """A table for each choice of rates, with a row for each variant; `measures` are columns' names by measure."""
    for how in rates:
        rows = []
        for variant in variants_of(run, claim, net):
            rate = rate_of(run, net, variant, how)
            values = [list(by_seed(run, net, variant, rate, measure).values()) for measure in measures]
            if any(values):
                rows.append((name_of(variant), f"{rate:g}", *(number_text(number(each)) for each in values)))
        yield Table(f"{title}, {HOW[how]}", (*_prose("net"), *numbers("rate", *measures.values())), tuple(rows))


def _learning(run: ClaimsRun) -> Iterator[Table]:
    columns = {
        "mean_loss": "mean training loss",
        "last_loss": "last loss",
        "epochs_to_loss": MEASURES["epochs_to_loss"].what.removesuffix(" training loss"),
        "accuracy": "test accuracy",
    }
    for net in ("deep", "shallow", "conv"):
        yield from _by_measure(run, "learning", net, net, columns)


def _reconstruction(run: ClaimsRun) -> Iterator[Table]:
    columns = {"reconstruction": "test error at the end", "reconstruction_loss": "training error, mean over epochs"}
    yield from _by_measure(run, "reconstruction", "auto", "Autoencoder", columns)


def _mean_shift(run: ClaimsRun) -> Iterator[Table]:
    columns = {
        "unit_mean": "size of the units' means",
        "median_mean": "distance of their median from 0",
        "median_variance": "its variance over epochs",
    }
    yield from _by_measure(run, "mean_shift", "deep", "8 hidden layers, averages over layers and epochs", columns)


def _bias_shift(run: ClaimsRun) -> Iterator[Table]:
    columns = {
        "shift_share": "share (E Δz)² / E (Δz²)",
        "shift_share_start": "before training",
        "shift_size": "size |E Δz|",
        "correlation": "correlation of units",
    }
    yield from _by_measure(run, "bias_shift", "deep", "Change of a unit's net input by its own update", columns)


def _natural_gradient(run: ClaimsRun) -> Iterator[Table]:
    columns = {"mean_share_q": "‖E a‖² / E ‖a‖², under q", "mean_share": "unweighted", "scale_q": "scale of Theorem 1"}
    yield from _by_measure(run, "natural_gradient", "deep", "Theorems 1 and 2, 8 hidden layers", columns)
    angles = {f"unit_angle_{damping}": f"damping {damping}" for damping in ("1e-4", "1e-3", "1e-2", "1e-1")}
    title = "Supplement: angle to the unit natural gradient, degrees, small net"
    yield from _by_measure(run, "natural_gradient", "small", title, angles, ["paper"])


def _saturation(run: ClaimsRun) -> Iterator[Table]:
    columns = {"passed": "share passed on by deactivated units", "large_dose": "largest push over smallest"}
    yield from _by_measure(run, "saturation", "deep", "8 hidden layers", columns)
    yield from _by_size(run, "saturation", "through_net", DOSES, "Change of the last hidden layer, by size of the push")


def _noise(run: ClaimsRun) -> Iterator[Table]:
    yield from _by_size(run, "noise", "accuracy", NOISE_SIZES, "Test accuracy by noise, in deviations of the pixels")
    title = "Relative change of the last hidden layer by noise"
    yield from _by_size(run, "noise", "change", NOISE_SIZES, title)


def _by_size(run: ClaimsRun, claim: str, name: str, sizes: Sequence[float], title: str) -> Iterator[Table]:
    rows = []
    for variant in variants_of(run, claim, "deep"):
        rate = rate_of(run, "deep", variant, "chosen") or PAPER_RATE
        found = [row.values[name][-1] for row in rows_of(run, claim, "deep", variant, rate)]
        cells = [_cell([values[place] for values in found]) for place in range(len(sizes))]
        if found:
            rows.append((name_of(variant), f"{rate:g}", *cells))
    yield Table(title, (*_prose("net"), *numbers("rate", *(f"{size:g}" for size in sizes))), tuple(rows))


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    missing = f" ({len(values) - len(known)} diverged)" if len(known) < len(values) else ""
    return number_text(number(known)) + missing


def _vanishing(run: ClaimsRun) -> Iterator[Table]:
    columns = {"gradient_start": "before training", "gradient_end": "after training"}
    title = "Gradient's norm at the first hidden layer over that at the eighth"
    yield from _by_measure(run, "vanishing", "deep", title, columns)


def _step_time(run: ClaimsRun) -> Iterator[Table]:
    """Measured: a whole step and inference, and what a step costs where it is multiplied by the steps that it takes."""
    for net in ("deep", "conv"):
        variants = variants_of(run, "step_time", net)
        steps = {name: _median_of(run, net, name, "step_s") for name in variants}
        rows = []
        for name in variants:
            times = [_median_of(run, net, name, measure) for measure in ("step_s", "forward_s", "folded_s")]
            ours = steps.get("elu")
            ratio = significant(times[0] / ours) if times[0] and ours else MISSING
            rows.append((name_of(name), *map(_time, times), ratio, _time_to_loss(run, net, name, steps)))
        head = ("training step", "inference", "inference, BN folded", "step / ELU's", "time to the loss / ELU's")
        note = "Measured. " + MEASURES["epochs_to_loss"].what.capitalize() + ", at chosen rates, times a step's time."
        yield Table(f"Times of 12 nets side by side, {net}", (*_prose("net"), *numbers(*head)), tuple(rows), (note,))
    yield complexity.table()


def _median_of(run: ClaimsRun, net: str, variant: str, measure: str) -> float | None:
    return number(list(by_seed(run, net, variant, PAPER_RATE, measure).values())).value


def _time(seconds: float | None) -> str:
    return MISSING if seconds is None else f"{significant(seconds * 1e3)} ms"


def _time_to_loss(run: ClaimsRun, net: str, variant: str, steps: Mapping[str, float | None]) -> str:
    epochs = {
        name: number(list(by_seed(run, net, name, rate_of(run, net, name, "chosen"), "epochs_to_loss").values())).value
        for name in ("elu", variant)
    }
    whole = {name: (epochs[name] or 0) * (steps.get(name) or 0) for name in epochs}
    if not whole["elu"] or not whole[variant] or math.isinf(whole["elu"]):
        return MISSING
    return "never" if math.isinf(whole[variant]) else significant(whole[variant] / whole["elu"])


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
    "step_time": _step_time,
    "mean_shift": _mean_shift,
    "bias_shift": _bias_shift,
    "saturation": _saturation,
    "noise": _noise,
    "vanishing": _vanishing,
    "learning": _learning,
    "reconstruction": _reconstruction,
    "natural_gradient": _natural_gradient,
}

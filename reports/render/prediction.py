"""Predicted times as tables. Every number in them is modelled, and they say so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from harness.ops.op import SHORT_DTYPES
from harness.predict.curves import PredictedCurve
from harness.predict.of_run import BesideMeasured
from harness.predict.workloads import PredictedWorkload
from reports.render import table
from reports.render.table import Column, Kind, Table, numbers, sections
from reports.text.formatting import MISSING, significant, size_text, time_text

LEGEND = (
    "launch, ramp: what the smallest stream takes, and of that the first load's latency; memory, L2: the bandwidth of "
    "a plain stream; issue, fma, alu, mufu, …: turns of a busy unit, at a sustained share of them; latency: too few "
    "loads under way. A kernel is taken as it is compiled for large tensors. docs/predictions.md holds the model "
    "against published times."
)


def tables(found: Sequence[PredictedCurve]) -> Iterator[Table]:
    """A table for each device, op and dtype: a line for each size of each variant."""
    for (device, regime, op, dtype), alike in groupby(found, key=lambda c: (c.device, c.regime, c.op, c.dtype)):
        curves = list(alike)
        providers = len({each.provider for each in curves}) > 1
        lines = [
            (provider, variants, *line) for (provider, variants), points in _merged(curves).items() for line in points
        ]
        made = Table(
            f"{op} {SHORT_DTYPES.get(dtype, dtype)}, modelled: {device}, {regime}",
            (
                Column("provider", Kind.NAME, is_shared=True),
                Column("variant", Kind.NAME, is_shared=True, longest=40),
                *(Column(name) for name in ("elements", "time", "GB/s")),
                Column("binds", Kind.WORD),
            ),
            tuple(lines),
            sections=sections(line[:2] for line in lines),
        )
        yield made if providers else made.without("provider")


def _merged(curves: Sequence[PredictedCurve]) -> dict[tuple[str, str], list[tuple[str, ...]]]:
    """{(provider, its variants that have the same curve): lines}."""
    alike: dict[tuple[str, tuple[tuple[str, ...], ...]], list[str]] = {}
    for each in curves:
        lines = tuple(
            (f"2^{point.elements.bit_length() - 1}", time_text(point.seconds), significant(point.gbps, 3),
             point.bound_by)
            for point in each.points
        )  # fmt: skip
        alike.setdefault((each.provider, lines), []).append(each.variant)
    return {(provider, ", ".join(variants)): list(lines) for (provider, lines), variants in alike.items()}


def beside_table(found: Sequence[BesideMeasured]) -> Table:
    """Measured and modelled times of a run's own cases, side by side; no verdict follows from them."""
    lines = tuple(
        (
            each.record.case_key, each.record.provider, each.record.regime or "", time_text(each.record.median_s),
            time_text(each.predicted.seconds), f"{each.predicted.seconds / (each.record.median_s or 1):.2f}",
            each.predicted.bound_by, each.record.device,
        )
        for each in found
    )  # fmt: skip
    columns = (
        Column("case", Kind.NAME), Column("provider", Kind.NAME, longest=30), Column("regime", Kind.WORD),
        *numbers("measured", "modelled", "modelled / measured"), Column("binds (modelled)", Kind.WORD, goes=1),
        Column("device", Kind.NAME),
    )  # fmt: skip
    made = Table("measured, and beside it modelled from machine code: no verdict", columns, lines)
    return made if len({each.record.device for each in found}) > 1 else made.without("device")


def beside_json(found: Sequence[BesideMeasured]) -> str:
    """The same for a script; times are seconds."""
    has_several = len({each.record.device for each in found}) > 1
    plain = [
        {"case_key": each.record.case_key, "provider": each.record.provider, "regime": each.record.regime,
         "measured_s": each.record.median_s, "modelled_s": each.predicted.seconds,
         "modelled_bound_by": each.predicted.bound_by, **({"device": each.record.device} if has_several else {})}
        for each in found
    ]  # fmt: skip
    return json.dumps(plain, indent=1, allow_nan=False, ensure_ascii=False)


def show(found: Sequence[PredictedCurve], console: Console) -> None:
    """Print the tables, and what their words mean."""
    console.print(Text("modelled, not measured: time and bandwidth by size", style="bold"))
    for each in tables(found):
        table.show(each, console)
    console.print(Text(LEGEND))


def to_markdown(found: Sequence[PredictedCurve]) -> str:
    """The same as Markdown."""
    lines: list[str] = []
    for each in tables(found):
        lines += [*table.to_markdown(each), ""]
    return "\n".join([*lines, LEGEND])


SAVED = (
    "modelled, not measured: what swapping the kernel would save in a model, the ELUs of one pass, each layer's time "
    "as often as it occurs. Eager is taken for plain streams of the bytes of its passes, so the saving is at least that"
)


def workload_tables(found: Sequence[PredictedWorkload]) -> Iterator[Table]:
    """For each device the sums by model, then each layer, of one call."""
    for (device, regime), alike in groupby(found, key=lambda each: (each.device, each.regime)):
        sums = list(alike)
        heads = [(each.workload, each.dtype, each.direction) for each in sums]
        shared = tuple(Column(name, Kind.NAME, is_shared=True) for name in ("model", "dtype", "direction"))
        columns = (*shared, Column("provider", Kind.NAME), Column("time"), Column("×eager"), Column("calls", goes=1))
        lines = tuple(
            (*head, each.provider, time_text(each.seconds),
             MISSING if each.times_eager is None else f"{each.times_eager:.2f}", str(each.calls))
            for head, each in zip(heads, sums, strict=True)
        )  # fmt: skip
        yield Table(f"summed, modelled: {device}, {regime}", columns, lines, sections=sections(heads))
        yield _layer_table(sums, f"each layer, one call, modelled: {device}, {regime}")


def _layer_table(sums: Sequence[PredictedWorkload], title: str) -> Table:
    """Every layer once, however many models have it, with all providers' times side by side."""
    providers = list(dict.fromkeys(each.provider for each in sums))
    times: dict[tuple[str, str, str], dict[str, str]] = {}
    for each in sums:
        for layer in each.layers:
            row = times.setdefault((layer.op, size_text(layer.shape), each.dtype), {})
            row[each.provider] = f"{time_text(layer.seconds)} ({layer.bound_by})"
    columns = (
        Column("op", Kind.NAME, is_shared=True), Column("shape", Kind.NAME), Column("dtype", Kind.NAME, goes=1),
        *(Column(name) for name in providers),
    )  # fmt: skip
    ordered = sorted(times.items(), key=lambda each: each[0][0])
    lines = tuple((*key, *(row.get(name, MISSING) for name in providers)) for key, row in ordered)
    return Table(title, columns, lines, sections=sections((key[0],) for key, _ in ordered))


def show_workloads(found: Sequence[PredictedWorkload], console: Console) -> None:
    """Print the tables, and what their words mean."""
    console.print(Text(SAVED, style="bold"))
    for each in workload_tables(found):
        table.show(each, console)
    console.print(Text(LEGEND))


def workloads_to_markdown(found: Sequence[PredictedWorkload]) -> str:
    """The same as Markdown."""
    lines = [f"{SAVED}.", ""]
    for each in workload_tables(found):
        lines += [*table.to_markdown(each), ""]
    return "\n".join([*lines, LEGEND])

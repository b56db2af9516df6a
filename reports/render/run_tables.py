"""The tables of a run beside those of its times: means of speed-ups, what was not timed, what its marks mean."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store.records import Run
from reports.analysis.ratios import BASELINE
from reports.analysis.speedups import standings
from reports.analysis.summary import TimedGroup, folded
from reports.analysis.workloads import WorkloadTime, spared_memory, workload_times
from reports.render.table import Column, Kind, Table, sections, words
from reports.text import wording
from reports.text.formatting import MISSING, bytes_text, percent, significant, time_text

SPEEDUPS = (
    f"speed-up over {BASELINE}: geometric mean of the cases in which neither side carries a mark against its times"
)
VALIDATED = "validated: right, and not timed, as there is no GPU"
NOT_MEASURED = "not measured"
WORKLOADS = (
    "what swapping the kernel would save: the ELUs of one pass through a model, each layer's median time as often as "
    "it occurs, summed; ±%: as if all layers erred together. Last comes a small model of that kind as a whole, one "
    "call of it, with its peak of memory; triton: with its ELUs fused"
)
SPARED = "memory that fusing bias + ELU spares, computed from shapes: the tensors x + bias of one forward pass"


def speedup_table(timed: Sequence[TimedGroup], title: str = SPEEDUPS) -> Table:
    """Each provider's mean in each op."""
    return Table(
        title,
        (
            *words("op", "provider", kind=Kind.NAME),
            Column("cases"),
            *(Column(name, goes=2) for name in ("faster", "slower")),
            Column("mean"),
            *(Column(name, goes=1) for name in ("least", "most")),
        ),
        tuple(
            (each.name, each.provider, str(each.cases), str(each.faster), str(each.slower),
             f"{each.mean:.2f}", f"{each.least:.2f}", f"{each.most:.2f}")
            for each in standings(timed)
        ),
    )  # fmt: skip


def workload_table(run: Run, title: str = WORKLOADS) -> Table:
    """Each provider's time for all ELUs of each model, where it was timed on all of them."""
    found = workload_times(run)
    kind = Kind.NAME  # a sweep may be anybody's
    shared = tuple(Column(name, kind, is_shared=True) for name in ("model", "dtype", "direction"))
    columns = (
        *shared, Column("provider", kind), Column("time"), Column("±%", goes=4), Column(f"×{BASELINE}"),
        Column("peak", goes=1), Column("calls", goes=2), Column("layers", goes=3), Column("marked", goes=5),
    )  # fmt: skip
    rows = tuple(
        (each.workload.name, each.workload.dtype, _direction(each), each.provider, _time(each),
         percent(each.half_width, 1), MISSING if each.speedup is None else f"{each.speedup:.2f}",
         "" if each.peak_bytes is None else bytes_text(each.peak_bytes), str(each.calls),
         str(each.layers) if each.measured == each.layers else f"{each.measured} of {each.layers}",
         str(each.marked) if each.marked else "")
        for each in found
    )  # fmt: skip
    marks = sections((each.workload.name, each.workload.dtype, _direction(each)) for each in found)
    return Table(title, columns, rows, sections=marks).without_empty("peak", "marked", f"×{BASELINE}")


def _time(time: WorkloadTime) -> str:
    return time_text(time.time_s) if time.outcome == "ok" else time.outcome


def _direction(time: WorkloadTime) -> str:
    return time.direction if time.conditions == "cold" else f"{time.direction} {time.conditions}"


def spared_table(run: Run, title: str = SPARED) -> Table:
    """The memory that fusing spares in each model, which no kernel was asked for."""
    columns = (*words("model", "dtype", kind=Kind.NAME), Column("fused"), Column("largest"), Column("all"))
    rows = tuple(
        (each.workload.name, each.workload.dtype, str(each.calls), bytes_text(each.largest_bytes),
         bytes_text(each.all_bytes))
        for each in spared_memory(run)
    )  # fmt: skip
    return Table(title, columns, rows)


def untimed_table(run: Run, *, validated: bool, title: str | None = None) -> Table:
    """What was validated alone, or was not measured, folded by op, dtype and provider."""
    columns = (
        *words("op", "dtype", "provider", kind=Kind.NAME),
        Column("cases"),
        Column("outcome", Kind.WORD),
        Column("ULP", goes=1),
        Column("remark" if validated else "why (the first of them)", Kind.PROSE),
    )
    rows = tuple(
        (each.op, each.dtype, each.provider, str(each.cases), each.outcome, significant(each.max_ulp, 2),
         wording.why(each))
        for each in folded(run, validated=validated)
    )  # fmt: skip
    by = " and ".join(dict.fromkeys(wording.ran_by(each) for each in run.records if each.outcome == "validated"))
    default = f"{VALIDATED}; run by {by}" if validated else NOT_MEASURED
    made = Table(default if title is None else title, columns, rows)
    return made.without_empty("ULP", "remark", "why (the first of them)")

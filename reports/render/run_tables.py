"""The tables of a run beside those of its times: means of speed-ups, what was not timed, what its marks mean."""

from __future__ import annotations

from collections.abc import Sequence

from harness.store.records import Run
from reports.analysis.ratios import BASELINE
from reports.analysis.speedups import standings
from reports.analysis.summary import TimedGroup, folded
from reports.render.table import Column, Kind, Table, words
from reports.text import wording
from reports.text.formatting import significant

SPEEDUPS = (
    f"speed-up over {BASELINE}: geometric mean of the cases in which neither side carries a mark against its times"
)
VALIDATED = "validated: right, and not timed, as there is no GPU"
NOT_MEASURED = "not measured"


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

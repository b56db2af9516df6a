"""Ceilings and points of the roofline: what this device attained in this run, and where the providers are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.records import Record, Run
from reports.figures.naming import dtype_order, variant_text
from reports.summary import Group


@dataclass(frozen=True)
class Ceiling:
    """A measured ceiling: of memory or a cache in GB/s, a slope; or of arithmetic in GFLOP/s, a flat line."""

    level: str  # "memory", "cache" or "arithmetic"
    name: str  # the traffic mix, or what did the arithmetic
    value: float


@dataclass(frozen=True)
class Spot:
    """One provider in one variant and dtype of an op, at its largest working set."""

    op: str
    variant: str
    dtype: str
    provider: str
    record: Record

    @property
    def intensity(self) -> float:
        """FLOP of the formula per byte that the op cannot avoid to move."""
        return self.record.flops / self.record.bytes_moved

    @property
    def gflops(self) -> float:
        assert self.record.median_s is not None
        return self.record.flops / self.record.median_s / 1e9


def ceilings(run: Run) -> list[Ceiling]:
    """The highest roof of each traffic mix, by whether its data came from memory or stayed in a cache."""
    best: dict[tuple[str, str], float] = {}
    for record in run.records:
        if record.role != "roof" or record.roof_gbps is None or record.roof is None:
            continue
        level = "cache" if record.regime == "warm" else "memory"
        key = (level, record.roof)
        best[key] = max(best.get(key, 0.0), record.roof_gbps)
    return [Ceiling(level, mix, value) for (level, mix), value in sorted(best.items())]


def spots(timed: Iterable[Group]) -> list[Spot]:
    """The largest timed case of each group and provider; a working set in memory where there is one."""
    found: dict[tuple[str, str, str, str], Record] = {}
    for group in timed:
        if group.regime != "cold":
            continue
        for row in group.rows:
            record = row.record
            if record.role == "provider" and record.flops:
                key = (group.op, variant_text(group), group.dtype, record.provider)
                if key not in found or record.bytes_moved > found[key].bytes_moved:
                    found[key] = record
    ordered = sorted(found.items(), key=lambda item: (item[0][0], dtype_order(item[0][2]), item[0]))
    return [Spot(*key, record) for key, record in ordered]

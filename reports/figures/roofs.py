"""Ceilings and points of the roofline: what this device attained in this run, and where the providers are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.store.records import Record, Run
from harness.store.vocabulary import Mix
from harness.timing.estimators import attained
from reports.analysis.summary import TimedGroup
from reports.figures.naming import dtype_order, variant_text


@dataclass(frozen=True)
class MeasuredCeiling:
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


def ceilings(run: Run) -> list[MeasuredCeiling]:
    """The highest roof of each traffic mix that an op has, by the level of memory that its data came from.

    Where the run has a product of matrices, what it attained is the ceiling of arithmetic.
    """
    cache_bytes = run.manifest.device.last_level_cache_bytes
    mixes = {record.roof for record in run.records if record.role == "provider"} - {None}
    best: dict[tuple[str, str], float] = {}
    for record in run.records:
        if record.role != "roof" or not record.samples_s:
            continue
        key: tuple[str, str]
        if record.op == Mix.ARITHMETIC:
            key, value = ("arithmetic", record.provider), record.flops / attained(record.samples_s) / 1e9
        elif record.roof is not None and record.roof in mixes and record.roof_gbps is not None:
            resident = record.regime == "warm" and record.working_set_bytes <= cache_bytes
            key, value = ("cache" if resident else "memory", record.roof), record.roof_gbps
        else:
            continue
        best[key] = max(best.get(key, 0.0), value)
    return [MeasuredCeiling(level, name, value) for (level, name), value in sorted(best.items())]


@dataclass(frozen=True)
class Stream:
    """What the best stream of a mix attained at each working set, in one regime, by size."""

    mix: str
    regime: str  # "cold", "graph" or "warm"
    working_sets: tuple[int, ...]  # bytes
    gbps: tuple[float, ...]


def streams(run: Run) -> list[Stream]:
    """The curves of the roofs over the working set; none where the sweep did not ask for them."""
    best: dict[tuple[str, str], dict[int, float]] = {}
    for record in run.records:
        if record.is_roof_curve and record.roof_gbps is not None and record.op != Mix.ARITHMETIC:
            regime = "warm" if record.regime == "warm" else "cold"
            sizes = best.setdefault((record.op, regime), {})
            sizes[record.working_set_bytes] = max(sizes.get(record.working_set_bytes, 0.0), record.roof_gbps)
    return [
        Stream(mix, regime, tuple(size for size, _ in found), tuple(gbps for _, gbps in found))
        for (mix, regime), sizes in sorted(best.items())
        for found in [sorted(sizes.items())]
    ]


def reach(found: Sequence[Spot], roofs: Sequence[MeasuredCeiling]) -> tuple[float, float]:
    """The intensities that a roofline shows: all spots, and where the steepest slope meets the flat roof.

    But not at the cost of most of the figure: one that lies far to the left of all spots is left out.
    """
    intensities = [spot.intensity for spot in found]
    low, high = min(intensities) / 1.8, max(intensities) * 2.2
    flat = [roof.value for roof in roofs if roof.level == "arithmetic"]
    slopes = [roof.value for roof in roofs if roof.level != "arithmetic"]
    ridge = max(flat) / max(slopes) if flat and slopes else low
    return max(min(low, ridge / 1.8), low / 20), high


def spots(timed: Iterable[TimedGroup]) -> list[Spot]:
    """The largest timed case of each group and provider; a working set in memory where there is one."""
    found: dict[tuple[str, str, str, str], Record] = {}
    for group in timed:
        if group.regime != "cold":
            continue
        variant = variant_text(group)
        for row in group.rows:
            record = row.record
            if record.role == "provider" and record.flops:
                key = (group.op, variant, group.dtype, record.provider)
                if key not in found or record.bytes_moved > found[key].bytes_moved:
                    found[key] = record
    ordered = sorted(found.items(), key=lambda item: (item[0][0], dtype_order(item[0][2]), item[0]))
    return [Spot(*key, record) for key, record in ordered]

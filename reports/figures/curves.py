"""The points of a bandwidth curve, thinned where a run has more sizes than a figure can show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.store.records import Record
from harness.timing.estimators import median

MOST_POINTS = 48


@dataclass(frozen=True)
class CurvePoint:
    """Bandwidth at a working set, with its 95% interval; of one case, or the median of `cases` of about a size."""

    bytes_moved: float
    gbps: float
    low_gbps: float
    high_gbps: float
    is_valid: bool  # no mark on it
    cases: int


def point_of(record: Record) -> CurvePoint | None:
    """The point of a timed record. None where it has no time."""
    if record.median_s is None or not record.bytes_moved:
        return None
    slow, fast = (record.ci95_s[1], record.ci95_s[0]) if record.ci95_s else (record.median_s, record.median_s)
    middle, low, high = (record.bytes_moved / time_s / 1e9 for time_s in (record.median_s, slow, fast))
    return CurvePoint(record.bytes_moved, middle, low, high, is_valid=not record.doubts, cases=1)


def curve(records: Iterable[Record]) -> list[CurvePoint]:
    """The points of `records` by size: each its own, or where they are too many, medians over equal steps of size."""
    points = sorted((p for r in records if (p := point_of(r)) is not None), key=lambda point: point.bytes_moved)
    if len(points) <= MOST_POINTS:
        return points
    low, high = (math.log2(points[end].bytes_moved) for end in (0, -1))
    step = (high - low) / (MOST_POINTS - 1) or 1.0
    bins: dict[int, list[CurvePoint]] = {}
    for point in points:
        bins.setdefault(round((math.log2(point.bytes_moved) - low) / step), []).append(point)
    return [_merged(each) for each in bins.values()]


def _merged(points: list[CurvePoint]) -> CurvePoint:
    return CurvePoint(
        bytes_moved=median([point.bytes_moved for point in points]),
        gbps=median([point.gbps for point in points]),
        low_gbps=min(point.low_gbps for point in points),
        high_gbps=max(point.high_gbps for point in points),
        is_valid=all(point.is_valid for point in points),
        cases=len(points),
    )

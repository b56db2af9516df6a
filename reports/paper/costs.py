"""What activations cost, from the sweep inside a claims run: times, and their ratios to that of ELU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.ops.catalogue import ACTIVATIONS
from harness.store.records import Record, Run
from harness.timing.estimators import unpaired_ratio
from reports.paper.number_text import Number
from reports.paper.paired import Interval

PASSES = ("forward", "forward + backward")


@dataclass(frozen=True)
class Cost:
    """The time of one activation at one shape, by the fastest valid provider; forward + backward is their sum.

    `marks` are against its validity, where there is no provider without one (reports.analysis.summary.FLAGS).
    """

    op: str
    shape: tuple[int, ...]
    passes: str
    provider: str
    time_s: float
    ci95_s: Interval
    bytes_moved: int
    roof_fraction: float | None
    marks: tuple[str, ...]
    noise_floor: float  # the A/A noise of its cases

    @property
    def is_certain(self) -> bool:
        """Whether nothing but the kernel decided the time: an interval does not know of what lasted all the while."""
        return not _DISTURBING & set(self.marks)


_DISTURBING = {"over_roof", "throttled", "disturbed", "noisy_neighbour", "drifting", "frequency_step"}


def costs(run: Run | None) -> list[Cost]:
    """Every cost that the sweep measured, by shape, pass and op."""
    if run is None:
        return []
    shapes = sorted({record.shape for record in run.records}, key=lambda shape: (-len(shape), shape))
    return [
        cost for shape in shapes for passes in PASSES for op in ACTIVATIONS for cost in _cost(run, op, shape, passes)
    ]


def parts_of(op: str, passes: str) -> tuple[str, ...]:
    """The ops whose costs add up to that of an activation's passes."""
    return (op,) if passes == "forward" else (op, f"{op}_backward")


def _cost(run: Run, op: str, shape: tuple[int, ...], passes: str) -> Iterator[Cost]:
    best = [_fastest(run, part, shape) for part in parts_of(op, passes)]
    found = [record for record in best if record is not None]
    if len(found) < len(best):
        return
    moved = sum(record.bytes_moved for record in found)
    roof_s = [r.bytes_moved / r.roof_gbps / 1e9 if r.roof_gbps else None for r in found]
    time_s = sum(record.median_s or 0.0 for record in found)
    low, high = (sum(record.ci95_s[end] for record in found if record.ci95_s) for end in (0, 1))
    fraction = None if None in roof_s else sum(each or 0.0 for each in roof_s) / time_s
    providers = " + ".join(dict.fromkeys(record.provider for record in found))
    marks = tuple(dict.fromkeys(flag for record in found for flag in record.flags))
    noise = max(record.noise_floor or 0.0 for record in found)
    yield Cost(op, shape, passes, providers, time_s, (low, high), moved, fraction, marks, noise)


def _fastest(run: Run, op: str, shape: tuple[int, ...]) -> Record | None:
    valid = [
        record
        for record in run.records
        if (record.op, record.shape, record.role, record.outcome) == (op, shape, "provider", "ok")
        and record.median_s and record.ci95_s
    ]  # fmt: skip
    return min(valid, key=lambda record: (bool(record.doubts), record.median_s), default=None)


def over_elu(found: Sequence[Cost], cost: Cost) -> Number:
    """The time of `cost` over that of ELU at the same shape; without an interval where one of them was disturbed."""
    ours = _elu_beside(found, cost)
    if ours is None:
        return Number(None, None)
    quotient = unpaired_ratio(cost.time_s, cost.ci95_s, ours.time_s, ours.ci95_s)
    is_certain = ours.is_certain and cost.is_certain
    interval = (quotient.low, quotient.high) if quotient is not None and is_certain else None
    return Number(cost.time_s / ours.time_s, interval)


def _elu_beside(found: Sequence[Cost], cost: Cost) -> Cost | None:
    wanted = ("elu", cost.shape, cost.passes)
    return next((each for each in found if (each.op, each.shape, each.passes) == wanted), None)

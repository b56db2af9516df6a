"""The ratio of two records' times: the one place that says how it is estimated.

It is the median, over the rounds that the two share, of the one's time over the other's in the same round, with the
95% interval of that median (`harness.timing.estimators.paired_ratio`). The speed-up of a record over the baseline is
the inverse.
"""

from __future__ import annotations

from typing import Any

from harness.store.records import Record
from harness.store.vocabulary import Regime, Verdict
from harness.timing.estimators import Ratio, paired_ratio, unpaired_ratio, verdict

BASELINE = "eager"


def time_over_baseline(record: Record, baseline: Record) -> Ratio | None:
    """A record's time over that of the baseline of its case, in one run: as stored, by pairs of the same round.

    Where the two did not take turns, the ratio of their medians, with the interval that those of the medians give.
    None where there are too few samples for an interval.
    """
    if record is baseline:
        return Ratio(1.0, 1.0, 1.0)
    return _stored(record, baseline) or _of_medians(record, baseline)


def ratio_between(a: Record, b: Record) -> Ratio | None:
    """The time of `b` over that of `a`, with its interval; both from one run or each from its own.

    Two providers of one run have their paired ratio stored. Otherwise, with as many samples on both sides, by pairs:
    of two runs the n-th samples are independent, or share what happens as a run goes on, and pairs are right for
    both. With different numbers of samples, from the intervals of the two medians.
    """
    if (known := _stored(b, a)) is not None:
        return known
    if (known := _stored(a, b)) is not None:
        return known.inverse
    if a.samples_s and len(a.samples_s) == len(b.samples_s):
        return paired_ratio(b.samples_s, a.samples_s, b.seed or 0)
    return _of_medians(b, a)


def _stored(record: Record, other: Record) -> Ratio | None:
    """The stored ratio of a record's time over the other's, of another provider in the same run; None: no such."""
    if record.provider == other.provider or record.baseline != other.provider or record.ratio_ci95 is None:
        return None
    return None if record.ratio is None else Ratio(record.ratio, *record.ratio_ci95)


def _of_medians(record: Record, other: Record) -> Ratio | None:
    if record.median_s is None or other.median_s is None:
        return None
    return unpaired_ratio(record.median_s, record.ci95_s, other.median_s, other.ci95_s)


def verdict_on(first: Record, second: Record, ratio: Ratio | None, noise_floor: float | None) -> tuple[Verdict, str]:
    """What can be claimed of `ratio`, the second's time over the first's; and why nothing can, where a clock is why.

    A difference has to hold in seconds and in cycles of the SM's clock, which is that of the time if both were timed at
    one clock, as in one run. Else it may be the clock's.
    """
    found = verdict(ratio, noise_floor)
    if found not in (Verdict.FASTER, Verdict.SLOWER) or ratio is None or first.regime == Regime.HOST:
        return found, ""
    a, b = sm_clock_mhz(first), sm_clock_mhz(second)
    if not a or not b:
        return found, ""
    scale = b / a
    in_cycles = verdict(Ratio(ratio.ratio * scale, ratio.low * scale, ratio.high * scale), noise_floor)
    if in_cycles == found:
        return found, ""
    return Verdict.UNDECIDED, f"{found} in seconds, {in_cycles} in cycles: an SM clock of {a:.0f}, then {b:.0f} MHz"


def sm_clock_mhz(record: Record) -> float | None:
    """The SM's clock while a record was timed; in older runs, right after it."""
    return record.sm_clock.median_mhz if record.sm_clock else _clock_after(record, "sm_clock_mhz")


def memory_clock_mhz(record: Record) -> float | None:
    """The memory's clock while a record was timed; in older runs, right after it."""
    return record.memory_clock.median_mhz if record.memory_clock else _clock_after(record, "memory_clock_mhz")


def _clock_after(record: Record, name: str) -> float | None:
    content: Any = record.health
    for key in ("gpu", "after", name):
        content = content.get(key) if isinstance(content, dict) else None
    return float(content) if isinstance(content, (int, float)) and content > 0 else None


def are_unmarked(a: Record, b: Record) -> bool:
    """Whether a ratio of the two counts in a mean: where neither carries a mark against its validity."""
    return not a.doubts and not b.doubts

"""The ratio of two records' times: the one place that says how it is estimated.

It is the median, over the rounds that the two share, of the one's time over the other's in the same round, with the
95% interval of that median (`harness.timing.estimators.paired_ratio`). The speed-up of a record over the baseline is
the inverse.
"""

from __future__ import annotations

from harness.store.records import Record
from harness.timing.estimators import Ratio, paired_ratio, unpaired_ratio

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


def are_unmarked(a: Record, b: Record) -> bool:
    """Whether a ratio of the two counts in a mean: where neither carries a mark against its validity."""
    return not a.doubts and not b.doubts

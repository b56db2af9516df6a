"""The text of a point under the pointer: case, provider, time with its interval, validity. Plotly's markup."""

from __future__ import annotations

import html

from harness.store.records import Record
from harness.timing.estimators import Ratio
from reports.analysis.summary import FLAGS, TimedRow
from reports.figures.curves import CurvePoint
from reports.text.formatting import bytes_text, percent, printable, significant, size_text, time_text


def row_text(row: TimedRow) -> str:
    """A timed row, in lines. Plotly takes some HTML for markup, so names from outside are escaped."""
    record = row.record
    on = f" on {_safe(row.device)}" if row.device else ""
    lines = [f"<b>{_safe(record.provider)}</b>{on}", _safe(f"{record.op} {size_text(record.shape)} {record.dtype}")]
    lines.append(f"{time_text(record.median_s)}{_interval(record)}")
    rate = f"{significant(record.bandwidth_gbps)} GB/s"
    if row.roof_fraction is not None:
        rate += f", {percent(row.roof_fraction)}% of the roof's {significant(record.roof_gbps)}"
    lines.append(rate)
    if row.speedup is not None and row.verdict is not None:
        lines.append(f"{row.speedup.ratio:.2f}× eager{interval_text(row.speedup)}: {_safe(row.verdict)}")
    lines.append(validity_text(record))
    return "<br>".join(lines)


def merged_text(provider: str, point: CurvePoint) -> str:
    """A point that stands for many cases."""
    return (
        f"<b>{_safe(provider)}</b><br>median of {point.cases} cases of about {bytes_text(point.bytes_moved)}"
        f"<br>{significant(point.gbps)} GB/s, intervals from {significant(point.low_gbps)} "
        f"to {significant(point.high_gbps)}<br>{'valid' if point.is_valid else 'some carry a mark against their times'}"
    )


def validity_text(record: Record) -> str:
    """ "valid", or what is against the row."""
    if not record.doubts:
        return f"valid, {_safe(str(record.regime))}, {len(record.samples_s)} samples"
    return "not valid: " + "; ".join(_safe(FLAGS[flag][1] if flag in FLAGS else flag) for flag in record.doubts)


def _interval(record: Record) -> str:
    if record.ci95_s is None:
        return " (no interval)"
    return f" (95%: {time_text(record.ci95_s[0])} to {time_text(record.ci95_s[1])})"


def interval_text(speedup: Ratio) -> str:
    """The interval of a speed-up, as what follows its number."""
    return f" (95%: {speedup.low:.2f} to {speedup.high:.2f})"


def _safe(text: str) -> str:
    return html.escape(printable(text, 120))

"""The page's table, stored by column: small enough that 100,000 rows fit into a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from harness.ops.catalogue import OPS
from harness.store.records import Record, Run
from reports.analysis.fleet import is_fleet, labels
from reports.analysis.ratios import BASELINE
from reports.analysis.summary import TimedGroup, TimedRow
from reports.text.formatting import layout_text, params_text, printable, size_text

# Columns of text are stored as places in a list of their distinct values.
TEXTS = (
    "op",
    "variant",
    "dtype",
    "size",
    "provider",
    "roof",
    "regime",
    "outcome",
    "verdict",
    "flags",
    "doubts",
    "reason",
)
NUMBERS = ("elements", "bytes", "time_us", "low_us", "high_us", "gbps", "roof_percent", "roof_gbps", "speedup",
           "speedup_low", "speedup_high", "max_ulp", "energy_mj")  # fmt: skip


def columns(run: Run, timed: Sequence[TimedGroup]) -> dict[str, Any]:
    """Every provider's record of a run, timed or not, in the order of the run; without samples.

    Those of a fleet have one column more, the device, and those of one case and provider stand beside each other.
    """
    rows = {id(row.record): row for group in timed for row in group.rows}
    records = [record for record in run.records if record.role == "provider"]
    if is_fleet(run):
        records = _side_by_side(records)
    texts = [_texts(record, rows.get(id(record))) for record in records]
    numbers = [_numbers(record, rows.get(id(record))) for record in records]
    devices = {"device": _coded(map(labels(run), records))} if is_fleet(run) else {}
    return {
        "count": len(records),
        "texts": {name: _coded(each[n] for each in texts) for n, name in enumerate(TEXTS)} | devices,
        "numbers": {name: [_short(each[n]) for each in numbers] for n, name in enumerate(NUMBERS)},
    }


def _side_by_side(records: list[Record]) -> list[Record]:
    """The records with the devices of each case and provider together; else in the order in which they first occur."""
    together: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        together.setdefault(record.case_key, {}).setdefault(record.provider, []).append(record)
    return [record for providers in together.values() for alike in providers.values() for record in alike]


def _texts(record: Record, row: TimedRow | None) -> tuple[str, ...]:
    defaults = OPS[record.op].params if record.op in OPS else {}
    layout = layout_text(record.layout, record.data)
    variant = " ".join(part for part in (params_text(record.params, defaults), layout) if part)
    return (
        record.op,
        variant,
        record.dtype,
        size_text(record.shape),
        record.provider,
        row.roof.provider if row is not None and row.roof is not None else "",
        record.regime or "",
        record.outcome,
        (row.verdict or "") if row is not None and record.provider != BASELINE else "",
        " ".join(record.flags),
        " ".join(record.doubts),
        (record.reason or "") + (f", at {record.worst_input}" if record.reason and record.worst_input else ""),
    )


def _numbers(record: Record, row: TimedRow | None) -> tuple[float | None, ...]:
    low, high = record.ci95_s or (None, None)
    fraction = row.roof_fraction if row is not None else None
    speedup = row.speedup if row is not None else None
    return (
        record.elements,
        record.bytes_moved,
        _scaled(record.median_s, 1e6),
        _scaled(low, 1e6),
        _scaled(high, 1e6),
        record.bandwidth_gbps,
        _scaled(fraction, 100),
        record.roof_gbps,
        *((speedup.ratio, speedup.low, speedup.high) if speedup is not None else (None, None, None)),
        record.max_ulp,
        _scaled(record.energy_j, 1e3),
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _short(value: float | None) -> float | None:
    """Four significant digits; whole numbers stay whole."""
    if value is None or isinstance(value, int):
        return value
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 2**53 else short


def _coded(texts: Iterable[str]) -> dict[str, Any]:
    """Each text as its place among the distinct ones, which are made printable."""
    values: dict[str, int] = {}
    code_of: dict[str, int] = {}
    codes = []
    for text in texts:
        if text not in code_of:
            code_of[text] = values.setdefault(printable(text), len(values))
        codes.append(code_of[text])
    return {"values": list(values), "codes": codes}


def embedded(content: Any) -> str:
    """JSON that may stand in a <script> element: nothing in it ends the element or begins a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace").decode()

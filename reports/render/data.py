"""A run as tables for programs: `records.csv` for spreadsheets, `records.parquet` for pandas and similar libraries.

Both have a row for each record and its fields as columns, under the names of `harness.store.records.Record`, times in
seconds. Only the Parquet file holds the samples themselves.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.store.records import Record
from reports.render.table import Column, Kind, numbers, to_csv, words

# The types of a record's fields, by name. Words of the vocabulary are text.
_WORDS = re.compile(r"\b(Cause|Outcome|Role|Regime|Mix|Flag|Flush)\b")
_FIELDS = {field.name: _WORDS.sub("str", str(field.type)) for field in dataclasses.fields(Record)}
_APART = ("samples_s", "ci95_s", "placement")  # fields that become other columns in CSV
_WHICH = ("node", "uuid", "driver")  # of harness.device.placement.Placement
_BATCH = 5_000  # records: a file is written in pieces of some ten megabytes


class MissingLibrary(ValueError):
    """An optional library is not installed; the message names it and what to do."""


def write_csv(records: Iterable[Record], path: Path) -> None:
    """One row for each record, the samples as their number.

    Text that a spreadsheet would take for a formula has a `'` before it, and control characters are written as
    escapes; parameters and the device's health are JSON; flags are separated by spaces, sizes by x. Which device of
    its model it was has columns of its own.
    """
    cells = {name: _csv_cell(name, kind) for name, kind in _FIELDS.items() if name not in _APART}
    columns = [Column(name, Kind.NUMBER if _is_number(_FIELDS[name]) else Kind.NAME) for name in cells]

    def row(record: Record) -> list[Any]:
        low, high = record.ci95_s or (None, None)
        which = [getattr(record.placement, name, None) for name in _WHICH]
        plain = (cell(getattr(record, name)) for name, cell in cells.items())
        return [*plain, *which, low, high, len(record.samples_s)]

    with path.open("w", encoding="utf-8", newline="") as file:
        columns += words(*_WHICH, kind=Kind.NAME)
        to_csv((*columns, *numbers("ci95_low_s", "ci95_high_s", "samples")), map(row, records), file)


def write_parquet(records: Iterable[Record], path: Path) -> None:
    """One row for each record, with lists as lists and parameters and the device's health as JSON.

    Raises MissingLibrary where pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingLibrary("records.parquet needs pyarrow: pip install pyarrow") from None

    types = {
        "int": arrow.int64(),
        "float": arrow.float64(),
        "str": arrow.string(),
        "tuple[float, ...]": arrow.list_(arrow.float64()),
        "tuple[float, float]": arrow.list_(arrow.float64()),
        "tuple[int, ...]": arrow.list_(arrow.int64()),
        "tuple[str, ...]": arrow.list_(arrow.string()),
    }
    kinds = {name: kind.removesuffix(" | None") for name, kind in _FIELDS.items()}
    schema = arrow.schema([(name, types.get(kind, arrow.string())) for name, kind in kinds.items()])
    remaining = iter(records)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(remaining, _BATCH)):
            columns = [_column(batch, name, kind, kind in types) for name, kind in kinds.items()]
            writer.write_table(arrow.table(columns, schema=schema))


def _column(batch: list[Record], name: str, kind: str, is_plain: bool) -> list[Any]:
    values = [getattr(record, name) for record in batch]
    if not is_plain:
        return [_json(value) for value in values]
    if kind == "str":
        return [None if value is None else _utf8(value) for value in values]
    if kind == "tuple[str, ...]":
        return [[_utf8(item) for item in value] for value in values]
    return values


def _csv_cell(name: str, kind: str) -> Callable[[Any], Any]:
    """What turns a field into its cell; text, numbers and None are written as they are."""
    if name == "shape":
        return lambda shape: "x".join(map(str, shape))
    if kind.startswith("tuple[str"):
        return " ".join
    return (lambda value: value) if kind.startswith("str") or _is_number(kind) else _json


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "float"))


def _json(content: Any) -> str:
    is_row = dataclasses.is_dataclass(content) and not isinstance(content, type)
    plain = dataclasses.asdict(content) if is_row else content
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def _utf8(text: str) -> str:
    """Text without lone surrogates, which JSON can spell and UTF-8 cannot."""
    return text.encode("utf-8", "backslashreplace").decode()

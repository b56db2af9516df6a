"""The columns of timed rows, each defined once, and which of them a terminal, Markdown, LaTeX and the page show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reports.analysis.ratios import BASELINE
from reports.analysis.summary import FLAGS, TimedGroup, TimedRow
from reports.render.table import Column, Kind, Table, sections
from reports.text import wording
from reports.text.formatting import (
    MISSING,
    percent,
    printable,
    significant,
    size_text,
    time_interval_text,
    time_text,
)  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """A column of timed rows, and how its text follows from a row."""

    column: Column
    text: Callable[[TimedRow], str]


class Heading(NamedTuple):
    """A column of the page's own table, which a script fills and sorts: by this column of its data."""

    name: str
    key: str
    is_right: bool


def _provider(row: TimedRow) -> str:
    return f"roof: {row.record.provider}" if row.record.role == "roof" else row.record.provider


def _verdict(row: TimedRow) -> str:
    """In words where devices stand beside each other; in the table of one, the speed-up has a sign."""
    return (row.verdict or "") if row.device and row.record.provider != BASELINE else ""


def _ulp(row: TimedRow) -> str:
    return MISSING if row.record.role == "roof" else significant(row.record.max_ulp, 2)


def _marks(row: TimedRow) -> str:
    return "".join(FLAGS[flag][0] if flag in FLAGS else f" {printable(flag, 20)}" for flag in row.record.flags)


def _validity(row: TimedRow) -> str:
    return "; ".join(FLAGS[flag][1] if flag in FLAGS else flag for flag in row.record.flags)


def _time_with_interval(row: TimedRow) -> str:
    assert row.record.median_s is not None and row.record.ci95_s is not None
    return time_interval_text(row.record.median_s, row.record.ci95_s)


def _share(row: TimedRow) -> str:
    if row.roof_fraction is None:
        return MISSING
    return f"{percent(row.roof_fraction)} of {significant(row.record.roof_gbps)}"


def speedup_with_interval(row: TimedRow) -> str:
    """A speed-up as it is quoted: in parentheses where it is not told apart from 1."""
    if row.record.provider == BASELINE or row.speedup is None:
        return MISSING if row.speedup is None else "1"
    text = f"{row.speedup.ratio:.2f} [{row.speedup.low:.2f}, {row.speedup.high:.2f}]"
    return text if row.verdict in ("faster", "slower") else f"({text})"


def _energy(row: TimedRow) -> str:
    return MISSING if row.record.energy_j is None else significant(row.record.energy_j * 1e3)


def _energy_of_bytes(row: TimedRow) -> str:
    """Millijoules for each 1e9 bytes of the fewest that are moved."""
    energy_j, moved = row.record.energy_j, row.record.bytes_moved
    return MISSING if energy_j is None or not moved else significant(energy_j * 1e3 / (moved / 1e9))


_SPEEDUP = f"×{BASELINE}"
ENERGY = "mJ per call"  # in LaTeX, where the run has it
COLUMNS: tuple[Timed, ...] = (
    Timed(Column("size", Kind.WORD, is_shared=True), lambda row: size_text(row.record.shape)),
    Timed(Column("provider", Kind.NAME, is_shared=True, longest=20), _provider),
    Timed(Column("device", Kind.NAME), lambda row: row.device),  # where a run has several
    Timed(Column("time"), lambda row: time_text(row.record.median_s)),
    Timed(Column("time [95% interval]"), _time_with_interval),
    Timed(Column("±%", goes=4), lambda row: percent(row.half_width, 1)),
    Timed(Column("Gelem/s", goes=7), lambda row: significant(row.elements_per_s / 1e9)),
    Timed(Column("GB/s", goes=2), lambda row: significant(row.record.bandwidth_gbps)),
    Timed(Column("%roof", goes=3), lambda row: percent(row.roof_fraction)),
    Timed(Column("roof GB/s", goes=6), lambda row: significant(row.record.roof_gbps)),
    Timed(Column("% of roof"), _share),
    Timed(Column(_SPEEDUP, goes=1), wording.speedup),
    Timed(Column("speed-up"), speedup_with_interval),
    Timed(Column("verdict", Kind.WORD, goes=4), _verdict),
    Timed(Column("ULP", goes=5), _ulp),
    Timed(Column("mJ", goes=8), _energy),
    Timed(Column("mJ/GB", goes=9), _energy_of_bytes),
    Timed(Column(ENERGY), _energy),
    Timed(Column("marks", Kind.WORD), _marks),
    Timed(Column("validity", Kind.PROSE), _validity),
)
_SHOWN = ("size", "provider", "device", "time", "±%", "Gelem/s", "GB/s", "%roof", "roof GB/s", _SPEEDUP, "verdict",
          "ULP", "mJ", "mJ/GB")  # fmt: skip
TERMINAL, MARKDOWN = (*_SHOWN, "marks"), (*_SHOWN, "validity")
LATEX = ("size", "provider", "device", "time [95% interval]", "GB/s", "% of roof", "speed-up")
# The page's table is of all rows at once; its columns by the data that they are sorted by (reports.page.rows).
PAGE = (
    Heading("op", "op", False), Heading("size", "elements", True), Heading("dtype", "dtype", False),
    Heading("provider", "provider", False), Heading("device", "device", False), Heading("time", "time_us", True),
    Heading("GB/s", "gbps", True), Heading("%roof", "roof_percent", True), Heading(_SPEEDUP, "speedup", True),
    Heading("verdict", "verdict", False), Heading("ULP", "max_ulp", True), Heading("mJ", "energy_mj", True),
    Heading("validity", "outcome", False),
)  # fmt: skip


def timed_table(group: TimedGroup, names: Sequence[str], title: str | None = None) -> Table:
    """The rows of a group under the named columns; that of marks only where there are any."""
    by_name = {each.column.name: each for each in COLUMNS}
    chosen = [by_name[name] for name in names]
    return Table(
        wording.title(group) if title is None else title,
        tuple(each.column for each in chosen),
        tuple(tuple(each.text(row) for each in chosen) for row in group.rows),
        dim=frozenset(number for number, row in enumerate(group.rows) if row.record.role == "roof"),
        sections=sections(row.record.shape for row in group.rows),
    ).without_empty("device", "marks", _SPEEDUP, "verdict", "%roof", "roof GB/s", "mJ", "mJ/GB")

"""One table, and its renderers: for a terminal (rich), Markdown, LaTeX, HTML and CSV.

A table holds text as it is; each renderer makes harmless what came from outside, by the kind of its column.
"""

from __future__ import annotations

import csv
import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import IO, Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from reports.text.escaping import csv_text, latex, markdown_code, markdown_text
from reports.text.formatting import MISSING, printable

_LEAST_PROSE = 16  # characters of a line of prose that is still read with ease
_LONGEST_CELL = 300
_LONGEST_LINE = 60  # characters that a page does not wrap


class Kind(Enum):
    """What the cells of a column hold, which decides how they are aligned and escaped."""

    NUMBER = auto()  # ours; set to the right, never cut or wrapped
    WORD = auto()  # ours; set to the left
    NAME = auto()  # from outside: code in Markdown
    PROSE = auto()  # sentences, with names from outside in them


@dataclass(frozen=True)
class Column:
    """One column. `goes` above 0: it is left out where a terminal is too narrow, the one with the greatest first."""

    name: str
    kind: Kind = Kind.NUMBER
    goes: int = 0
    is_shared: bool = False  # on a terminal, shown once for the rows that have the same in it
    longest: int = _LONGEST_CELL  # characters of a cell on a terminal; wider ones are wrapped
    styles: Mapping[str, str] = field(default_factory=dict)  # of a cell, by how it begins

    @property
    def is_right(self) -> bool:
        """Whether it is set to the right."""
        return self.kind is Kind.NUMBER

    def style(self, cell: str) -> str:
        """How a cell is set off, in rich's words; empty: it is not."""
        return next((style for start, style in self.styles.items() if cell.startswith(start)), "")


# What gives way in width, in this order, and down to how many characters. Numbers never do.
_GIVING_WAY = (
    (Kind.PROSE, _LEAST_PROSE),
    (Kind.NAME, 8),
    (Kind.WORD, 6),
    (Kind.PROSE, 1),
    (Kind.NAME, 1),
    (Kind.WORD, 1),
)


def words(*names: str, kind: Kind = Kind.WORD) -> tuple[Column, ...]:
    """Columns of one kind that are set to the left."""
    return tuple(Column(name, kind) for name in names)


def sections(keys: Iterable[object]) -> frozenset[int]:
    """The rows at which a section begins: where the key of a row is not that of the row above."""
    listed = list(keys)
    return frozenset(place for place in range(1, len(listed)) if listed[place] != listed[place - 1])


def numbers(*names: str) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(Column(name) for name in names)


@dataclass(frozen=True)
class Table:
    """A table of text: a title above, columns, rows, and notes below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    dim: frozenset[int] = frozenset()  # rows that stand behind the others
    sections: frozenset[int] = frozenset()  # rows that have some space above them

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of {self.title!r} has not {len(self.columns)} cells")

    def without(self, *names: str) -> Table:
        """The table less some columns."""
        kept = [place for place, column in enumerate(self.columns) if column.name not in names]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in kept),
            rows=tuple(tuple(row[place] for place in kept) for row in self.rows),
        )

    def without_empty(self, *names: str) -> Table:
        """The table less those of the named columns that say nothing in any row."""
        cells = {column.name: {row[place] for row in self.rows} for place, column in enumerate(self.columns)}
        return self.without(*(name for name in names if cells.get(name, set()) <= {"", MISSING}))


# A terminal


def show(table: Table, console: Console) -> None:
    """Print a table below an empty line; nothing of a table that has neither rows nor notes."""
    if table.rows or (table.notes and table.title):
        console.print()
        console.print(to_rich(table, console.width))


def to_rich(table: Table, width: int) -> Group:
    """A table that is at most `width` wide. Where it has no room columns go, and a line below says which."""
    fitted, padding = _fitted(table, width)
    names = {column.name for column in fitted.columns}
    gone = [column.name for column in table.columns if column.name not in names]
    made = RichTable(box=SIMPLE_HEAD, show_edge=False, padding=(0, padding, 0, 0))
    for column, size in zip(fitted.columns, _sizes(fitted, width, padding), strict=True):
        made.add_column(
            Text(printable(column.name)), justify="right" if column.is_right else "left", overflow="fold", width=size
        )
    above: tuple[str, ...] = ()
    for number, row in enumerate(fitted.rows):
        if number in table.sections:
            made.add_section()
        cells = (_rich_cell(*each) for each in zip(fitted.columns, row, _hidden(fitted, row, above), strict=True))
        made.add_row(*cells, style="dim" if number in table.dim else None)
        above = row
    below = [Text(printable(note, 2000), style="dim") for note in table.notes]
    if gone:
        below.insert(0, Text(f"left out, as there is no room: {', '.join(map(printable, gone))}", style="dim"))
    title = [Text(printable(table.title, 400), style="bold")] if table.title else []
    return Group(*title, *([made] if table.rows else []), *below)


def _hidden(table: Table, row: tuple[str, ...], above: tuple[str, ...]) -> Iterator[bool]:
    """Which cells of a row say again what stands above them."""
    is_same = bool(above)
    for place, column in enumerate(table.columns):
        is_same = is_same and column.is_shared and row[place] == above[place]
        yield is_same


def _rich_cell(column: Column, cell: str, is_hidden: bool) -> Text:
    if is_hidden:
        return Text("")
    return Text(_shown(column, cell), style=column.style(cell))


def _shown(column: Column, cell: str) -> str:
    return printable(cell, 60 if column.kind is Kind.NAME else _LONGEST_CELL)


def _natural(table: Table) -> list[int]:
    """The width that each column needs to wrap nothing."""
    return [
        min(column.longest, max(map(cell_len, [column.name, *(_shown(column, row[place]) for row in table.rows)])))
        for place, column in enumerate(table.columns)
    ]


def _fitted(table: Table, width: int) -> tuple[Table, int]:
    """The table with the columns that there is room for, and the padding between them."""
    while True:
        sizes = _natural(table)
        # Prose is wrapped before anything else is given up; names and words only where no column can go.
        wanted = sum(
            min(size, _LEAST_PROSE) if column.kind is Kind.PROSE else size
            for column, size in zip(table.columns, sizes, strict=True)
        )
        for padding in (1, 0):
            if wanted + (1 + padding) * len(sizes) - 1 <= width:
                return table, padding
        going = max(table.columns, key=lambda column: column.goes)
        if not going.goes:
            return table, 0
        table = table.without(going.name)


def _sizes(table: Table, width: int, padding: int) -> list[int]:
    """The width of each column. Prose gives way first, then names, then words, the widest before the others."""
    sizes = _natural(table)
    room = width - (1 + padding) * len(sizes) + 1
    for kind, least in _GIVING_WAY:
        places = [place for place, column in enumerate(table.columns) if column.kind is kind]
        while sum(sizes) > room and any(sizes[place] > least for place in places):
            sizes[max(places, key=lambda place: sizes[place])] -= 1
    return sizes


# Markdown


def to_markdown(table: Table, heading: str = "") -> Iterator[str]:
    """The lines of a table: its title as a heading of that mark, or in bold, where there is one; rows; notes."""
    if table.title:
        shown = markdown_code(table.title) if heading else f"**{markdown_text(table.title)}**"
        yield from (f"{heading} {shown}".strip(), "")
    if table.columns:
        yield from markdown_rows(table)
    for note in table.notes:
        yield from ("", markdown_text(note))


def markdown_rows(table: Table) -> Iterator[str]:
    """The lines of a table without its title and notes."""
    yield f"| {' | '.join(column.name for column in table.columns)} |"
    yield f"| {' | '.join('---:' if column.is_right else '---' for column in table.columns)} |"
    for row in table.rows:
        yield f"| {' | '.join(map(_markdown_cell, table.columns, row))} |"


def _markdown_cell(column: Column, cell: str) -> str:
    if column.kind is Kind.NAME:
        return markdown_code(cell.strip()) if cell.strip() else ""
    if column.kind is Kind.PROSE:
        return markdown_text(cell)
    return f"**{cell}**" if "bold" in column.style(cell) else cell


# LaTeX


def latex_row(cells: Iterable[str]) -> str:
    """One row of text, escaped."""
    return " & ".join(map(latex, cells)) + " \\\\"


def latex_head(table: Table) -> list[str]:
    """The rules and the names of the columns, above the rows (package booktabs)."""
    return ["\\toprule", latex_row(column.name for column in table.columns), "\\midrule"]


def latex_columns(table: Table) -> str:
    """What `tabular` is told of the columns."""
    return "".join("r" if column.is_right else "l" for column in table.columns)


def to_latex(table: Table, columns: str = "") -> Iterator[str]:
    """The lines of a `tabular` with booktabs rules, a little space between sections; no title, no notes."""
    yield f"\\begin{{tabular}}{{{columns or latex_columns(table)}}}"
    yield from latex_head(table)
    for number, row in enumerate(table.rows):
        if number in table.sections:
            yield "\\addlinespace"
        yield latex_row(row)
    yield from ("\\bottomrule", "\\end{tabular}")


# HTML and CSV


def to_html(table: Table) -> str:
    """A `<table>` in a box that scrolls, with its title as caption, and its notes below."""
    aligned = [_html_class(column, [row[n] for row in table.rows]) for n, column in enumerate(table.columns)]
    head = "".join(f"<th{a}>{_html(c.name)}</th>" for c, a in zip(table.columns, aligned, strict=True))
    lines = [
        "".join(f"<td{a}>{_html(_shown(c, cell))}</td>" for c, a, cell in zip(table.columns, aligned, row, strict=True))
        for row in table.rows
    ]
    caption = f"<caption>{_html(table.title)}</caption>\n" if table.title else ""
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    notes = "".join(f'\n<p class="note">{_html(note)}</p>' for note in table.notes)
    if not table.rows:
        return f"<h3>{_html(table.title)}</h3>{notes}"
    return (
        f'<div class="scroll">\n<table class="plain">\n{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>{notes}"
    )


def _html_class(column: Column, cells: Iterable[str]) -> str:
    """What the style sheet needs to know: numbers are set to the right, and sentences are wrapped."""
    if column.is_right:
        return ' class="n"'
    return ' class="why"' if max(map(len, cells), default=0) > _LONGEST_LINE else ""


def _html(text: str) -> str:
    return html.escape(printable(text, 2000))


def to_csv(columns: Iterable[Column], rows: Iterable[Iterable[Any]], file: IO[str]) -> None:
    """Rows for a spreadsheet, one by one, for there may be many. Numbers and None are written as they are."""
    writer = csv.writer(file, lineterminator="\n")
    listed = list(columns)
    writer.writerow([column.name for column in listed])
    for row in rows:
        writer.writerow(
            [csv_text(c) if isinstance(c, str) and not k.is_right else c for k, c in zip(listed, row, strict=True)]
        )

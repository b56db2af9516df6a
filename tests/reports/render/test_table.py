"""One table on every face: no number is cut at any width, what goes is named, and names from outside do nothing."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from reports.render.table import (
    Column,
    Kind,
    Table,
    numbers,
    sections,
    show,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
    words,
)
from tests.reports.runs import HOSTILE

TABLE = Table(
    "times",
    (
        Column("size", Kind.WORD, is_shared=True),
        Column("provider", Kind.NAME),
        Column("time"),
        Column("GB/s", goes=1),
        Column("Gelem/s", goes=2),
        Column("verdict", Kind.WORD, styles={"slower": "bold red"}),
        Column("why", Kind.PROSE),
    ),
    (
        ("4096×4096", "eager", "123.4 ms", "1234.5", "678.9", "same", ""),
        ("4096×4096", "compile_of_mine", "98.76 ms", "2345.6", "789.1", "slower", "the times fall into two clumps"),
        ("64×64", "eager", "1.234 µs", "34.56", "8.912", "same", "nothing is against it"),
    ),
    ("GB/s: bytes moved over the time.",),
    sections=sections(("4096×4096", "4096×4096", "64×64")),
)


def shown(table: Table, width: int) -> str:
    file = io.StringIO()
    show(table, Console(file=file, width=width))
    return file.getvalue()


@given(st.integers(46, 200))
def test_at_every_width_a_number_is_whole_or_its_column_is_gone_and_named(width):
    text = shown(TABLE, width)
    assert max(map(cell_len, text.splitlines())) <= width and "…" not in text
    left_out = re.search("left out, as there is no room: (.*)", text)
    gone = left_out[1].strip().split(", ") if left_out else []
    assert gone in ([], ["Gelem/s"], ["GB/s", "Gelem/s"])
    for place, column in enumerate(TABLE.columns):
        if column.is_right:
            for row in TABLE.rows:
                assert (row[place] in text) is (column.name not in gone)


def test_a_size_stands_once_for_its_rows_on_a_terminal_and_in_every_row_of_a_file():
    assert shown(TABLE, 120).count("4096×4096") == 1
    assert "\n".join(to_markdown(TABLE)).count("4096×4096") == 2
    assert to_html(TABLE).count("4096×4096") == 2


def test_files_hold_every_cell():
    for text in ("\n".join(to_markdown(TABLE)), to_html(TABLE)):
        assert all(cell in text for row in TABLE.rows for cell in row)
    assert "| **slower** |" in "\n".join(to_markdown(TABLE))
    lines = list(to_latex(TABLE))
    assert lines[0] == r"\begin{tabular}{llrrrll}" and lines.count(r"\addlinespace") == 1
    file = io.StringIO()
    to_csv(TABLE.columns, TABLE.rows, file)
    head, *rows = csv.reader(io.StringIO(file.getvalue()))
    assert head == [column.name for column in TABLE.columns] and rows == [list(row) for row in TABLE.rows]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_names_and_prose_from_outside_do_nothing_on_any_face(text):
    table = Table(
        "", (*words("name", kind=Kind.NAME), *words("why", kind=Kind.PROSE), *numbers("n")), ((text, text, "1"),)
    )
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render("\n".join(to_markdown(table)))
    assert not re.search(r"<(?!/?(code|table|thead|tbody|tr|th|td)\b)", html) and html.count("<tr>") == 2
    assert not re.search(r"<(?!/?(div|table|thead|tbody|tr|th|td)\b)", to_html(table))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", shown(table, 60) + "".join(to_latex(table)))
    file = io.StringIO()
    to_csv(table.columns, table.rows, file)
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t")) for cell in next(csv.reader([file.getvalue().split("\n")[1]]))
    )


def test_a_row_has_a_cell_for_every_column():
    with pytest.raises(ValueError, match="has not 2 cells"):
        Table("t", numbers("a", "b"), (("1",),))

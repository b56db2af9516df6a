"""What text from outside becomes in each format. That LaTeX sets it is in test_cite.py."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.text.escaping import csv_text, latex, markdown_code, markdown_text
from reports.text.formatting import printable
from tests.reports.runs import HOSTILE

texts = st.text() | st.sampled_from(sorted(HOSTILE.values())) | st.text(st.sampled_from("`|\\<>*_ \n-=+@'\"{}"))


@pytest.mark.slow
@given(texts)
def test_no_cell_starts_a_formula_and_the_csv_reads_back(text):
    cell = csv_text(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([cell, "next"])
    assert list(csv.reader([file.getvalue()])) == [[cell, "next"]]
    assert (cell[1:] if cell.startswith("'") else cell) == printable(text, 10**6)


@given(texts)
def test_a_code_span_shows_its_text_and_nothing_else_in_a_table(text):
    document = f"| a | b |\n| --- | --- |\n| {markdown_code(text)} | next |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(document)
    rows = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in rows[:2]] == ["a", "b"] and len(rows) == 4
    assert [child.type for child in rows[2].children] == ["code_inline"]
    # Markdown takes one space off either end of a span, unless it is all spaces.
    assert rows[2].children[0].content.strip() == printable(text, 10**6).strip()
    assert rows[3].content == "next"


@given(texts.map(str.strip).filter(bool))
def test_prose_is_shown_as_it_stands_in_a_list_and_in_a_table(text):
    item = MarkdownIt("commonmark").parse(f"- {markdown_text(text)}\n")
    cell = MarkdownIt("commonmark").enable("table").parse(f"| a |\n| --- |\n| {markdown_text(text)} |\n")
    for tokens, count in ((item, 1), (cell, 2)):
        inline = [token for token in tokens if token.type == "inline"]
        assert len(inline) == count
        assert {child.type for child in inline[-1].children} <= {"text", "text_special"}
        shown = "".join(child.content for child in inline[-1].children)
        assert shown.replace("\u2060", "") == printable(text, 10**6).replace("\u2060", "")


@given(texts)
def test_latex_keeps_no_special_and_balances_its_braces(text):
    set_ = latex(text)
    depth = 0
    for character in set_:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert not set("\n\r\t~^\"'`<>|") & set(set_.replace("{''}", "").replace("{``}", ""))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("elu_backward", r"elu\_backward"),
        ("50% & more", r"50\% \& more"),
        ("4096×4096", r"4096\ensuremath{\times}4096"),
        ("--flag", "-{}-flag"),
        ("Zürich", "Zürich"),
        ("数", "{[}U+6570{]}"),
    ],
)
def test_latex_of_names_that_occur(text, shown):
    assert latex(text) == shown

"""Numbers and names as text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text.formatting import params_text, percent, printable, significant, size_text, time_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12.345, "12.3"),
        (123.45, "123"),
        (12345.0, "12345"),
        (0.04567, "0.0457"),
        (-1.5, "-1.50"),
        (1.68e7, "1.68e+07"),
        (1e-9, "1.00e-09"),
        (9.999, "10.0"),
        (9.5, "9.50"),
        (99.5, "99.5"),
        (0.5, "0.500"),
        (0.99999, "1.00"),
        (99.96, "100"),
        (None, "–"),
    ],
)
def test_significant(value, text):
    assert significant(value) == text


@given(st.floats(1e-12, 1e12))
def test_a_number_reads_back_within_its_digits(value):
    assert float(significant(value)) == pytest.approx(value, rel=5.1e-3)


@given(st.floats(1e-3, 999), st.integers(2, 4))
def test_every_number_has_all_its_digits(value, digits):
    shown = significant(value, digits)
    assert len(shown.replace(".", "").lstrip("0")) == max(digits, len(shown.partition(".")[0].lstrip("0")))


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(9.5e-3, "9.50 ms"), (56.1e-6, "56.1 µs"), (1.5e-3, "1.50 ms"), (2.0, "2.00 s"), (3.2e-9, "3.20 ns"), (None, "–")],
)
def test_times(time_s, text):
    assert time_text(time_s) == text


def test_fractions_shapes_and_parameters():
    assert (percent(0.4173), percent(0.0012, 1), percent(None)) == ("42", "0.1", "–")
    assert (size_text((4096, 512)), size_text(())) == ("4096×512", "scalar")
    defaults = {"alpha": 1.0, "dim": -1}
    assert params_text({"alpha": 1.6732632423543772, "dim": 1}, defaults) == "alpha=1.673 dim=1"
    assert params_text(defaults, defaults) == ""


@given(st.text(max_size=400))
def test_printable_text_holds_nothing_that_controls_a_terminal(text):
    shown = printable(text)
    assert len(shown) <= 300
    assert not any(unicodedata.category(character)[0] == "C" for character in shown)
    assert shown.splitlines() in ([], [shown])


def test_harmless_text_stays_as_it_is():
    assert printable("naïve kernel – v2 (x×y) 中文") == "naïve kernel – v2 (x×y) 中文"
    assert printable("a\x1b[31mb\n\u202e") == "a\\x1b[31mb\\n\\u202e"

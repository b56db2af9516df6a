from __future__ import annotations

import pytest

from harness.plumbing.errors import first_line, named


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one"), "one"),
        (ValueError("\n  one  \ntwo"), "one"),
        (ValueError(""), ""),
        (KeyError("name"), "'name'"),
    ],
)
def test_an_error_in_one_line(error, line):
    assert first_line(error) == line
    assert named(error) == f"{type(error).__name__}: {line}"


def test_a_long_line_is_cut():
    assert len(named(ValueError("x" * 10_000))) == 500

"""The numbers in docs/kernels.md are those of the code: a page that fell behind fails here, and says what to do."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

from reports.publish.kernel_page import DTYPES, PAGE, made, slots
from reports.text.blocks import LostMarks
from tests.harness.command import ROOT

MEND = "docs/kernels.md is out of date: make docs"


def test_issue_slots_are_those_of_the_datasheets():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert slots() in page, MEND
    # H100 SXM: 132 multiprocessors issue for 128 threads at 1.98 GHz, and 3350 GB/s bring 837.5e9 times 4 bytes.
    assert "| H100 SXM | 40 | 60 | 80 | 120 |" in page


@pytest.mark.slow
def test_the_tables_are_what_the_tool_prints(suite):
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    version = re.search(r"^With Triton (\S+):$", page, re.MULTILINE)
    assert version
    if importlib.metadata.version("triton") != version[1]:
        pytest.skip(f"the page is about Triton {version[1]}")
    assert made(page, tuple(row for row in suite if row.dtype in DTYPES)) == page, MEND


def test_a_page_without_its_marks_is_not_written():
    with pytest.raises(LostMarks, match="where its slots belong"):
        made("nothing", ())

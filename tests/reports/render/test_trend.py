"""A trend on a terminal of 80 columns."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console

from harness.store.records import read_run
from reports.analysis.trend import trend
from reports.render.trend import show
from tests.harness.command import ROOT


def test_no_name_is_broken_at_80_columns():
    run = read_run(ROOT / "results" / "amd-epyc" / "default")
    file = io.StringIO()
    show([trend([run, run])], Console(file=file, width=80))
    text = file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= 80
    assert all(
        f"{record.op} " in text
        for record in run.records
        if record.role == "provider" and record.samples_s and not record.flags
    )

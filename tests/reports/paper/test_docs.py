"""The results in docs/claims.md are those of the published run; the prose around them stays."""

from __future__ import annotations

import pytest

from harness.store.seal import seal
from harness.store.vocabulary import RunError
from reports.paper.judge import judge
from reports.publish.paper_page import BLOCK, PAGE, files
from reports.text.blocks import LostMarks, marks
from tests.harness.command import ROOT
from tests.reports.paper.runs import stored

BEGIN, END = marks(BLOCK)


@pytest.fixture
def checkout(tmp_path):
    run = stored(tmp_path / "results" / "device" / "claims")
    seal(run.path)
    page = tmp_path / PAGE
    page.parent.mkdir()
    page.write_text(f"Before.\n\n{BEGIN}\nwhat was there\n{END}\n\nAfter.\n")
    return run, tmp_path, page


@pytest.mark.slow
def test_results_are_made_between_the_marks_and_replaced(checkout):
    run, root, page = checkout
    made = files(root)
    page.write_bytes(made[page])
    assert files(root)[page] == made[page]
    text = made[page].decode()
    assert text.startswith("Before.\n") and text.endswith("\nAfter.\n") and "what was there" not in text
    assert all(each.statement.text in text for each in judge(run))
    assert "![Mean shift](claims/claims-mean-shift.svg)" in text
    assert root / "docs/claims/claims-mean-shift.svg" in made
    assert run.path / "report/report.md" in made


@pytest.mark.slow
def test_a_page_without_marks_and_a_changed_run_are_refused(checkout):
    run, root, page = checkout
    page.write_text("no marks")
    with pytest.raises(LostMarks, match="put them where its results belong"):
        files(root)
    (run.path / "records.jsonl").write_text("")
    with pytest.raises(RunError, match="changed since it ended"):
        files(root)


def test_the_page_has_its_marks():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1

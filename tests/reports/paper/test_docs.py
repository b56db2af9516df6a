"""The results in docs/claims.md are those of a stored run; the prose around them stays."""

from pathlib import Path

import pytest

from harness.store.seal import seal
from harness.store.vocabulary import RunError
from reports.paper.docs import BEGIN, END, write
from reports.paper.judge import judge
from tests.harness.command import ROOT
from tests.reports.paper.test_build import stored


@pytest.mark.slow
def test_results_are_written_between_the_marks_and_replaced(tmp_path):
    run = stored(tmp_path / "run")
    seal(run.path)
    page = tmp_path / "claims.md"
    page.write_text(f"Before.\n\n{BEGIN}\nwhat was there\n{END}\n\nAfter.\n")
    write(run, page)
    first = page.read_text(encoding="utf-8")
    write(run, page)
    assert page.read_text(encoding="utf-8") == first
    assert first.startswith("Before.\n")
    assert first.endswith("\nAfter.\n")
    assert "what was there" not in first
    assert all(each.statement.text in first for each in judge(run))
    assert "![Mean shift](claims/claims-mean-shift.svg)" in first
    assert (tmp_path / "claims" / "claims-mean-shift.svg").exists()


def test_a_page_without_marks_and_a_changed_run_are_refused(tmp_path):
    run = stored(tmp_path / "run")
    page = tmp_path / "claims.md"
    page.write_text("no marks")
    with pytest.raises(RunError, match="restore the page"):
        write(run, page)
    with pytest.raises(RunError, match="name the page with --page"):
        write(run, Path("nowhere.md"))
    seal(run.path)
    (run.path / "records.jsonl").write_text("")
    with pytest.raises(RunError, match="changed since it ended"):
        write(run, page)


def test_the_page_has_its_marks():
    text = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1

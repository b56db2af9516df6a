"""The results in docs/claims.md are those of the published run; the prose around them stays."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from harness.paper.rows import read_claims
from harness.store.seal import seal
from harness.store.vocabulary import RunError
from reports.paper.judge import judge
from reports.publish.paper_page import BLOCK, PAGE, files
from reports.text.blocks import LostMarks, marks
from tests.harness.command import ROOT
from tests.reports.paper.runs import claims_run, loss_of, only, stored

BEGIN, END = marks(BLOCK)
FIRST = ROOT / "results/amd-epyc/claims"


def page_in(root):
    page = root / PAGE
    page.parent.mkdir()
    page.write_text(f"Before.\n\n{BEGIN}\nwhat was there\n{END}\n\nAfter.\n")
    return page


@pytest.fixture
def checkout(tmp_path):
    """A checkout with runs on two data sets; on the second, ELU is no better."""
    losses = {
        "digits": loss_of,
        "mnist1d": lambda net, name, rate, seed: 0.5 if name == "elu" else loss_of(net, name, rate, seed),
    }
    for name, each in losses.items():
        run = only("learning", losses=each)
        run = claims_run(*run.rows, plan=dataclasses.replace(run.plan, dataset=name))
        seal(stored(tmp_path / "results" / "device" / f"claims-{name}", run).path)
    return tmp_path / "results" / "device" / "claims-digits", tmp_path, page_in(tmp_path)


@pytest.mark.slow
def test_the_page_puts_two_data_sets_together(checkout):
    path, root, page = checkout
    made = files(root)
    text = made[page].decode()
    assert text.startswith("Before.\n") and text.endswith("\nAfter.\n") and "what was there" not in text
    assert all(each.statement.says in text for each in judge(read_claims(path)))
    assert "| Centring alone, with the activation as it is, speeds up learning. |" in text
    assert "| **✓ holds** | ✓ holds (12 of 12) | ✓ holds (12 of 12) |" in text
    assert "| **? cannot tell** | ✓ holds (12 of 12) | ✗ does not (0 of 12) |" in text  # that differs between the two
    assert text.count("Against it: ") == 2 * len(judge(read_claims(path)))
    assert "![Centring](claims/mnist1d-claims-centring.svg)" in text
    assert {root / "docs/claims/digits-claims-divergence.svg", path / "report/report.md"} <= set(made)
    assert "(../results/device/claims-digits/report/report.md)" in text


@pytest.mark.slow
def test_until_there_is_a_run_of_this_edition_the_page_shows_the_stored_report_of_the_first(tmp_path):
    shutil.copytree(FIRST, tmp_path / "results" / "amd-epyc" / "claims")
    page = page_in(tmp_path)
    made = files(tmp_path)
    assert set(made) == {page, *(page.with_suffix("") / path.name for path in (FIRST / "report/figures").glob("*.svg"))}
    text = made[page].decode()
    assert "nothing is judged anew" in text and "Of 17 statements, 6 hold" in text
    assert "![Cost](claims/claims-cost.svg)" in text


@pytest.mark.slow
def test_a_page_without_marks_and_a_changed_run_are_refused(tmp_path):
    path = stored(tmp_path / "results" / "device" / "claims").path
    seal(path)
    page = page_in(tmp_path)
    page.write_text("no marks")
    with pytest.raises(LostMarks, match="put them where its results belong"):
        files(tmp_path)
    (path / "records.jsonl").write_text("")
    with pytest.raises(RunError, match="changed since it ended"):
        files(tmp_path)


def test_the_page_has_its_marks():
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1

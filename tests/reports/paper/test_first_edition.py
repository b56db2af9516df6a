"""The published run of the first edition still shows and verifies, by what it stores."""

import json
import shutil

import pytest
from rich.console import Console

from harness.paper.first_edition import read_first
from harness.store.vocabulary import RECORDS, RunError
from reports.paper.first_edition import NOTE, build, citation, show, verify
from tests.harness.command import ROOT, elubench

FIRST = ROOT / "results/amd-epyc/claims"

pytestmark = pytest.mark.skipif(not FIRST.exists(), reason="the first edition's run is published no more")


@pytest.mark.slow
def test_it_verifies_and_says_that_its_rules_have_no_hash():
    found = verify(read_first(FIRST))
    assert found.is_intact and found.note == NOTE
    done = elubench("verify", FIRST)
    assert done.returncode == 0, done.stderr
    assert "keeps no hash of the rules" in done.stdout and "nothing was changed" in done.stdout


def test_it_shows_the_verdicts_that_are_stored_and_the_divergence_that_they_hid():
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(read_first(FIRST), console)
    shown = console.export_text()
    assert "verdicts, as stored" in shown and "✓ holds (16 of 16 comparisons hold)" in shown
    assert "(5/6)" in shown and "(6/6)" in shown


@pytest.mark.slow
def test_an_edit_is_found_and_a_citation_is_refused(tmp_path):
    path = shutil.copytree(FIRST, tmp_path / "run")
    lines = (path / RECORDS).read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"seed": 99})
    (path / RECORDS).write_text("\n".join(lines) + "\n")
    found = verify(read_first(path))
    assert not found.is_intact and {"key", "the content hash"} <= {each.field for each in found.mismatches}
    with pytest.raises(RunError, match="nothing is judged anew"):
        citation(read_first(path))


def test_its_report_is_kept_and_made_without_verdicts_where_there_is_none(tmp_path):
    path = shutil.copytree(FIRST, tmp_path / "run")
    before = (path / "report/report.md").read_bytes()
    assert NOTE in build(read_first(path)).left_out[0]
    assert (path / "report/report.md").read_bytes() == before
    (path / "report/report.md").unlink()
    build(read_first(path))
    text = (path / "report/report.md").read_text()
    assert "Losses and divergence" in text and "holds" not in text

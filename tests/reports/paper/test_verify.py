"""What `elubench verify` finds in a claims run."""

import json
import shutil

import pytest

from harness.paper.rows import read_claims
from harness.store.seal import BROKEN, SEALED, seal
from harness.store.vocabulary import MANIFEST, RECORDS
from reports.paper.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture
def run(reported, tmp_path):
    """The run in a place of its own."""
    return shutil.copytree(reported, tmp_path / "run")


def test_a_run_as_it_ended_is_intact(run):
    found = verify(read_claims(run))
    assert found.mismatches == ()
    assert (found.state, found.is_intact) == (SEALED, True)
    assert found.records == len(read_claims(run).rows)


def test_a_row_edited_by_hand_breaks_the_seal_and_the_report(run):
    lines = (run / RECORDS).read_text().splitlines()
    row = json.loads(lines[0])
    assert row["claim"] == "reconstruction"
    row["values"]["loss"] = [9.0 for _ in row["values"]["loss"]]
    (run / RECORDS).write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    found = verify(read_claims(run))
    assert found.state == BROKEN
    assert {each.where for each in found.mismatches} >= {"report/report.md", "report/index.html"}


@pytest.mark.parametrize("name", ["index.html", "report.md", "claims.tex", "claims.json"])
def test_a_number_edited_in_the_report_is_found(run, name):
    path = run / "report" / name
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("holds", "does not", 1), encoding="utf-8")
    found = verify(read_claims(run))
    assert [each.where for each in found.mismatches] == [f"report/{name}"]
    assert not found.is_intact


@pytest.mark.parametrize(
    ("change", "field"),
    [({"seed": 99}, "key"), ({"variant": "gelu"}, "key"), ({"device": "another"}, "device"),
     ({"stage": "judge"}, "stage"),
     ({"values": {"loss": [1.0], "error": [0.5], "diverged_at": None}}, "loss")],
)  # fmt: skip
def test_a_row_that_the_plan_does_not_have_is_named(run, change, field):
    lines = (run / RECORDS).read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if '"reconstruction"' in line)
    lines[number] = json.dumps(json.loads(lines[number]) | change)
    (run / RECORDS).write_text("\n".join(lines) + "\n")
    assert field in {each.field for each in verify(read_claims(run)).mismatches}


def test_a_rule_edited_after_the_run_is_named(run):
    manifest = json.loads((run / MANIFEST).read_text())
    manifest["judging_sha256"] |= {"reports/paper/rules.toml": "0" * 64}
    (run / MANIFEST).write_text(json.dumps(manifest))
    seal(run)
    found = verify(read_claims(run))
    named = [each.field for each in found.mismatches if each.where == MANIFEST]
    assert named == ["the hash of reports/paper/rules.toml, which verdicts follow from,"]
    assert not found.is_intact
    manifest["judging_sha256"] = {}
    (run / MANIFEST).write_text(json.dumps(manifest))
    assert {each.stored for each in verify(read_claims(run)).mismatches if each.where == MANIFEST} == {"no hash"}

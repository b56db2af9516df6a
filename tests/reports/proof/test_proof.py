"""What is said of a proof, and what `elubench verify` finds in one that was edited: on the published ones."""

import dataclasses
import json
import shutil

import pytest

from harness.proof.rows import read_proof
from harness.store.seal import BROKEN, SEALED, seal
from harness.store.vocabulary import RECORDS, Outcome, RunError
from reports.figures.proof import drawn
from reports.proof.build import texts
from reports.proof.cite import citation
from reports.proof.summary import failure, summaries, table
from reports.proof.verify import verify
from tests.harness.command import ROOT

PROOFS = sorted(path.parent for path in (ROOT / "results").glob("*/proof-*/manifest.json"))
ELU = ROOT / "results/intel-xeon/proof-elu"


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(ELU, tmp_path / "run")


def edited(run, place, **fields):
    """The run with fields of a row changed, and sealed anew, as a forger would."""
    lines = (run / RECORDS).read_text().splitlines()
    lines[place] = json.dumps(json.loads(lines[place]) | fields)
    (run / RECORDS).write_text("\n".join(lines) + "\n")
    shutil.rmtree(run / "report", ignore_errors=True)
    seal(run)
    return verify(read_proof(run))


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name)
def test_a_published_proof_is_whole_and_intact(path):
    found = read_proof(path)
    verified = verify(found)
    assert (verified.state, verified.mismatches, found.missing()) == (SEALED, (), 0)
    assert failure(found) is None


def test_every_input_of_elu_is_in_it():
    (found,) = summaries(read_proof(ELU))
    assert (found.inputs, found.outcome, len(found.rows)) == (2**32, "ok", 512)
    assert found.worst.max_ulp == pytest.approx(0.98083, abs=1e-5)
    assert [found.count(name) for name in ("wrong_specials", "decreases", "flushed")] == [0, 0, 0]
    (row,) = table([found]).rows
    assert row[:6] == ("elu", "float32", "unused", "4,294,967,296", "0.9808", "-0.285977364")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_ulp": 0.5}, "max_ulp"),
        ({"inputs": 7}, "inputs"),
        ({"outcome": "rejected"}, "outcome"),
        ({"not_correctly_rounded": 0}, "not_correctly_rounded"),
        ({"worst": {"input": "be926ba0", "output": "be7eb08e"}}, "max_ulp"),
        ({"worst": {"input": "3f800000", "output": "3f800000"}}, "binade of worst"),
        ({"decreases": 3}, "witness of decreases"),
        ({"binade": 4}, "key"),
    ],
)
def test_an_edited_figure_is_found_though_the_seal_is_made_anew(run, fields, field):
    rows = [json.loads(line) for line in (run / RECORDS).read_text().splitlines()]
    place = max(range(len(rows)), key=lambda each: rows[each]["max_ulp"])
    verified = edited(run, place, **fields)
    assert verified.state == SEALED
    assert field in {each.field for each in verified.mismatches}


def test_an_edit_breaks_the_seal_and_its_report_says_something_else(run):
    text = (run / RECORDS).read_text().replace('"undecided_in_fp64":0', '"undecided_in_fp64":1', 1)
    (run / RECORDS).write_text(text)
    verified = verify(read_proof(run))
    assert verified.state == BROKEN
    assert "report/report.md" in {each.where for each in verified.mismatches}
    with pytest.raises(RunError, match="has been changed"):
        citation(read_proof(run))


def test_a_proof_that_was_cut_short_says_so_and_is_not_cited(run):
    lines = (run / RECORDS).read_text().splitlines()
    (run / RECORDS).write_text("\n".join(lines[:-2]) + "\n")
    seal(run)
    cut = read_proof(run)
    assert "16,777,216 are left" in texts(cut)["report.md"]
    with pytest.raises(RunError, match="not finished"):
        citation(cut)


def test_what_is_rejected_is_named_with_its_witness(run):
    found = read_proof(run)
    rows = [dataclasses.replace(row, outcome=Outcome.REJECTED, max_ulp=9.0) if row.binade == 129 else row
            for row in found.rows]  # fmt: skip
    sentence = failure(dataclasses.replace(found, rows=tuple(rows)))
    assert sentence is not None
    assert "elu, float32, ex2 unused: 9 ULP, where 4 are allowed" in sentence


@pytest.mark.slow
def test_the_figure_has_a_step_for_every_binade():
    (axes,) = drawn(read_proof(ELU)).axes
    assert len(axes.lines[0].get_xdata()) == 512
    assert "4,294,967,296 inputs" in axes.get_title("left")

"""A claims run as a user makes it: real processes, killed and gone on with."""

import json
import shutil
import signal
import time

import pytest

from harness.paper.plan import PAPER_RATE, QUICK, ClaimError, from_content, make_plan
from harness.paper.rows import read_claims
from harness.store.seal import SEALED, state
from harness.store.vocabulary import RECORDS, RunError
from tests.harness.command import elubench, start

SMALL = ("claims", "--quick", "--claim", "vanishing", "--activation", "elu", "--device", "cpu")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("claims") / "run"
    done = elubench(*SMALL, "--out", run)
    assert done.returncode == 0, done.stderr
    return run, done


@pytest.mark.slow
def test_a_run_ends_with_verdicts_a_seal_and_a_report(whole):
    run, done = whole
    assert "ELUs alleviate the vanishing gradient" in done.stdout
    assert "deep elu+bn" in done.stderr
    assert state(run) == SEALED
    stored = read_claims(run)
    seen = {(row.claim, row.variant, row.seed) for row in stored.rows}
    assert seen == {("vanishing", name, seed) for name in ("elu", "elu+bn", "sigmoid") for seed in QUICK.seeds}
    assert {row.rate for row in stored.rows} == {PAPER_RATE}
    norms = stored.rows[0].values
    assert norms["epoch"] == [0, QUICK.epochs]
    assert [len(each) for each in norms["gradient_norm"]] == [8, 8]
    assert (run / "report" / "index.html").exists()
    assert stored.manifest.threads == 1


@pytest.mark.slow
def test_killed_and_gone_on_with_it_stores_the_same_rows(whole, tmp_path):
    run = tmp_path / "run"
    with start(*SMALL, "--out", run) as process:
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            if (run / RECORDS).exists() and (run / RECORDS).stat().st_size:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = (run / RECORDS).read_bytes()
    assert before
    shutil.rmtree(run / "report", ignore_errors=True)
    (run / RECORDS).write_bytes(before + b'{"schema": 2, "claim": "van')  # a row cut short
    done = elubench("claims", "--resume", run)
    assert done.returncode == 0, done.stderr
    found, expected = ((path / RECORDS).read_text().splitlines() for path in (run, whole[0]))
    assert sorted(found) == sorted(expected)
    assert read_claims(run).rows == read_claims(whole[0]).rows
    assert read_claims(run).manifest.sessions[0].note == "resume"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--claim", "speed"), "there is no claim 'speed'; choose from cost, mean_shift"),
        (("--activation", "gelu"), "there is no activation 'gelu'; choose from elu, relu"),
        (("--dataset", "mnist"), "there is no data set 'mnist'; choose from digits"),
        (("--resume", "nowhere"), "nowhere holds no manifest.json"),
        (("--resume", "nowhere", "--quick"), "leave out --quick"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence):
    done = elubench("claims", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert sentence in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": 1}, "has schema 1 and this elubench reads"),
        ({"claims_sources_sha256": "0" * 64, "elubench": "0.0.9"}, "made with other sources than those in harness/pa"),
        ({"plan": {"name": "full"}}, "the manifest's plan cannot be read"),
        ({"verb": "run"}, "was made by 'elubench run'; go on with: elubench run --resume"),
    ],
)
def test_a_run_of_another_version_is_refused_and_left_alone(whole, tmp_path, change, sentence):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | change))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    done = elubench("claims", "--resume", run)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert sentence in done.stderr
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_other_verbs_say_what_kind_of_run_it_is(whole):
    done = elubench("run", "--resume", whole[0])
    assert done.returncode == 2
    assert "was made by 'elubench claims'; go on with: elubench claims --resume" in done.stderr
    done = elubench("compare", whole[0], whole[0])
    assert done.returncode == 2
    assert "was made by 'elubench claims' and holds no records of a sweep" in done.stderr


@pytest.mark.slow
def test_a_line_that_is_no_row_is_named(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "run")
    lines = (tmp_path / "run" / RECORDS).read_text().splitlines()
    lines[1] = lines[1].replace('"values"', '"valeus"')
    (tmp_path / "run" / RECORDS).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="line 2"):
        read_claims(tmp_path / "run")


def test_plans_survive_the_manifest_and_know_their_parts():
    plan = make_plan(True, ["learning", "mean_shift"], ["relu", "elu"], "digits")
    assert from_content(json.loads(json.dumps(plan.content()))) == plan
    assert plan.claims == ("mean_shift", "learning")
    assert plan.activations == ("elu", "relu")
    units = {unit.name: unit for unit in plan.units()}
    assert units["deep relu+bn"].claims == ("mean_shift", "learning")
    assert units["deep relu+prong"].rates == (PAPER_RATE,)
    assert units["conv elu"].rates == plan.rates
    assert "small elu" not in units
    with pytest.raises(ClaimError, match="cannot be read"):
        from_content({**plan.content(), "claims": ["speed"]})

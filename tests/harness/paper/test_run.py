"""A claims run as a user makes it: real processes, killed and gone on with."""

import dataclasses
import itertools
import json
import math
import shutil
import signal
import time

import pytest

from harness.device.devices import find_device
from harness.paper.choice import chosen_rates, mean_loss
from harness.paper.first_edition import is_first, read_first
from harness.paper.plan import JUDGE, PAPER_RATE, PILOT, QUICK, ClaimError, from_content, make_plan
from harness.paper.rows import make_row, read_claims
from harness.paper.run import ClaimStore, make_manifest
from harness.store.manifest import read_manifest
from harness.store.provenance import ROOT
from harness.store.seal import SEALED, state
from harness.store.vocabulary import RECORDS, RunError
from tests.harness.command import elubench, start

SMALL = ("claims", "--quick", "--claim", "vanishing", "--activation", "elu", "--device", "cpu")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("claims") / "run"
    done = elubench(*SMALL, "--out", run, ELUBENCH_REPORT="1")
    assert done.returncode == 0, done.stderr
    return run, done


@pytest.mark.slow
def test_a_run_ends_with_verdicts_a_seal_and_a_report(whole):
    run, done = whole
    assert "does not vanish" in " ".join(done.stdout.split())
    assert "deep elu+bn" in done.stderr
    assert state(run) == SEALED
    stored = read_claims(run)
    seen = {(row.claim, row.variant, row.seed) for row in stored.rows}
    names = ("elu", "elu+bn", "elu+centred", "tanh+lecun")
    assert seen == {("vanishing", name, seed) for name in names for seed in QUICK.judge_seeds}
    assert {row.stage for row in stored.rows} == {JUDGE}
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
    (run / RECORDS).write_bytes(before + b'{"schema": 2, "claim": "van')  # a row cut short
    done = elubench("claims", "--resume", run, "--no-report")
    assert done.returncode == 0, done.stderr
    assert not (run / "report").exists()
    found, expected = ((path / RECORDS).read_text().splitlines() for path in (run, whole[0]))
    assert sorted(found) == sorted(expected)
    assert read_claims(run).rows == read_claims(whole[0]).rows
    assert read_claims(run).manifest.sessions[0].note == "resume"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--claim", "speed"), "there is no claim 'speed'; choose from cost, step_time"),
        (("--activation", "gelu"), "there is no activation 'gelu'; choose from elu, relu"),
        (("--dataset", "mnist"), "there is no data set 'mnist'; choose from digits, mnist1d"),
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
        ({"judging_sha256": {"reports/paper/rules.toml": "0" * 64}}, "the rules by which the run is judged"),
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


@pytest.mark.slow
def test_pilots_choose_the_rate_of_each_net_and_a_run_goes_on_between_the_stages(tmp_path):
    run = tmp_path / "run"
    done = elubench("claims", "--quick", "--claim", "reconstruction", "--activation", "relu", "--out", run)
    assert done.returncode == 0, done.stderr
    found = read_claims(run)
    pilots = [row for row in found.rows if row.stage == PILOT]
    assert {(row.rate, row.seed) for row in pilots} == set(itertools.product(QUICK.rates, QUICK.pilot_seeds))
    rate = min(pilots, key=lambda row: mean_loss(row.values)).rate
    assert rate > PAPER_RATE
    assert chosen_rates(found.plan, found.rows) == {("auto", "relu"): rate}
    judged = {(row.rate, row.seed) for row in found.rows if row.stage == JUDGE}
    assert judged == set(itertools.product((PAPER_RATE, rate), QUICK.judge_seeds))
    assert all(len(row.values["error"]) == QUICK.epochs for row in found.rows)

    begun = tmp_path / "begun"
    store = ClaimStore.create(begun, make_manifest(found.plan, find_device("cpu"), []))
    store.append(pilots)
    store.close()
    done = elubench("claims", "--resume", begun)
    assert done.returncode == 0, done.stderr
    assert read_claims(begun).rows == found.rows


def test_a_net_that_diverged_is_never_chosen_and_ties_go_to_the_lower_rate():
    plan = make_plan(False, ["learning"], ["relu"], "digits")

    def pilot(rate, seed, loss, diverged_at=None):
        values = {"loss": [loss], "accuracy": [0.5], "final_accuracy": 0.5, "diverged_at": diverged_at}
        return make_row(PILOT, "learning", "deep", "relu", rate, seed, values, "Test device")

    losses = {0.01: (3, 3, 3), 0.03: (2, 2, 9), 0.1: (2, 9, 2), 0.3: (1, math.inf, math.inf), 1.0: (math.inf,) * 3}
    rows = [
        pilot(rate, seed, loss, 1 if loss == math.inf else None)
        for rate, each in losses.items()
        for seed, loss in zip(plan.pilot_seeds, each, strict=True)
    ]
    assert chosen_rates(plan, rows) == {("deep", "relu"): 0.03}
    assert chosen_rates(plan, rows[:-1]) == {}  # a pilot is missing
    assert chosen_rates(plan, [dataclasses.replace(row, stage=JUDGE) for row in rows]) == {}
    assert [unit.rates for unit in plan.judged({("deep", "relu"): 0.03})] == [(PAPER_RATE, 0.03)]


def test_plans_survive_the_manifest_and_know_their_parts():
    plan = make_plan(True, ["learning", "mean_shift"], ["relu", "elu"], "digits")
    assert from_content(json.loads(json.dumps(plan.content()))) == plan
    assert plan.claims == ("mean_shift", "learning")
    assert plan.activations == ("elu", "relu")
    chosen = {(net, variant.name): 0.1 for net, variant in plan.nets()}
    units = {unit.name: unit for unit in plan.judged(chosen)}
    assert units["deep relu+bn"].claims == ("mean_shift", "learning")
    assert units["deep elu_2"].claims == ("learning",)
    assert units["deep relu+prong"].rates == (PAPER_RATE, 0.1)
    assert "small elu" not in units
    assert not set(plan.pilot_seeds) & set(plan.judge_seeds)
    with pytest.raises(ClaimError, match="cannot be read"):
        from_content({**plan.content(), "claims": ["speed"]})


def test_runs_of_the_first_edition_are_read_and_their_rows_are_those_of_their_plan():
    path = ROOT / "results" / "amd-epyc" / "claims"
    assert is_first(read_manifest(path))
    first = read_first(path)
    assert {row.key for row in first.rows} == first.expected_keys()
    with pytest.raises(ClaimError, match="cannot be read"):
        read_claims(path)

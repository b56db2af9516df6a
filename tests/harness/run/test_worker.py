"""Real worker processes, with providers that die in every way."""

import dataclasses

import pytest

from harness.ops.cases import make_case
from harness.run.job import Job
from harness.run.runner import run_sweep
from harness.run.worker import Died, Worker
from harness.store.files import Store
from harness.store.manifest import Manifest
from harness.store.records import read_run
from harness.store.vocabulary import SCHEMA
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.sweep import Sweep
from tests.harness.command import PROVIDERS
from tests.harness.run.resumed import QUIET, cpu

QUICK = StopRule(min_samples=8, max_samples=30, max_seconds=0.05, warmup_seconds=0.0)


def sweep(*specs, timeout_s=60.0):
    cases = (make_case("elu", (300, 300), "float32"), make_case("elu", (200, 300), "float32"))
    return Sweep("test", "", cases, tuple(specs), QUICK, timeout_s, 2**24)


def results(tmp_path, plan):
    store = Store.create(tmp_path / "run", Manifest(schema=SCHEMA))
    summary = run_sweep(plan, cpu(), store, QUIET)
    store.close()
    assert summary.left == 0
    records = read_run(tmp_path / "run").records
    assert len({record.key for record in records}) == len(records)
    return [record for record in records if record.role == "provider"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "outcome", "named"),
    [
        ("segfault", "crashed", "SIGSEGV"),
        ("raises", "crashed", "ArithmeticError: no kernel today"),
        ("identity", "rejected", "is true"),
        ("wrong_later", "rejected", "on fresh inputs"),  # by an audit, or after timing
        ("poisons", "crashed", "CUDA error: an illegal memory access"),
    ],
)
def test_a_bad_provider_costs_its_own_rows_and_no_others(tmp_path, spec, outcome, named):
    records = results(tmp_path, sweep("eager", str(PROVIDERS / f"{spec}.py")))
    bad = [record for record in records if record.provider == spec]
    good = [record for record in records if record.provider == "eager"]
    assert [record.outcome for record in good] == ["ok", "ok"]
    assert [record.outcome for record in bad] == [outcome, outcome]
    for record in bad:
        assert named in record.reason
        assert record.median_s is None
        assert not record.samples_s


@pytest.mark.slow
def test_a_crash_while_taking_turns_is_found_by_measuring_alone(tmp_path):
    records = results(tmp_path, sweep("eager", str(PROVIDERS / "segfault_later.py")))
    outcomes = {(record.provider, record.outcome) for record in records}
    assert outcomes == {("eager", "ok"), ("segfault_later", "crashed")}
    assert all("not_interleaved" in record.flags for record in records if record.provider == "eager")


@pytest.mark.slow
def test_a_hang_is_ended_and_the_others_measured(tmp_path):
    plan = sweep("eager", str(PROVIDERS / "hangs.py"), timeout_s=6)
    records = results(tmp_path, dataclasses.replace(plan, cases=plan.cases[:1]))
    assert {(record.provider, record.outcome) for record in records} == {
        ("eager", "ok"),
        ("hangs", "timeout"),
    }


@pytest.mark.slow
def test_memory_that_is_not_to_be_had_is_an_outcome(tmp_path):
    case = make_case("elu", (2**28, 2**14), "float64")
    worker = Worker(tmp_path / "log")
    died = worker.run(Job(case, ("eager",), cpu(), QUICK, 0, timed=True), 60)
    worker.stop()
    assert isinstance(died, Died)
    assert died.outcome == "oom"


@pytest.mark.slow
def test_what_a_provider_prints_goes_to_the_log(tmp_path):
    loud = tmp_path / "loud.py"
    loud.write_text(
        "import torch\nprint('loud and clear')\ndef elu(x, alpha, scale, input_scale):\n"
        "    return torch.ops.aten.elu(x, alpha, scale, input_scale)\n"
    )
    results(tmp_path, sweep(str(loud)))
    assert "loud and clear" in (tmp_path / "run" / "worker.log").read_text()

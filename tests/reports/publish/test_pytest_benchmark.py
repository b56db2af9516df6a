"""pytest-benchmark: stored runs in its format, a sweep under its fixture; both read by its own tools."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from reports.publish.pytest_benchmark import as_json
from tests.harness.command import PROVIDERS, ROOT, TINY, elubench, process
from tests.reports.runs import control, record, roof, run_of, untimed


def python_m(*arguments, cwd=ROOT):
    with process(["-m", *arguments], cwd=cwd) as begun:
        out, err = begun.communicate(timeout=280)
    assert begun.returncode == 0, out + err
    return out + err


def test_a_stored_run_is_compared_by_pytest_benchmark_itself(tmp_path):
    before = run_of(record(time_s=100e-6), record(provider="triton", time_s=60e-6), roof(), control(0.01), untimed())
    after = run_of(record(time_s=100e-6), record(provider="triton", time_s=30e-6, flags=("noisy",)))
    for name, run in (("before", before), ("after", after)):
        (tmp_path / f"{name}.json").write_text(json.dumps(as_json(run), allow_nan=False))
    said = python_m("pytest_benchmark", "compare", tmp_path / "before.json", tmp_path / "after.json", cwd=tmp_path)
    assert len([line for line in said.splitlines() if "triton cold" in line]) == 2
    assert "control" not in said and "copy" not in said
    assert "30.0" in said and "60.0" in said


def test_the_numbers_are_those_of_the_samples():
    (entry,) = as_json(run_of(record(flags=("noisy",))))["benchmarks"]
    samples = np.array(record().samples_s)
    stats = entry["stats"]
    assert stats["rounds"] == len(samples)
    assert stats["median"] == pytest.approx(record().median_s)
    assert stats["mean"] == pytest.approx(samples.mean())
    assert stats["min"] == samples.min() and stats["max"] == samples.max()
    assert stats["data"] == list(record().samples_s)
    info = entry["extra_info"]
    assert info["roof_fraction"] == pytest.approx(record().bandwidth_gbps / 1000)
    assert (info["valid"], info["flags"]) == (False, ["noisy"])


@pytest.mark.slow
def test_a_sweep_runs_under_pytest_benchmark_with_its_comparisons_and_histogram(tmp_path):
    plan, storage = tmp_path / "tiny.toml", tmp_path / "storage"
    plan.write_text(TINY.replace("[[300, 300], [257, 333]]", "[[300, 300]]").partition('[[cases]]\nop = "elu_back')[0])
    bench = ("pytest", "tests/bench", "--benchmark-only", "--sweep", plan, "--device", "cpu", "-p", "no:cacheprovider")
    bench = (*bench, f"--benchmark-storage={storage}", "-p", "no:xdist")
    python_m(*bench, "--benchmark-autosave")
    (saved,) = storage.rglob("*.json")
    (entry,) = json.loads(saved.read_text())["benchmarks"]
    info = entry["extra_info"]
    assert info["bandwidth_gbps"] > 0 and info["roof_fraction"] > 0 and info["regime"] == "cold"
    assert isinstance(info["valid"], bool)
    # Device time alone: the bytes of the case over the median are the rate, to the last digit.
    assert 3 * 300 * 300 * 4 > info["bandwidth_gbps"] * 1e9 * entry["stats"]["median"] > 300 * 300 * 4
    has_pygal = importlib.util.find_spec("pygal") is not None
    histogram = [f"--benchmark-histogram={tmp_path / 'histogram'}"] if has_pygal else []
    said = python_m(*bench, "--benchmark-compare", *histogram)
    assert "0001_" in said and "NOW" in said
    assert not has_pygal or list(tmp_path.glob("histogram*.svg"))


@pytest.mark.slow
def test_a_kernel_that_the_gate_rejects_fails_the_benchmark(tmp_path):
    sweep = tmp_path / "tiny.toml"
    sweep.write_text(TINY)
    ended = elubench(
        "tests/bench", "--benchmark-only", "-q", "-p", "no:cacheprovider", "--sweep", sweep, "--device", "cpu",
        "--provider", PROVIDERS / "exp_minus_one.py", module="pytest",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout
    assert "rejected: gate: out is" in ended.stdout

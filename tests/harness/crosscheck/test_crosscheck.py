"""Our clock against others', for real on the CPU; on a GPU where there is one."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from harness.crosscheck import Rejected, _check, crosscheck, timers
from harness.device.devices import find_device
from harness.ops.cases import make_case
from tests.harness.command import PROVIDERS, elubench

CPU = find_device("cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads that wait for each other on a busy machine would measure the machine, not the clocks.

    And pytest-benchmark times nothing where pytest-xdist's variable is set.
    """
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2**18, 2**20])
def test_our_median_agrees_with_torch_and_pytest_within_the_noise(size):
    """At two sizes. On a machine with others at work, a second and a third chance."""
    for _ in range(3):
        checks = list(crosscheck(make_case("elu", (size,), "float32"), "eager", CPU, seconds=0.02))
        single = [check for check in checks if check.timer in ("torch.utils.benchmark", "pytest-benchmark")]
        assert [check.why for check in single] == [None, None]
        if all(check.agrees is not False for check in single):
            return
    pytest.fail(str(single))


def test_a_timer_that_is_twice_as_slow_differs(monkeypatch):
    monkeypatch.setattr("harness.crosscheck.CPU", {"slow": lambda *each: 2 * timers.torch_calls(*each)})
    for _ in range(3):
        (check,) = crosscheck(make_case("elu", (2**18,), "float32"), "eager", CPU, seconds=0.02)
        if check.agrees is False:
            break
    assert check.agrees is False
    assert check.ratio > 1.5


def test_a_wide_interval_decides_nothing():
    even, uneven = [1.0] * 9, [0.5, 0.9, 1.0, 1.1, 2.0, 1.0, 0.6, 1.5, 1.0]
    case = make_case("elu", (8,), "float32")
    assert _check(case, "eager", "timer", even, uneven, 0.001, None).agrees is None
    assert _check(case, "eager", "timer", even, even, 0.001, None).agrees is True
    assert _check(case, "eager", "timer", even, [2.0] * 9, 0.001, None).agrees is False


@pytest.mark.slow
def test_what_the_gate_rejects_is_not_timed():
    wrong = str(PROVIDERS / "exp_minus_one.py")
    with pytest.raises(Rejected, match=r"exp_minus_one is wrong and was not timed: out is .* ULP"):
        list(crosscheck(make_case("elu", (2**16,), "float32"), wrong, CPU))
    refused = elubench("crosscheck", "--device", "cpu", "--sizes", "65536", "--provider", wrong)
    assert refused.returncode == 1
    assert "is wrong and was not timed" in refused.stderr and "Traceback" not in refused.stderr


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest_benchmark", None)
    with pytest.raises(timers.Missing, match="pytest-benchmark is not installed"):
        timers.pytest_benchmark(lambda: None, 0.01)
    with pytest.raises(timers.Missing, match="cuda-bench is not installed"):
        timers.nvbench(lambda: None, 0.01)


def test_a_timer_that_fails_is_a_reason():
    with pytest.raises(timers.Missing, match=r"torch.utils.benchmark failed: ZeroDivisionError"):
        timers.torch_calls(lambda: 1 / 0, 0.01)


def test_kernels_of_the_call_are_found_in_a_profile():
    kernel = {"frame": {"name": "elu"}, "metrics": {"time (ns)": 5.0, "count": 2}, "children": []}
    scope = {"frame": {"name": "elubench"}, "metrics": {"time (ns)": 0}, "children": [kernel, kernel]}
    flush = {"frame": {"name": "add"}, "metrics": {"time (ns)": 70.0}, "children": []}
    profile = [{"frame": {"name": "ROOT"}, "metrics": {}, "children": [flush, scope]}, {"CUDA": {}}]
    assert sum(timers._times_below(profile, "elubench", inside=False)) == 10.0


@pytest.mark.slow
def test_the_verb_prints_rows_as_json_and_refuses_what_it_cannot_time():
    ended = elubench(
        "crosscheck", "--sizes", "1000,", "--rounds", "6", "--seconds", "0.02", "--device", "cpu", "--json"
    )
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    assert [(row["elements"], row["timer"]) for row in rows] == [(1000, timer) for timer in timers.CPU]
    assert all(row["theirs_s"] > 0 and row["ours_s"] > 0 for row in rows)
    for arguments, named in ((("--provider", "triton"), "needs a GPU"), (("--sizes", "1e6"), "'1e6' is none")):
        refused = elubench("crosscheck", "--device", "cpu", *arguments)
        assert refused.returncode == 2
        assert named in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("size", [2**24, 2**28])
def test_a_gpu_agrees_with_do_bench_within_2_percent_and_the_time_of_its_events(size):
    checks = {
        check.timer: check for check in crosscheck(make_case("elu", (size,), "float32"), "triton", find_device("auto"))
    }
    check = checks["triton.testing.do_bench"]
    assert check.theirs_s == pytest.approx(check.ours_s, abs=1.5e-6 + 0.02 * check.ours_s)

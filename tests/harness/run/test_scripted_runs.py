"""Whole runs on scripted GPUs, by the public command in real processes.

Torch, Triton, NVML and libcuda of each process are stand-ins (tests/harness/scripted_gpu), elubench is not: it finds
GPUs, compiles for sm_90, captures, flushes, reads clocks and energy. Kernels of Triton are run by the emulated GPU
wherever somebody looks at a value. Sweeps have the tables, ops and parameters of those that ship, at small shapes.

What a reading of the way to a GPU found wrong before there was one, and the tests that fail where it is undone ("here"
is this module; other names are under tests/harness, but for tests/kernels):

 1  a first launch in a capture         here: smoke; timing/test_regimes.py: a_kernel_is_loaded_before_the_capture
 2  a failed capture spoils the process  here: trouble, waits; timing/test_regimes.py: what_cannot_be_captured
 3  tests of the GPU end the evidence    cli/test_gpu_tests.py, cli/test_evidence.py
 4  a flush of subnormals is rejected    correctness/test_gate.py: a_flush_of_what_is_subnormal
 5  the default sweep takes too long     run/test_default_time.py
 6  points of curves are unsettled       here: default; run/test_default_time.py
 7  launches go to device 0              here: smoke, on cuda:1
 8  a roof stream that cannot run        timing/test_roofs.py: a_stream_that_fails; here: curves_that_die
 9  a launch hook is a call or None      tests/kernels/test_private.py: a_hook_may_be_one_call_or_none
10  over_roof by less than the noise     timing/test_roofs.py: a_record_is_allowed_one_percent
11  dirty lines in the L2                timing/test_regimes.py: what_the_flush_leaves
12  persisting lines in the L2           timing/test_regimes.py: lines_that_persist; correctness/test_cheats.py
13  spins, loads, tiny graphs, throttle  timing/test_clocks.py: a_module_that_is_loaded, a_slowed_device;
                                         timing/test_regimes.py: a_graph_of_a_tiny_kernel; here: default
"""

from __future__ import annotations

import pytest

from harness.store.records import read_run
from tests.harness.command import elubench
from tests.harness.scripted_gpu.command import KERNEL_S, cut, on_gpu, rows, whole
from tests.harness.scripted_gpu.providers import written

pytestmark = pytest.mark.slow
REGIMES = ("cold", "graph", "warm", "host")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """`smoke` on the second of two GPUs, in every regime, with its report."""
    folder = tmp_path_factory.mktemp("smoke")
    regimes = [word for regime in REGIMES for word in ("--regime", regime)]
    told = on_gpu(
        "run", "--sweep", cut("smoke", folder, energy_s=0.05), *regimes, "--device", "cuda:1", "--out", folder / "run",
        variables={"ELUBENCH_REPORT": "1"}, count=2,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return folder / "run", told


def test_smoke_is_timed_in_every_regime_on_the_second_gpu(smoke):
    path, _ = smoke
    run = whole(path)
    assert elubench("verify", path).returncode == 0
    assert (run.manifest.device.torch_device, run.manifest.device.name) == ("cuda:1", "Scripted 1")
    found = rows(path)
    assert set(found) == {"eager", "compile", "triton"}
    for provider, records in found.items():
        assert {(each.outcome, each.regime) for each in records} == {("ok", regime) for regime in REGIMES}
        assert len(records) == 4 * len(REGIMES)
        for each in records:
            assert not set(each.flags) & {"unsettled", "not_cold", "throttled", "unhidden"}, (provider, each.flags)
            assert (each.energy_j is None) == (each.regime == "host")
            assert each.sm_clock is not None and each.audits
    assert all(each.roof_gbps for records in found.values() for each in records if each.regime != "host")
    # One launch of one kernel; energy is 500 W, whatever is done.
    elu = next(each for each in found["triton"] if each.op == "elu" and each.regime == "graph")
    assert elu.median_s == pytest.approx(KERNEL_S, rel=0.01)
    assert elu.energy_j == pytest.approx(500 * KERNEL_S, rel=0.15)
    assert elu.max_ulp is not None and 0 < elu.max_ulp < 2, "computed by the emulated GPU"


def test_its_tables_and_report_say_regime_energy_and_roof(smoke):
    path, told = smoke
    out = told.stdout
    for heading in ("elu  float32\n", "elu  float32  graph\n", "elu  float32  warm\n", "elu  float32  host\n"):
        assert heading in out, "each kind of time has a table of its own"
    assert "mJ/GB" in out and "roof: " in out and "outcomes: 48 ok" in out
    page = (path / "report" / "index.html").read_text()
    assert "mJ" in page and "Scripted 1" in page
    assert "mJ/GB" in (path / "report" / "report.md").read_text()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Providers of every kind of trouble in turns with honest ones; the command itself dies, and is gone on with."""
    folder = tmp_path_factory.mktemp("hostile")
    files = written(folder, "honest", "waits", "poisons", "greedy", "killed", "kills")
    sweep = folder / "two.toml"
    sweep.write_text(
        cut("smoke", folder).read_text().partition("[[cases]]")[0]
        + '[[cases]]\nop = "elu"\nshapes = [[32, 64], [48, 64]]\n'
    )
    given = [word for spec in ("eager", "triton", *files) for word in ("--provider", str(spec))]
    path = folder / "run"
    first = on_gpu("run", "--sweep", sweep, *given, "--regime", "graph", "--out", path)
    stored = (path / "records.jsonl").read_bytes()
    second = on_gpu("run", "--resume", path)
    return path, first, stored, second


def test_kill_9_of_the_command_loses_nothing_and_resume_ends_the_run(hostile):
    path, first, stored, second = hostile
    assert first.returncode == -9 and second.returncode == 0, second.stderr
    assert stored and (path / "records.jsonl").read_bytes().startswith(stored)
    keys = [record.key for record in whole(path).records]
    assert len(set(keys)) == len(keys)
    assert {len(records) for records in rows(path).values()} == {2}


@pytest.mark.parametrize(
    ("provider", "outcome", "why"),
    [
        ("eager", "ok", ""),
        ("triton", "ok", ""),
        ("honest", "ok", ""),
        (
            "waits",
            "unsupported",
            "waits cannot be captured in a CUDA graph: RuntimeError: CUDA error: operation not permitted",
        ),
        ("poisons", "crashed", "device-side assert"),
        ("greedy", "oom", "CUDA out of memory"),
        ("killed", "ok", ""),
        ("kills", "ok", ""),
    ],
)
def test_trouble_costs_its_own_rows_and_no_others(hostile, provider, outcome, why):
    path, *_ = hostile
    first, second = rows(path)[provider]
    assert first.outcome == outcome, first.reason
    assert why in (first.reason or "")
    assert first.regime == ("graph" if outcome in ("ok", "unsupported") else None)
    assert second.outcome == ("oom" if provider == "greedy" else "ok"), second.reason


@pytest.fixture(scope="module")
def throttled(tmp_path_factory):
    """`default` on a device that is held at 59% of its clock, by its power limit."""
    folder = tmp_path_factory.mktemp("default")
    told = on_gpu("run", "--sweep", cut("default", folder), "--out", folder / "run", slowdown=1 / 0.59, reasons=0x04)
    assert told.returncode == 0, told.stderr
    return folder / "run", told


def test_default_on_a_throttled_device_ends_with_every_row_marked(throttled):
    path, told = throttled
    run = whole(path)
    found = rows(path)
    assert {len(records) for records in found.values()} == {9} and set(found) == {"eager", "compile", "triton"}
    assert all(each.outcome == "ok" and "throttled" in each.flags for records in found.values() for each in records)
    assert "throttled" in told.stdout
    curves = [each for each in run.records if each.is_roof_curve]
    assert {each.op for each in curves} == {"copy", "triad", "read", "arithmetic"}
    assert {each.regime for each in curves} >= {"warm"} and not any("unsettled" in each.flags for each in curves)


def test_family_has_a_row_of_each_provider_in_each_op(tmp_path):
    given = ("--provider", "eager", "--provider", "triton")
    told = on_gpu("run", "--sweep", cut("family", tmp_path), *given, "--out", tmp_path / "run")
    assert told.returncode == 0, told.stderr
    whole(tmp_path / "run")
    found = rows(tmp_path / "run")
    assert {len(records) for records in found.values()} == {22}
    failed = [(each.provider, each.case_key, each.reason) for each in read_run(tmp_path / "run").records
              if each.outcome != "ok"]  # fmt: skip
    assert failed == []


def test_curves_that_die_are_left_out_after_two_and_cost_no_case(tmp_path):
    """Others have the memory that the larger points need."""
    sweep = tmp_path / "one.toml"
    head = cut("smoke", tmp_path).read_text().partition("[[cases]]")[0]
    sweep.write_text(f'roof_curves = true\n{head}[[cases]]\nop = "elu"\nshapes = [[32, 64]]\n')
    run = tmp_path / "run"
    told = on_gpu("run", "--sweep", sweep, "--provider", "triton", "--out", run, free_bytes=2**21)
    assert told.returncode == 0, told.stderr
    assert [each.outcome for each in rows(run)["triton"]] == ["ok"]
    assert {each.op for each in whole(run).records if each.is_roof_curve} == {"copy", "triad"}


def test_a_gpu_that_is_not_there_is_named(tmp_path):
    told = on_gpu("run", "--device", "cuda:2", "--out", tmp_path / "run", count=2)
    assert told.returncode == 2 and "they are cuda:0 to cuda:1" in told.stderr

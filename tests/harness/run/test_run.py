"""The command line, in real processes."""

import dataclasses
import json
import os
import signal
import sys
import time
from dataclasses import asdict

import pytest

from harness.device.devices import find_device
from harness.run.runner import run_sweep
from harness.store import seal
from harness.store.files import Store
from harness.store.manifest import UNKNOWN_DEVICE, Manifest
from harness.store.records import read_run
from harness.store.vocabulary import MIXES, RECORDS, SCHEMA, Mix
from tests.harness.command import PROVIDERS, TINY, elubench, environment, start
from tests.harness.run.test_worker import QUIET, sweep


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def provider_rows(run):
    return [record for record in read_run(run).records if record.role == "provider"]


@pytest.mark.slow
def test_a_sweep_is_measured_stored_and_shown(tmp_path, tiny):
    run = tmp_path / "run"
    ended = elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu")
    assert ended.returncode == 0, ended.stderr
    assert str(run) in ended.stdout
    stored = read_run(run)
    assert list(stored.manifest.argv) == ["elubench", "run", "--sweep", str(tiny), "--out", str(run), "--device", "cpu"]
    assert [record.outcome for record in provider_rows(run)] == ["ok"] * 3
    roles = [(record.op, record.role) for record in stored.records]
    assert roles.count(("elu", "roof")) == 4
    assert roles.count(("elu_backward", "roof")) == 1
    assert sum(role == "control" for _, role in roles) == 3
    for record in stored.records:
        assert record.median_s > 0
        assert record.bandwidth_gbps == pytest.approx(record.bytes_moved / record.median_s / 1e9)
        assert record.ci95_s[0] <= record.median_s <= record.ci95_s[1]
        assert len(record.samples_s) >= 8
    for record in provider_rows(run):
        best = max(r.roof_gbps for r in stored.records if r.role == "roof" and r.case_key == record.case_key)
        assert record.roof_gbps == best
        assert record.max_ulp < 4
    assert stored.manifest.sweep["name"] == "tiny"
    assert stored.manifest.kernel_sources_sha256
    shown = elubench("show", run)
    assert shown.returncode == 0
    assert "eager" in shown.stdout


@pytest.mark.slow
def test_regimes_that_are_asked_for(tmp_path, tiny):
    """Cut down to one case; resumed after the loss of a record, as after a power cut."""
    run = tmp_path / "run"
    tiny.write_text(TINY.replace(", [257, 333]", ""))
    regimes = [word for name in ("warm", "cold", "host") for word in ("--regime", name)]
    ended = elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu", "--op", "elu", *regimes)
    assert ended.returncode == 0, ended.stderr
    rows = {row.regime: row for row in provider_rows(run)}
    assert {name: row.outcome for name, row in rows.items()} == {"warm": "ok", "cold": "ok", "host": "unsupported"}
    assert "no launch" in rows["host"].reason
    assert rows["warm"].buffer_sets == 1 < rows["cold"].buffer_sets
    assert rows["warm"].regime_why.startswith("asked for; one buffer set")
    stored = read_run(run)
    time_s = stored.manifest.time
    assert time_s.wall_s == pytest.approx(sum(time_s.stages_s.values()), rel=0.01)

    seal.unseal(run)
    lines = (run / RECORDS).read_text().splitlines(keepends=True)
    lost = [line for line in lines if '"regime":"warm"' in line and '"role":"roof"' not in line]
    assert len(lost) == 2
    (run / RECORDS).write_text("".join(line for line in lines if line not in lost))
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 0, ended.stderr
    again = read_run(run)
    assert {record.key for record in again.records} == {record.key for record in stored.records}
    assert len(again.records) == len(stored.records)
    assert again.manifest.time.wall_s > time_s.wall_s


@pytest.mark.slow
def test_roof_curves_have_every_mix_in_cold_and_warm_and_their_time_is_told(tmp_path):
    """On a device with a small cache, past which curves of two points reach; one that is lost is measured again."""
    small = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=2**15)
    plan = dataclasses.replace(sweep("eager"), roof_curves=True)
    plan = dataclasses.replace(plan, cases=plan.cases[:1])
    run = tmp_path / "run"
    store = Store.create(run, Manifest(schema=SCHEMA))
    run_sweep(plan, small, store, QUIET)
    store.close()
    stored = read_run(run)
    points = {(r.op, r.regime, r.working_set_bytes) for r in stored.records if r.is_roof_curve}
    assert {mix for mix, _, _ in points} == set(Mix)
    assert {regime for _, regime, _ in points} == {"cold", "warm"}
    assert len(points) == 2 * (1 + 2 * len(MIXES))
    time_s = stored.manifest.time
    assert 0 < time_s.measured_s + time_s.warmup_s < time_s.wall_s
    assert time_s.wall_s == pytest.approx(sum(time_s.stages_s.values()), rel=0.01)
    assert time_s.measured_s == pytest.approx(sum(record.measured_s for record in stored.records), rel=0.01)

    lines = (run / RECORDS).read_text().splitlines(keepends=True)
    lost = [line for line in lines if json.loads(line)["op"] == Mix.READ]
    assert lost
    (run / RECORDS).write_text("".join(line for line in lines if line not in lost))
    store = Store.resume(run)
    run_sweep(plan, small, store, QUIET)
    store.close()
    again = read_run(run)
    assert {record.key for record in again.records} == {record.key for record in stored.records}
    assert len(again.records) == len(stored.records)


@pytest.mark.slow
def test_kernels_without_a_gpu_are_validated_and_never_timed(tmp_path):
    run = tmp_path / "run"
    ended = elubench("run", "--sweep", "smoke", "--out", run, "--device", "cpu", "--provider", "triton")
    assert ended.returncode == 0, ended.stderr
    rows = read_run(run).records
    assert {record.op for record in rows} == {"elu", "elu_backward", "bias_elu", "bias_elu_backward"}
    for record in rows:
        assert (record.outcome, record.provider) == ("validated", "triton"), record.reason
        assert record.median_s is None
        assert not record.samples_s
        # With a bias, x + bias is rounded first, which exp magnifies by up to |x + bias|: 104, where it underflows.
        assert record.max_ulp <= (108 if "bias" in record.op else 4)


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_measured(tmp_path, tiny):
    run = tmp_path / "run"
    tiny.write_text(TINY.replace("max_seconds = 0.05", "max_seconds = 3.0").replace("max_samples = 40", ""))
    process = start("run", "--sweep", tiny, "--out", run, "--device", "cpu")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (run.exists() and b"\n" in _content(run)):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    assert 1 <= len(provider_rows(run)) < 3


def _content(run):
    return (run / RECORDS).read_bytes() if (run / RECORDS).exists() else b""


@pytest.mark.slow
def test_a_budget_ends_early_and_resume_goes_on(tmp_path, tiny):
    run = tmp_path / "run"
    ended = elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu", "--budget", "0")
    assert ended.returncode == 0
    assert "3 cases are left" in ended.stderr
    assert "--resume" in ended.stderr
    assert elubench("run", "--resume", run).returncode == 0
    assert len(provider_rows(run)) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "--sweep", "huge"], "no sweep 'huge'; choose from activations, "),
        (["run", "--op", "gelu"], "no op 'gelu'"),
        (["run", "--dtype", "int8"], "no dtype 'int8'"),
        (["run", "--provider", "magic"], "no provider 'magic'"),
        (["run", "--provider", "none.py"], "no file none.py"),
        (["run", "--device", "cuda:7"], "cuda:7"),
        (["run", "--device", "toaster"], "toaster"),
        (["run", "--resume", "nowhere"], "nowhere"),
        (["run", "--resume", "nowhere", "--sweep", "smoke"], "leave out --sweep"),
        (["run", "--regime", "hot"], "no regime 'hot'"),
        (["run", "--resume", "nowhere", "--regime", "cold"], "leave out --regime"),
        (["run", "--budget", "-1"], "budget"),
        (["run", "--budget", "soon"], "budget"),
        (["show", "nowhere"], "nowhere holds no manifest.json"),
        (["list", "colours"], "colours"),
        (["list", "cases", "--sweep", "huge"], "no sweep 'huge'"),
        (["launch"], "launch"),
    ],
)
def test_bad_usage_is_one_clear_sentence_and_exit_code_2(tmp_path, arguments, named):
    ended = elubench(*arguments)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ended.stdout.strip()


@pytest.mark.slow
def test_an_out_that_holds_something_is_not_touched(tmp_path, tiny):
    run = tmp_path / "run"
    assert elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu", "--budget", "0").returncode == 0
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    ended = elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu")
    assert ended.returncode == 2
    assert "holds another run" in ended.stderr
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": 99}, "schema 99"),
        ({"device": asdict(UNKNOWN_DEVICE) | {"name": "another"}}, "another"),
    ],
)
def test_a_run_of_another_schema_or_device_is_not_resumed(tmp_path, tiny, change, named):
    run = tmp_path / "run"
    elubench("run", "--sweep", tiny, "--out", run, "--device", "cpu", "--budget", "0")
    manifest = json.loads((run / "manifest.json").read_text()) | change
    (run / "manifest.json").write_text(json.dumps(manifest))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.slow
def test_lists_name_what_there_is():
    assert "bias_elu_backward" in elubench("list", "ops").stdout
    assert "compile" in elubench("list", "providers").stdout
    assert "smoke" in elubench("list", "sweeps").stdout
    assert (
        "elu(alpha=1,input_scale=1,scale=1) 512x512 float32 contiguous"
        in elubench("list", "cases", "--sweep", "smoke").stdout
    )


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nsys.argv = ['elubench', '--help']\nfrom harness.cli.entry import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'triton', 'numpy', 'scipy'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    import subprocess

    ended = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    for verb in ("run", "show", "list", "doctor"):
        assert verb in ended.stdout


@pytest.mark.slow
def test_a_worker_does_not_outlive_a_killed_parent(tmp_path, tiny):
    process = start(
        "run",
        "--sweep",
        tiny,
        "--out",
        tmp_path / "run",
        "--op",
        "elu",
        "--device",
        "cpu",
        "--provider",
        PROVIDERS / "hangs.py",
    )
    deadline = time.monotonic() + 60
    children = []
    while time.monotonic() < deadline and not children:
        time.sleep(0.2)
        children = _children(process.pid)
    time.sleep(3)
    children = _children(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(_alive(child) for child in children):
        time.sleep(0.1)
    assert children
    assert not any(_alive(child) for child in children)


def _children(pid):
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"

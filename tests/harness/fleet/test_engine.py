"""The sweep on real Ray clusters of this machine: the same cases, and nothing lost where something dies."""

import contextlib
import dataclasses
import signal
import threading
import time

import psutil
import pytest

from harness import providers
from harness.cli.engines import in_words
from harness.device.devices import find_device
from harness.fleet.cluster import Cluster
from harness.ops.cases import make_case
from harness.run.engine import LocalEngine
from harness.run.ray_engine import RayEngine
from harness.run.runner import Progress, run_on
from harness.store.files import Store
from harness.store.manifest import make_manifest, read_manifest
from harness.store.records import read_run
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.sweep import Sweep
from reports.analysis.verify import verify
from tests.harness.command import start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

QUICK = StopRule(min_samples=8, max_samples=10, max_seconds=0.02, warmup_seconds=0.0, max_warmup_seconds=0.01)
PATIENCE_S = 300.0  # with a case: a busy machine takes its time to import torch
FROZEN_S = 25.0  # until a worker that does not answer is given up
SLEEPS = """
import time
import torch

def elu(x, alpha, scale, input_scale, out):
    time.sleep(0.05)
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
"""


@pytest.fixture
def sleeping(tmp_path):
    path = tmp_path / "sleeping.py"
    path.write_text(SLEEPS)
    return str(path)


def plan(*specs, cases=6):
    shapes = tuple(make_case("elu", (64, 100 + n), "float32") for n in range(cases))
    return Sweep("test", "", shapes, tuple(specs), QUICK, PATIENCE_S, 2**24, regimes=("warm",))


def engine_of(cluster, wanted, said=None, **how):
    return RayEngine(cluster, (), True, None, wanted.providers, (said if said is not None else []).append, **how)


def measure(engine, wanted, path, on_case_done=lambda case, records: None):
    """The sweep into a new run, or into the one that is there."""
    manifest = make_manifest(engine.devices[0], wanted.content(), [], engine.fleet, engine.settings)
    with Store.resume(path) if path.exists() else Store.create(path, manifest) as store:
        return run_on(engine, wanted, store, Progress(lambda *_: None, on_case_done))


def rows(path):
    """The records of providers, each once."""
    records = read_run(path).records
    assert len({record.key for record in records}) == len(records)
    return [record for record in records if record.role == "provider"]


def is_whole(path, wanted):
    found = {(record.case_key, record.provider): record for record in rows(path)}
    names = [providers.name_of(spec) for spec in wanted.providers]
    assert set(found) == {(case.key, name) for case in wanted.cases for name in names}
    assert {record.outcome for record in found.values()} <= {"ok", "validated"}
    return found


def test_a_killed_driver_loses_nothing_and_either_engine_goes_on(machine, tmp_path, sleeping):
    run, sweep = tmp_path / "run", tmp_path / "sleep.toml"
    sweep.write_text(
        'providers = ["eager"]\ndtypes = ["float32"]\ncase_timeout_s = 300\nregimes = ["warm"]\n'
        "[stop]\nmin_samples = 8\nmax_samples = 10\nmax_seconds = 0.02\nwarmup_seconds = 0.0\n"
        f'[[cases]]\nop = "elu"\nshapes = {[[64, 100 + n] for n in range(6)]}\n'
    )
    where = ("--engine", "ray", "--address", machine.of(1).address)
    begun = ("run", "--sweep", sweep, "--provider", sleeping, "--out", run, *where)
    stored = _killed(begun, run, 2)
    stored = _killed(("run", "--resume", run), run, stored + 1)
    with start("run", "--resume", run, *where) as process:
        _, said = process.communicate(timeout=800)
    assert process.returncode == 0, said
    found = rows(run)
    assert len(found) == 6
    assert {record.outcome for record in found} == {"ok"}
    assert {record.placement.ray_node is None for record in found} == {True, False}
    assert len(read_manifest(run).sessions) == 2


def _killed(arguments, run, cases):
    """Start elubench, kill it once so many cases are stored, and give how many are stored then."""
    deadline = time.monotonic() + 300
    with start(*arguments) as process:
        while _count(run) < cases and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    return _count(run)


def _count(run):
    return len(rows(run)) if (run / "records.jsonl").exists() else 0


def test_what_waits_is_done_sooner_by_more_workers(machine, tmp_path, sleeping):
    wanted, each_s, whole_s = plan(sleeping, cases=12), {}, {}
    for workers in (1, 3):
        with Cluster(machine.of(workers).address) as cluster:
            moments = [time.monotonic()]

            def note(case, records, moments=moments):
                moments.append(time.monotonic())

            measure(engine_of(cluster, wanted), wanted, tmp_path / str(workers), note)
        whole_s[workers] = moments[-1] - moments[0]
        # From where every worker has imported torch for its first case: that is no waiting, and shares two cores.
        each_s[workers] = (moments[-1] - moments[workers]) / (len(wanted.cases) - workers)
        is_whole(tmp_path / str(workers), wanted)
    print(f"seconds a case, by workers: {each_s}; of the whole sweep: {whole_s}")
    assert each_s[1] > 1.6 * each_s[3]


def test_workers_and_a_node_that_die_cost_no_record_and_the_sweep_ends_whole(machine, tmp_path, sleeping):
    wanted, said = plan(sleeping, cases=10), []
    told, hindered, meanwhile = [], [], threading.Thread(target=lambda: _hinder(machine, hindered), daemon=True)

    def on_case_done(case, records):
        if not told:
            meanwhile.start()
        told.append(case)

    try:
        with Cluster(machine.of(3).address) as cluster:
            engine = engine_of(cluster, wanted, said, limit_s=FROZEN_S)
            assert len(engine.fleet) == 3
            assert measure(engine, wanted, tmp_path / "run", on_case_done).left == 0
    finally:
        for process in hindered:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    is_whole(tmp_path / "run", wanted)
    assert len(told) == 10
    lost = [line for line in said if "a worker was lost" in line]
    assert len(lost) >= 3 and any(f"it had not answered after {FROZEN_S:.0f} s" in line for line in lost), said


def _hinder(machine, hindered):
    """Once all three workers measure at once, one is frozen, one is killed, and one loses its node."""
    while len(busy := {each.ppid(): each for each in psutil.Process().children(recursive=True) if _measures(each)}) < 3:
        time.sleep(0.02)
    raylet = next(each for each in machine.raylets() if each in busy)
    del busy[raylet]
    for process, number in zip(busy.values(), (signal.SIGSTOP, signal.SIGKILL), strict=False):
        process.send_signal(number)
        hindered.append(process)
    machine.kill(raylet)


def _measures(process):
    """Whether it is a worker of Ray that has begun to measure: it has a process of its own for that."""
    try:
        return "ray::_Actor.do" in " ".join(process.cmdline()) and bool(process.children())
    except psutil.NoSuchProcess:
        return False


def test_two_nodes_measure_the_cases_of_one_machine_and_say_who_did(machine, tmp_path):
    wanted = plan("eager", "triton", cases=4)
    with Cluster(machine.of(2).address) as cluster:
        engine = engine_of(cluster, wanted)
        assert in_words(engine) == f"2 × {find_device('cpu').name}"
        assert measure(engine, wanted, tmp_path / "spread").left == 0
    measure(LocalEngine(find_device("cpu")), dataclasses.replace(wanted, providers=("eager",)), tmp_path / "local")

    is_whole(tmp_path / "spread", wanted)
    run = read_run(tmp_path / "spread")
    fleet = run.manifest.fleet
    assert len({each.placement.ray_node for each in fleet}) == 2
    assert all(each.check is not None and each.check.gbps > 0 for each in fleet)
    assert {record.placement.ray_node for record in run.records} == {each.placement.ray_node for each in fleet}
    for case in wanted.cases:  # one device has timed all of it: providers, roof and control
        timed = [record for record in run.records if record.case_key == case.key and record.median_s]
        assert {record.role for record in timed} == {"provider", "roof", "control"}
        assert len({record.placement for record in timed}) == 1
    assert verify(run).mismatches == ()
    alone = {(record.case_key, record.regime) for record in rows(tmp_path / "local")}
    assert alone == {(record.case_key, record.regime) for record in rows(tmp_path / "spread") if record.median_s}
    assert {record.placement.ray_node for record in rows(tmp_path / "local")} == {None}

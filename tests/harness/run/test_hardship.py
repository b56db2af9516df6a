"""Real processes under real hardship: killed at random moments, short of memory, on a disk that fills.

Where the limit is on memory, the parent of the workers is forked off the test's process, and its workers import again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import resource
import signal
import subprocess
import threading
import time
import traceback
from pathlib import Path

import psutil
import pytest

from harness.device.devices import find_device
from harness.ops.cases import make_case
from harness.store.files import Store
from harness.store.manifest import Manifest, add_session, make_manifest
from harness.store.records import read_run
from harness.store.vocabulary import RECORDS, SCHEMA, RunError
from harness.sweeps.sweep import load
from tests.harness.command import PROVIDERS, TINY, elubench, process
from tests.harness.run.resumed import resume
from tests.harness.run.test_worker import sweep
from tests.harness.warm import NAME

KILLS = 20


def new_run(run, plan):
    Store.create(run, Manifest(schema=SCHEMA, sweep=plan.content())).close()
    return run


def forked(run, restrict):
    """A process that goes on with `run`, under what `restrict` does to it; its id."""
    parent = os.fork()
    if parent:
        return parent
    try:
        restrict()
        resume(run)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # never back into the test


def provider_rows(run):
    return [record for record in read_run(run).records if record.role == "provider"]


def whole_lines(run):
    content = (run / RECORDS).read_bytes() if (run / RECORDS).exists() else b""
    return content[: content.rfind(b"\n") + 1]


@pytest.mark.slow
def test_kill_9_at_20_random_moments_loses_nothing_and_doubles_nothing(tmp_path):
    cases = tuple(make_case("elu", (100, 10 + n), "float32") for n in range(1500))
    plan = dataclasses.replace(sweep("eager"), cases=cases)
    run, chance = new_run(tmp_path / "run", plan), random.Random(20)
    kills, stored = {"parent": 0, "worker": 0}, b""
    while sum(kills.values()) < KILLS:
        parent = process(["-m", "tests.harness.run.resumed", run], stdout=None, stderr=None)
        try:
            # A worker is given the time to store something before it, or the next one, is killed; a parent is not. Two
            # cases, as the first may be of the one before it: who is killed twice as it begins ends the parent.
            while chance.random() < 0.5 and sum(kills.values()) < KILLS - 1:
                _wait_for_more(run)
                _wait_for_more(run)
                time.sleep(chance.uniform(0, 0.1))
                kills["worker"] += _kill_worker(parent.pid)
            if chance.random() < 0.5:
                _wait_for_more(run)
            time.sleep(chance.uniform(0, 0.25))
        finally:
            parent.kill()
            code = parent.wait()
        assert code == -signal.SIGKILL, "the parent ended before it was killed"
        kills["parent"] += 1
        before, stored = stored, whole_lines(run)
        assert stored.startswith(before), "what was stored has changed"
    assert min(kills.values()) >= 3

    done = len({record.case_key for record in read_run(run).records})
    plan = dataclasses.replace(plan, cases=plan.cases[: done + 2])
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"sweep": plan.content()}))
    resume(run)
    assert whole_lines(run).startswith(stored)
    keys = [record.key for record in read_run(run).records]
    assert len(set(keys)) == len(keys)
    rows = provider_rows(run)
    assert {record.case_key for record in rows} == {case.key for case in plan.cases}
    # That somebody kills a worker is no fault of the provider's: its case is measured again.
    assert {record.outcome for record in rows} == {"ok"}


def _wait_for_more(run):
    before, deadline = len(whole_lines(run)), time.monotonic() + 120
    while len(whole_lines(run)) == before and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(whole_lines(run)) > before, "nothing was stored for two minutes"


def _kill_worker(parent):
    children = psutil.Process(parent).children()
    workers = [
        child for child in children if child.name() != NAME and "resource_tracker" not in " ".join(child.cmdline())
    ]
    for worker in workers:
        worker.kill()
    return bool(workers)


def one_case(*specs):
    plan = sweep(*specs)
    return dataclasses.replace(plan, cases=plan.cases[:1])


@pytest.mark.slow
def test_memory_under_a_limit_runs_out_for_one_provider_only(tmp_path):
    """A limit on the address space, as `ulimit -v` sets it: an allocation fails, and the process lives on."""
    plan = one_case(str(PROVIDERS / "allocates.py"), "eager")
    run, limit = new_run(tmp_path / "run", plan), psutil.Process().memory_info().vms + 2**31
    parent = forked(run, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert os.waitpid(parent, 0)[1] == 0
    assert {row.provider: row.outcome for row in provider_rows(run)} == {"allocates": "oom", "eager": "ok"}


@pytest.fixture
def memory_group():
    """A control group of 1.5 GiB, in which the kernel itself ends what wants more."""
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(top) / f"elubench-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(3 * 2**29))
        except OSError:
            group.rmdir()
            continue
        yield group
        deadline = time.monotonic() + 10  # the last process may still be on its way out
        while group.exists() and time.monotonic() < deadline:
            try:
                group.rmdir()
            except OSError:
                time.sleep(0.05)
        return
    pytest.skip("no control group with a memory limit can be made here: that needs root, or a delegated group")


@pytest.mark.slow
def test_who_wants_more_memory_than_there_is_fails_and_the_parent_goes_on(tmp_path, memory_group):
    plan = one_case(str(PROVIDERS / "allocates.py"), "eager")
    run, procs = new_run(tmp_path / "run", plan), memory_group / "cgroup.procs"
    parent = forked(run, lambda: procs.write_text(str(os.getpid())) and None)
    assert os.waitpid(parent, 0)[1] == 0
    rows = {row.provider: row for row in provider_rows(run)}
    outcomes = {name: row.outcome for name, row in rows.items()}
    assert outcomes == {"allocates": "oom", "eager": "ok"}, {name: row.reason for name, row in rows.items()}


@pytest.mark.slow
def test_a_worker_on_a_cpu_cannot_have_all_memory(tmp_path):
    """Nearly all that is free, and not touched: without a limit it is given, and taken once it is too late."""
    (tmp_path / "nearly_all.py").write_text(
        "import psutil\nimport torch\n\n\ndef elu(x, alpha, scale, input_scale):\n"
        "    kept = torch.empty(int(0.98 * psutil.virtual_memory().available), dtype=torch.uint8)\n"
        "    return torch.nn.functional.elu(x)\n"
    )
    (tmp_path / "tiny.toml").write_text(TINY)
    run = tmp_path / "run"
    ended = elubench("run", "--sweep", tmp_path / "tiny.toml", "--op", "elu", "--device", "cpu", "--out", run,
                     "--provider", tmp_path / "nearly_all.py", "--provider", "eager")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    outcomes = {(row.provider, row.outcome) for row in provider_rows(run)}
    assert outcomes == {("nearly_all", "oom"), ("eager", "ok")}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "elubench", disk]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_resume_goes_on(tmp_path, small_disk):
    run, plan, ballast = small_disk / "run", tmp_path / "tiny.toml", small_disk / "ballast"
    plan.write_text(TINY)
    Store.create(run, make_manifest(find_device("cpu"), load(str(plan)).content(), ["elubench"])).close()
    filler = threading.Thread(target=_fill_once_a_case_is_stored, args=(run, ballast))
    filler.start()
    stopped = elubench("run", "--resume", run)
    filler.join()
    assert stopped.returncode == 2
    assert f"the disk of {run} is full; everything before is intact" in stopped.stderr
    assert f"go on with --resume {run}" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    stored = whole_lines(run)
    assert stored and not read_run(run).torn

    manifest = (run / "manifest.json").read_bytes()
    with pytest.raises(RunError, match="No space left on device"):
        add_session(run, ["elubench"])
    with pytest.raises(RunError, match="No space left on device"):
        Store.create(small_disk / "another", Manifest(schema=SCHEMA))
    assert (run / "manifest.json").read_bytes() == manifest

    ballast.unlink()
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 0, ended.stderr
    assert whole_lines(run).startswith(stored)
    keys = [record.key for record in read_run(run).records]
    assert len(set(keys)) == len(keys)
    assert [row.outcome for row in provider_rows(run)] == ["ok"] * 3


def _fill_once_a_case_is_stored(run, ballast):
    """Once a second case is seen: the records of one are written together, and until then may be taken back."""
    deadline = time.monotonic() + 240
    while len({json.loads(line)["shape"][0] for line in whole_lines(run).splitlines()}) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return

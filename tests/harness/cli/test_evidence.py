from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.evidence import slug
from harness.device.devices import find_device
from harness.store.manifest import write_manifest
from harness.store.records import read_run
from harness.store.vocabulary import MANIFEST, RECORDS
from tests.harness.command import TINY, elubench, environment

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
HERE = slug(find_device("cpu").name)


@given(st.text())
def test_a_slug_is_one_plain_folder_name(name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))


@given(st.text())
def test_a_slug_of_a_slug_is_itself(name):
    assert slug(slug(name)) == slug(name)


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_case_and_what_surrounds_a_name_do_not_matter(name):
    assert slug(f" ({name.upper()})\n") == slug(name)


@given(st.lists(st.from_regex("[a-z0-9]+", fullmatch=True), min_size=1), st.sampled_from([" ", "_", "/", "::", " – "]))
def test_the_words_of_a_name_are_kept_in_order(words, between):
    assert slug(between.join(words)).split("-") == words


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3"),
        ("AMD EPYC 9654 96-Core Processor", "amd-epyc-9654-96-core-processor"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-r-xeon-r-cpu-2-20ghz"),
        ("../../etc", "etc"),
        ("", "unnamed"),
        ("龍芯", "unnamed"),
    ],
)
def test_slugs_of_real_names(name, folder):
    assert slug(name) == folder


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "My tiny.toml"
    path.write_text(TINY)
    return path


def evidence(*arguments):
    return elubench(*arguments, module="harness.cli.evidence", **NO_GPU)


@pytest.mark.slow
def test_a_sweep_from_a_file_goes_to_the_devices_folder_and_is_gone_on_with(tmp_path, tiny):
    results = tmp_path / "results"
    run = results / HERE / "my-tiny"
    arguments = ("--sweep", tiny, "--results", results, "--budget")
    ended = evidence(*arguments, "0")
    assert ended.returncode == 0, ended.stderr
    assert "3 cases are left" in ended.stderr
    assert [path for path in results.rglob("*") if path.name == RECORDS] == [run / RECORDS]
    assert not read_run(run).records

    ended = evidence(*arguments, "100")
    assert ended.returncode == 0, ended.stderr
    done = read_run(run)
    assert [record.outcome for record in done.records if record.role == "provider"] == ["ok"] * 3
    assert "--resume" in done.manifest.sessions[0].argv

    before = (run / RECORDS).read_bytes()
    ended = evidence(*arguments, "100")
    assert ended.returncode == 0, ended.stderr
    assert (run / RECORDS).read_bytes() == before, "what is measured is not measured again"

    write_manifest(run / MANIFEST, replace(done.manifest, kernel_sources_sha256="0" * 64))
    ended = evidence(*arguments, "100")
    assert ended.returncode == 2
    assert f"{run} was made with other kernel sources" in ended.stderr and f"mv {run} {run}-before" in ended.stderr
    assert (run / RECORDS).read_bytes() == before
    assert tiny.read_text() == TINY


@pytest.mark.slow
def test_a_sweep_by_name_has_a_folder_of_that_name(tmp_path):
    ended = evidence("--sweep", "smoke", "--results", tmp_path, "--budget", "0")
    assert ended.returncode == 0, ended.stderr
    assert read_run(tmp_path / HERE / "smoke").manifest.sweep["name"] == "smoke"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sweep", "huge"], "no sweep 'huge'"),
        (["--sweep", "none.toml"], "no file none.toml"),
        (["--budget", "soon"], "budget"),
        (["--budget", "-1"], "budget"),
        (["--swoop", "smoke"], "swoop"),
    ],
)
def test_wrong_usage_is_said_and_leaves_nothing(tmp_path, arguments, named):
    ended = evidence(*arguments, "--results", tmp_path / "results")
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "results").exists()


def test_a_machine_without_torch_is_told_in_one_sentence(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    ended = elubench("--results", tmp_path / "results", module="harness.cli.evidence", PYTHONPATH=path)
    assert ended.returncode == 2
    assert ended.stderr == "elubench: torch cannot be imported (no torch here); run 'make setup'\n"
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_ctrl_c_ends_it_as_it_ends_a_run(tmp_path, tiny):
    """As in a terminal, the signal goes to every process of the group."""
    tiny.write_text(TINY.replace("max_seconds = 0.05", "max_seconds = 0.5").replace("max_samples = 40", ""))
    results = tmp_path / "results"
    records = results / HERE / "my-tiny" / RECORDS
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli.evidence", "--sweep", str(tiny), "--results", str(results)],
        env=environment() | NO_GPU, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (records.exists() and b"\n" in records.read_bytes()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 130
    assert "everything measured so far is in" in err
    assert "--resume" in err
    assert "Traceback" not in err
    stored = [record for record in read_run(records.parent).records if record.role == "provider"]
    assert 1 <= len(stored) < 3

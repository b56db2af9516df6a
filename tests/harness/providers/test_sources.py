"""A run keeps the sources of its providers from files, and is not gone on with by others of the same name."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from harness.store.manifest import read_manifest
from harness.store.records import read_run
from harness.store.vocabulary import RECORDS
from tests.harness.command import elubench, start

MINE = "import torch\nimport helper\n\ndef elu(x, alpha, scale, input_scale):\n    return helper.elu(x)\n"
HELPER = "import torch\n\nelu = torch.nn.functional.elu\n"
SWEEP = """
providers = ["eager"]
dtypes = ["float32"]
case_timeout_s = 60
[stop]
min_samples = 3
max_samples = 3
warmup_seconds = 0.0
[[cases]]
op = "elu"
shapes = [[64], [65], [66]]
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A provider and what it imports, and a run of it in which nothing is measured yet."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "mine.py").write_text(MINE)
    (folder / "helper.py").write_text(HELPER)
    (folder / "sweep.toml").write_text(SWEEP)
    ended = elubench("run", "--sweep", folder / "sweep.toml", "--device", "cpu", "--out", folder / "run",
                     "--provider", folder / "mine.py", "--budget", "0")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def run(begun, tmp_path):
    shutil.copytree(begun / "run", tmp_path / "run")
    yield tmp_path / "run"
    (begun / "mine.py").write_text(MINE)
    (begun / "helper.py").write_text(HELPER)


@pytest.mark.slow
def test_the_sources_are_kept_and_covered_by_the_seal(run):
    assert (run / "providers/mine/mine.py").read_text() == MINE
    assert (run / "providers/mine/helper.py").read_text() == HELPER
    assert list(read_manifest(run).provider_sources_sha256) == ["mine"]
    assert elubench("verify", run).returncode == 0
    (run / "providers/mine/helper.py").write_text(HELPER + "\n")
    ended = elubench("verify", run)
    assert ended.returncode == 1
    assert "seal broken" in ended.stdout and "providers/mine: the hash of its sources is stored as" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("change", ["edit", "add", "remove"])
def test_a_run_without_a_seal_says_so_too(run, change):
    (run / "seal.json").unlink()
    if change == "edit":
        (run / "providers/mine/mine.py").write_text("")
    elif change == "add":
        (run / "providers/mine/other.py").write_text("")
    else:
        shutil.rmtree(run / "providers")
    ended = elubench("verify", run)
    assert ended.returncode == 1 and "providers/mine: the hash of its sources" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine.py", "helper.py"])
def test_resume_refuses_other_sources_in_one_sentence(begun, run, name):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with open(begun / name, "a") as file:
        file.write("# another\n")
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert (
        f"other sources of the provider 'mine' than those of {begun / 'mine.py'} now (changed: {name})" in ended.stderr
    )
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_same_sources_go_on(run):
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 0, ended.stderr
    assert {row.outcome for row in read_run(run).records if row.role == "provider"} == {"ok"}
    assert elubench("verify", run).returncode == 0


@pytest.mark.slow
def test_an_edit_while_the_run_goes_on_ends_it(begun, run):
    """What was stored before the edit stays; the case that was measured around it does not count."""
    text = MINE.replace("    return", "    import time; time.sleep(0.3)\n    return")
    (begun / "mine.py").write_text(text)
    again = run.with_name("again")
    process = start("run", "--sweep", begun / "sweep.toml", "--device", "cpu", "--out", again,
                    "--provider", begun / "mine.py")  # fmt: skip
    deadline = time.monotonic() + 120
    while not ((again / RECORDS).exists() and os.path.getsize(again / RECORDS)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    (begun / "mine.py").write_text(MINE)
    try:
        _, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == 2 and "other sources of the provider 'mine'" in err, err
    assert len({row.case_key for row in read_run(again).records}) < 3
    assert elubench("verify", again).returncode == 0

"""Every verb through everything that a user can do to it: one sentence and an exit code, and never a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.harness.command import ROOT, TINY, elubench, environment, start
from tests.reports.runs import control, record, run_of, stored

READERS = ("show", "report", "verify", "cite", "trend", "compare")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return stored(
        run_of(record(), record(provider="mine"), control(0.01)), tmp_path_factory.mktemp("runs") / "run"
    ).path


def broken_runs(run, folder):
    """Directories and files that are no run, each wrong in its own way, by what is wrong."""
    garbage = {"manifest": b"\xff\xfe{", "manifest is a list": b"[]", "manifest is empty": b""}
    places = {}
    for name, content in garbage.items():
        places[name] = folder / name
        shutil.copytree(run, places[name])
        (places[name] / "manifest.json").write_bytes(content)
    places["records"] = folder / "records"
    shutil.copytree(run, places["records"])
    (places["records"] / "records.jsonl").write_bytes(b'{"schema": 2}\n\xff\n')
    places["seal"] = folder / "seal"
    shutil.copytree(run, places["seal"])
    (places["seal"] / "seal.json").write_bytes(b"no seal")
    for name, inner in (("manifest is a folder", "manifest.json"), ("records are a folder", "records.jsonl")):
        places[name] = folder / name
        shutil.copytree(run, places[name])
        (places[name] / inner).unlink()
        (places[name] / inner).mkdir()
    places["a file"] = folder / "file"
    places["a file"].write_text("no run")
    places["missing"] = folder / "nowhere"
    places["a path too long"] = folder / ("x" * 300)
    return places


def arguments(verb, place):
    return [verb, place, place] if verb in ("trend", "compare") else [verb, place]


@pytest.mark.slow
@pytest.mark.parametrize("verb", READERS)
def test_what_is_no_run_is_said_in_one_sentence(verb, run, tmp_path):
    started = {name: start(*arguments(verb, place), COLUMNS="80") for name, place in broken_runs(run, tmp_path).items()}
    for name, process in started.items():
        _, err = process.communicate(timeout=200)
        # A broken seal does not keep a run from being shown; all else is no run.
        assert process.returncode in ((0, 1, 2) if name == "seal" else (1, 2)), (name, err)
        assert "Traceback" not in err, (name, err)
        if name != "seal":
            assert err.startswith("elubench: ") and len(err.strip().splitlines()) == 1, (name, err)


OUTPUTS = [
    ("report", "{run}", "report is a file"),
    ("cite", "{run}", "--out", "{file}"),
    ("cite", "{run}", "--out", "/proc/nowhere"),
    ("trend", "{run}", "{run}", "--figure", "{missing}/x.svg"),
    ("trend", "{run}", "{run}", "--figure", "/proc/x.svg"),
    ("run", "--sweep", "{sweep}", "--out", "{file}"),
    ("run", "--sweep", "{sweep}", "--out", "/proc/nowhere"),
    ("run", "--sweep", "{folder}"),
    ("run", "--sweep", "{folder}.toml"),
    ("run", "--sweep", "{sweep}", "--provider", "{folder}/x.py"),
    ("run", "--resume", "{file}"),
    ("claims", "--out", "{file}", "--quick"),
    ("claims", "--resume", "{missing}"),
    ("inspect", "--op", "elu", "--dtype", "float32", "--arch", "sm_90", "--listings", "{file}"),
    ("inspect", "--provider", "{missing}.py"),
    ("crosscheck", "--provider", "{missing}.py"),
    ("list", "cases", "--sweep", "{missing}"),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", OUTPUTS, ids=lambda words: " ".join(words))
def test_a_place_that_cannot_be_used_is_named(words, run, tmp_path):
    sweep, file, folder = tmp_path / "sweep.toml", tmp_path / "file", tmp_path / "folder"
    sweep.write_text(TINY)
    file.write_text("a file")
    folder.mkdir()
    (tmp_path / "folder.toml").mkdir()
    (folder / "x.py").mkdir()
    if words[-1] == "report is a file":
        words = words[:-1]
        mine = tmp_path / "run"
        shutil.copytree(run, mine)
        (mine / "report").write_text("a file where the directory should be")
        run = mine
    places = {"run": run, "file": file, "folder": folder, "sweep": sweep, "missing": tmp_path / "missing"}
    ended = elubench(*(word.format(**places) for word in words))
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr and ended.stderr.strip().splitlines()[-1].startswith("elubench: ")
    assert file.read_text() == "a file"
    assert not (tmp_path / "missing").exists()


VERBS = [("show", "{run}"), ("compare", "{run}", "{run}"), ("cite", "{run}"), ("list", "ops"),
         ("trend", "{run}", "{run}"), ("list", "cases"), ("--help",)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_standard_output_may_be_full_closed_ascii_or_a_pipe_that_ends(words, run):
    command = [sys.executable, "-m", "harness", *(word.format(run=run) for word in words)]
    base = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True, "timeout": 200}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, env=environment(), stdout=full, **base)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("elubench: the output cannot be written (No space left")
    ended = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], env=environment(), **base)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    ascii_only = environment() | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    ended = subprocess.run(command, env=ascii_only, stdout=subprocess.PIPE, **base)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False) and ended.stdout
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, env=environment(), stdout=writer, **base)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.parametrize("delay_s", [0.01, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_at_any_moment_is_answered(delay_s, run):
    process = start("report", run)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    # Before Python runs a line of ours, the interpreter answers by itself.
    if "init_import_site" not in err:
        assert process.returncode in (0, 130, -signal.SIGINT), err
        assert "Traceback" not in err or "harness" not in err

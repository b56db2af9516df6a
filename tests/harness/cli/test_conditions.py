"""Every verb through everything that a user can do to it: one sentence and an exit code, and never a traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
import typer.main

from harness.cli.app import app
from tests.harness.command import PROVIDERS, ROOT, TINY, elubench, environment, start
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
    ("prove", "--provider", "{missing}.py"),
    ("prove", "--resume", "{missing}"),
    ("inspect", "--op", "elu", "--dtype", "float32", "--arch", "sm_90", "--listings", "{file}"),
    ("inspect", "--provider", "{missing}.py"),
    ("crosscheck", "--provider", "{missing}.py"),
    ("list", "cases", "--sweep", "{missing}"),
    ("run", "--sweep", "{sweep}", "--out", "{missing}", "--provider", "{missing}.py"),
    ("run", "--sweep", "{infinite}", "--out", "{missing}"),
    ("run", "--sweep", "{endless}", "--out", "{missing}"),
    ("list", "cases", "--sweep", "{infinite}"),
    ("check", "{missing}.py"),
    ("check", "{folder}/x.py"),
    ("check", "{exits}", "--dtype", "bf16"),
    ("check", "{bytes}", "--dtype", "bf16"),
    ("inspect", "--provider", "{exits}", "--arch", "sm_90"),
    ("inspect", "--provider", "{bytes}", "--arch", "sm_90"),
    ("crosscheck", "--provider", "{exits}", "--sizes", "100"),
    ("new-provider", "{folder}/x.py"),
    ("new-provider", "{exits}"),
    ("new-provider", "{missing}/x.py"),
    ("new-provider", "/proc/x.py"),
    ("new-provider", "{file}"),
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
    made = {
        "infinite": ("infinite.toml", TINY + "params = [{alpha = inf}]\n"),
        "endless": ("endless.toml", TINY.replace("max_seconds = 0.05", "max_seconds = nan")),
        "exits": ("exits.py", "import sys\nsys.exit(3)\n"),
        "bytes": ("bytes.py", "# \xff\ndef elu(:"),
    }
    for name, (inner, content) in made.items():
        places[name] = tmp_path / inner
        places[name].write_text(content, encoding="latin-1")
    ended = elubench(*(word.format(**places) for word in words))
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr and ended.stderr.strip().splitlines()[-1].startswith("elubench: ")
    assert file.read_text() == "a file"
    assert not (tmp_path / "missing").exists()


SEALED = ROOT / "results" / "amd-epyc" / "default"
VERBS = [
    ("show", "{run}"),
    ("report", "{run}"),
    ("compare", "{run}", "{run}"),
    ("trend", "{run}", "{run}"),
    ("verify", "{sealed}"),
    ("cite", "{run}"),
    ("list", "ops"),
    ("list", "cases", "--device", "cpu"),
    ("run", "--shape", "8x8", "--dtype", "fp32", "--provider", "eager", "--device", "cpu", "--out", "{new}"),
    ("check", "{honest}", "--op", "elu", "--dtype", "bf16"),
    ("new-provider", "{new}.py"),
    ("inspect", "--op", "relu", "--dtype", "bf16", "--arch", "sm_90"),
    ("crosscheck", "--sizes", "4096", "--rounds", "6", "--device", "cpu"),
    ("doctor",),
    ("--help",),
]


def test_every_verb_is_walked_through_the_conditions():
    verbs = set(typer.main.get_command(app).commands)
    # Runs of claims and proofs take minutes; what they print is printed as by the other verbs.
    assert {words[0] for words in VERBS} - {"--help"} == verbs - {"claims", "prove"}
    # These take no place.
    assert {*READERS, *(words[0] for words in OUTPUTS)} == verbs - {"doctor"}


@pytest.mark.slow
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_standard_output_may_be_full_closed_ascii_or_a_pipe_that_ends(words, run, tmp_path):
    places = {"run": run, "sealed": SEALED, "honest": PROVIDERS / "honest.py"}

    def started(number, *before, **options):
        filled = (word.format(**places, new=tmp_path / f"new{number}") for word in words)
        command = [*before, sys.executable, "-m", "harness", *filled]
        variables = {"env": environment(), "cwd": ROOT, "stderr": subprocess.PIPE, "text": True, "timeout": 200}
        return subprocess.run(command, **variables | options)

    with open("/dev/full", "w") as full:
        ended = started(1, stdout=full)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("elubench: the output cannot be written (No space left")
    ended = started(2, "sh", "-c", 'exec "$@" >&-', "sh")
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    ascii_only = environment() | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    ended = started(3, env=ascii_only, stdout=subprocess.PIPE)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False) and ended.stdout
    reader, writer = os.pipe()
    os.close(reader)
    ended = started(4, stdout=writer)
    os.close(writer)
    assert ended.returncode == 141 and "Traceback" not in ended.stderr and "Broken pipe" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in VERBS if words[0] not in ("--help", "list", "new-provider")],
                         ids=" ".join)  # fmt: skip
@pytest.mark.parametrize("delay_s", [0.05, 0.3, 1.5])
def test_ctrl_c_at_any_moment_is_answered(delay_s, words, run, tmp_path):
    places = {"run": run, "sealed": SEALED, "honest": PROVIDERS / "honest.py", "new": tmp_path / "new"}
    process = start(*(word.format(**places) for word in words))
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    # Before Python runs a line of ours, the interpreter answers by itself.
    if "init_import_site" not in err:
        assert process.returncode in (0, 130, -signal.SIGINT), err
        assert "Traceback" not in err or "harness" not in err

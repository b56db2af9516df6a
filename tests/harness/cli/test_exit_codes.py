"""docs/exit-codes.md says of every verb which code covers what. Each row is walked here by a real process."""

from __future__ import annotations

import re
import shutil
import signal
import time

import pytest
import typer

from harness.cli.app import app
from harness.store.seal import seal
from tests.harness.cli.test_strict import FAULTS, SWEEP
from tests.harness.command import ROOT, elubench, process, start
from tests.reports.runs import control, record, run_of, stored

TABLE = re.findall(r"^\| (.+?) \| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(), re.MULTILINE)
ROWS = [(verb.strip("`"), int(code)) for verb, code in TABLE]

# A command line for each row, in a folder with what `places` makes; rows of other tests name them instead.
COMMANDS = {
    ("every verb", 0): "--help",
    ("every verb", 2): "launch",
    ("run", 0): "run --sweep sweep.toml --op elu --device cpu --out new --provider rejects.py",
    ("run", 1): "run --sweep sweep.toml --op elu --device cpu --out new --provider rejects.py --strict",
    ("run", 2): "run --resume nowhere",
    ("check", 0): "check eager --op elu --dtype float32 --device cpu",
    ("check", 1): "check rejects.py --op elu --dtype float32 --device cpu",
    ("new-provider", 0): "new-provider new/mine.py",
    ("new-provider", 2): "new-provider rejects.py",
    ("show", 0): "show edited",
    ("show", 2): "show sealed --case nothing",
    ("report", 0): "report edited",
    ("compare", 0): "compare sealed slower",
    ("compare", 1): "compare sealed slower --fail-on slower",
    ("trend", 0): "trend sealed slower",
    ("cite", 1): "cite edited",
    ("verify", 0): "verify published",
    ("verify", 1): "verify edited",
    ("inspect", 1): "inspect --op elu --dtype float32 --arch sm_90 --provider worse.py --check",
    ("crosscheck", 1): "crosscheck --op elu --dtype float32 --sizes 1024 --rounds 6 --provider rejects.py --device cpu",
    ("conform", 0): "conform --provider eager --op elu --dtype bfloat16 --device cpu",
    ("conform", 1): "conform --provider rejects.py --op elu --dtype bfloat16 --device cpu",
    ("conform", 2): "conform --provider empty.py --op elu --dtype bfloat16 --device cpu",
    ("list", 0): "list ops",
}
ELSEWHERE = {
    ("every verb", 1): "test_a_full_output",
    ("every verb", 130): "test_ctrl_c",
    ("every verb", 141): "test_a_reader_that_has_had_enough",
    ("crosscheck", 0): "test_conditions.py, as for every verb: test_standard_output...",
    ("doctor", 0): "test_conditions.py, as the last",
    ("claims", 0): "tests/harness/paper/test_run.py: a run takes minutes",
    ("prove", 0): "tests/harness/proof/test_run.py, as the next",
    ("prove", 1): "test_one_wrong_output_among_all_is_found_with_its_input, test_what_cannot_be_proved_is_said",
    ("claims", 1): "nobody can be made to kill a process at the right moment",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with stored runs, one of each kind, and with providers."""
    folder = tmp_path_factory.mktemp("exits")
    stored(run_of(record(), control(0.01)), folder / "sealed")
    stored(run_of(record(time_s=200e-6), control(0.01)), folder / "slower")
    shutil.copytree(ROOT / "results/amd-epyc/default", folder / "published")
    seal(folder / "sealed")
    shutil.copytree(folder / "sealed", folder / "edited")
    records = folder / "edited" / "records.jsonl"
    records.write_text(records.read_text().replace('"eager"', '"ours"'))
    (folder / "sweep.toml").write_text(SWEEP)
    (folder / "rejects.py").write_text(FAULTS["rejects"][0])
    (folder / "empty.py").write_text("")
    shutil.copy(ROOT / "tests/harness/machine_code/providers/worse.py", folder / "worse.py")
    return folder


def test_every_verb_is_in_the_table_and_every_row_is_walked():
    verbs = set(typer.main.get_command(app).commands)
    assert {verb for verb, _ in ROWS} == verbs | {"every verb"}
    assert sorted(ROWS) == sorted([*COMMANDS, *ELSEWHERE])


@pytest.mark.slow
@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_row_keeps_its_word(row, places, monkeypatch):
    monkeypatch.chdir(places)
    shutil.rmtree(places / "new", ignore_errors=True)
    if row[0] == "new-provider":
        (places / "new").mkdir()
    ended = elubench(*COMMANDS[row].split())
    assert ended.returncode == row[1], ended.stderr
    assert "Traceback" not in ended.stderr
    if row[1] and row[0] != "every verb":
        assert ended.stderr.strip().splitlines()[-1].startswith("elubench: ")


@pytest.mark.slow
def test_a_full_output():
    with open("/dev/full", "w") as full, process(["-m", "harness", "list", "sweeps"], stdout=full) as begun:
        begun.communicate(timeout=60)
    assert begun.returncode == 1


def test_a_reader_that_has_had_enough():
    begun = start("list", "cases")
    begun.stdout.close()
    assert begun.wait(60) == 141
    begun.stderr.close()


@pytest.mark.slow
def test_ctrl_c(places, tmp_path):
    begun = start("run", "--sweep", places / "sweep.toml", "--device", "cpu", "--out", tmp_path / "run")
    deadline = time.monotonic() + 60
    records = tmp_path / "run" / "records.jsonl"
    while not (records.exists() and records.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    begun.send_signal(signal.SIGINT)
    _, err = begun.communicate(timeout=60)
    assert begun.returncode == 130 and "go on with: elubench run --resume" in err

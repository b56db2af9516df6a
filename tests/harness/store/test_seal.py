"""The seal of a run: what is covered by it, and that a run which is gone on with keeps one."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.store import seal
from harness.store.vocabulary import MANIFEST, RECORDS, RunError
from tests.harness.command import ROOT, TINY, elubench
from tests.reports.runs import record, run_of, stored


@pytest.fixture
def run(tmp_path):
    return stored(run_of(record(), record(provider="compile")), tmp_path / "run").path


def test_a_sealed_run_is_sealed_until_it_is_changed(run):
    assert seal.state(run) == seal.UNSEALED
    found = seal.seal(run)
    assert seal.state(run) == seal.SEALED
    assert found == seal.sealed_hash(run) == seal.content_hash(run)
    assert len(bytes.fromhex(found)) == 32


@pytest.mark.parametrize("name", [MANIFEST, RECORDS])
@pytest.mark.parametrize("position", [0.3, 0.5, 0.9])
def test_any_changed_digit_breaks_the_seal(run, name, position):
    seal.seal(run)
    content = bytearray((run / name).read_bytes())
    digits = [at for at, byte in enumerate(content) if byte in b"12345678"]
    content[digits[int(position * len(digits))]] += 1
    (run / name).write_bytes(bytes(content))
    try:
        assert seal.state(run) == seal.BROKEN
    except RunError as error:  # it was the schema's digit
        assert "schema" in str(error)


def test_records_cannot_be_exchanged_or_left_out(run):
    seal.seal(run)
    lines = (run / RECORDS).read_text().splitlines(keepends=True)
    for changed in (lines[::-1], lines[:1], [*lines, lines[0]], []):
        (run / RECORDS).write_text("".join(changed))
        assert seal.state(run) == seal.BROKEN


def test_layout_is_no_change(run):
    seal.seal(run)
    manifest = json.loads((run / MANIFEST).read_text())
    (run / MANIFEST).write_text(json.dumps(dict(reversed(manifest.items())), indent=7))
    (run / RECORDS).write_bytes((run / RECORDS).read_bytes().replace(b"\n", b"\r\n"))
    (run / "report").mkdir()
    assert seal.state(run) == seal.SEALED


def test_the_hash_is_that_of_the_content_wherever_it_lies(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    assert seal.content_hash(run) == seal.content_hash(tmp_path / "copy")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, seal.BROKEN),  # as published: its time was accounted for, so it had ended
        ({"sessions": [{"argv": [], "started": "2026-11-24T14:00:00+00:00"}]}, seal.UNSEALED),
        ({"time": None}, seal.UNSEALED),
        ({"ended": False}, seal.UNSEALED),
    ],
)
def test_a_seal_that_was_removed_is_told_from_a_run_that_was_cut_short(tmp_path, changes, state):
    """Of runs from before their end was noted, too, unless they were gone on with."""
    manifest = json.loads((ROOT / "results" / "amd-epyc" / "default" / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | changes))
    assert seal.state(tmp_path) == state


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "\x00"])
def test_a_seal_that_is_none_is_said_to_be_none(run, text):
    (run / seal.SEAL).write_text(text)
    with pytest.raises(RunError, match="is not a seal"):
        seal.state(run)


@pytest.mark.slow
def test_a_run_is_sealed_when_it_ends_and_again_when_it_was_gone_on_with(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    run = tmp_path / "run"
    arguments = ("run", "--sweep", tmp_path / "tiny.toml", "--op", "elu_backward", "--device", "cpu", "--out", run)
    ended = elubench(*arguments, "--budget", "0")
    assert ended.returncode == 0, ended.stderr
    first = seal.sealed_hash(run)
    assert seal.state(run) == seal.SEALED
    assert elubench("run", "--resume", run).returncode == 0
    assert seal.state(run) == seal.SEALED
    assert seal.sealed_hash(run) != first

    content = (run / RECORDS).read_text()
    (run / RECORDS).write_text(content.replace("eager", "other"))
    edited = elubench("run", "--resume", run)
    assert edited.returncode == 2
    assert "has been changed since it ended" in edited.stderr
    assert (run / RECORDS).read_text() == content.replace("eager", "other"), "it is left as it was found"

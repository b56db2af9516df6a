"""`elubench verify`: a run as it was measured passes, one that was edited in any place fails."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import replace

import pytest

from harness.store import seal
from harness.store.records import read_run
from harness.store.vocabulary import MANIFEST, RECORDS
from reports.analysis.verify import mismatches, verify
from tests.harness.command import PROVIDERS, TINY, elubench, start
from tests.reports.runs import hostile_run, stored


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A real run, of a provider that is rejected too, and of one that is held against another."""
    path = tmp_path_factory.mktemp("verify")
    (path / "tiny.toml").write_text(TINY)
    ended = elubench("run", "--sweep", path / "tiny.toml", "--out", path / "run", "--device", "cpu",
                     "--provider", "eager", "--provider", PROVIDERS / "honest.py",
                     "--provider", PROVIDERS / "identity.py")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return path / "run"


@pytest.fixture
def copied(measured, tmp_path):
    """The run in a place of its own, and what writes changed lines into it."""
    return shutil.copytree(measured, tmp_path / "run")


def changed(run, change, seals_again=False):
    """Change the first timed record of a provider in the run's file; with its seal renewed, as a forger would."""
    lines = (run / RECORDS).read_text().splitlines()
    for number, line in enumerate(lines):
        row = json.loads(line)
        if row["role"] == "provider" and row["outcome"] == "ok":
            change(row)
            lines[number] = json.dumps(row)
            break
    (run / RECORDS).write_text("\n".join(lines) + "\n")
    if seals_again:
        seal.seal(run)


@pytest.mark.slow
def test_a_run_as_it_was_measured_is_intact(measured):
    found = verify(read_run(measured))
    assert found.mismatches == ()
    assert found.is_intact and found.state == seal.SEALED
    ended = elubench("verify", measured)
    assert ended.returncode == 0, ended.stdout
    assert found.content_hash in ended.stdout and "nothing was changed" in ended.stdout


@pytest.mark.slow
def test_one_sample_that_moves_no_figure_breaks_the_seal(copied):
    def edit(row):
        largest = max(range(len(row["samples_s"])), key=row["samples_s"].__getitem__)
        row["samples_s"][largest] *= 1.001

    changed(copied, edit)
    ended = elubench("verify", copied)
    assert ended.returncode == 1
    assert "seal broken" in ended.stdout and "is not what was measured" in ended.stderr
    assert "Traceback" not in ended.stderr


FORGERIES = {
    "median_s": lambda row: row.update(median_s=row["median_s"] * 0.99),
    "ci95_s": lambda row: row.update(ci95_s=[row["ci95_s"][0], row["ci95_s"][1] * 1.01]),
    "bandwidth_gbps": lambda row: row.update(bandwidth_gbps=row["bandwidth_gbps"] * 1.01),
    "roof_gbps": lambda row: row.update(roof_gbps=row["roof_gbps"] * 1.1, flags=[]),
    "bytes_moved": lambda row: row.update(bytes_moved=row["bytes_moved"] * 2),
    "case_key": lambda row: row.update(shape=[row["shape"][0] + 1, *row["shape"][1:]]),
    "noise_floor": lambda row: row.update(noise_floor=0.0),
    "flags: noisy": lambda row: row.update(flags=[*({*row["flags"]} ^ {"noisy"})]),
    "flags: drifting": lambda row: row.update(flags=[*({*row["flags"]} ^ {"drifting"})]),
    "flags: few_samples": lambda row: row.update(flags=[*row["flags"], "few_samples"]),
    "device": lambda row: row.update(device="a better one"),
    "samples_s ": lambda row: row.update(outcome="validated"),
    "samples_s": lambda row: row.update(samples_s=[-1.0, *row["samples_s"][1:]]),
}


@pytest.mark.slow
@pytest.mark.parametrize("field", FORGERIES)
def test_a_figure_that_does_not_follow_is_found_under_a_seal_made_anew(copied, field):
    changed(copied, FORGERIES[field], seals_again=True)
    found = verify(read_run(copied))
    assert found.state == seal.SEALED and not found.is_intact
    assert field.strip() in {each.field for each in found.mismatches}


WORDS = {"outcome": "splendid", "regime": "lukewarm", "role": "roofer", "flags": ["fine"]}


@pytest.mark.parametrize("field", WORDS)
@pytest.mark.slow
def test_a_word_that_the_schema_does_not_have_is_named_with_its_line(copied, field):
    changed(copied, lambda row: row.update({field: WORDS[field]}), seals_again=True)
    ended = elubench("verify", copied)
    assert ended.returncode == 2
    assert re.search(rf"records.jsonl, line \d+: a line is not a record .*\$\.{field}", ended.stderr), ended.stderr


@pytest.mark.slow
def test_a_ratio_that_does_not_follow_is_found(copied):
    run = read_run(copied)
    records = list(run.records)
    number = next(n for n, record in enumerate(records) if record.ratio is not None)
    records[number] = replace(records[number], ratio=records[number].ratio * 0.9)
    assert {each.field for each in mismatches(replace(run, records=tuple(records)))} == {"ratio"}


@pytest.mark.slow
def test_a_record_twice_is_found(copied):
    run = read_run(copied)
    assert {each.field for each in mismatches(replace(run, records=(*run.records, run.records[0])))} == {"key"}


@pytest.mark.slow
def test_a_run_that_was_cut_short_is_told_from_one_whose_seal_was_removed(copied):
    (copied / seal.SEAL).unlink()
    ended = elubench("verify", copied)
    assert ended.returncode == 1
    assert "seal removed" in ended.stdout and "is not what was measured" in ended.stderr
    assert elubench("run", "--resume", copied).returncode == 2, "to seal it again would hide that"
    manifest = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps(manifest | {"ended": False}))  # as it is until the run ends
    ended = elubench("verify", copied)
    assert ended.returncode == 0
    assert "no seal" in ended.stdout and "cut short" in ended.stdout


@pytest.mark.slow
def test_a_run_that_is_killed_is_cut_short_and_is_sealed_once_it_has_gone_on(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY.replace("max_seconds = 0.05", "max_seconds = 1.0"))
    run = tmp_path / "run"
    process = start("run", "--sweep", tmp_path / "tiny.toml", "--out", run, "--device", "cpu")
    deadline = time.monotonic() + 120
    while not ((run / RECORDS).exists() and (run / RECORDS).stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    ended = elubench("verify", run)
    assert ended.returncode == 0 and "cut short" in ended.stdout
    assert elubench("run", "--resume", run, "--budget", "0").returncode == 0
    assert "sealed " in elubench("verify", run).stdout
    assert seal.doubts(run) == ()


@pytest.mark.slow
@pytest.mark.parametrize("is_torn", [False, True], ids=["edited", "torn and without a seal"])
def test_report_says_what_a_run_is_not(copied, is_torn):
    lines = (copied / RECORDS).read_text().splitlines(keepends=True)
    kept = "".join(line for line in lines if json.loads(line)["outcome"] == "rejected")  # of which no figure is drawn
    assert kept.count("\n") > 1
    if is_torn:
        (copied / seal.SEAL).unlink()
        kept = kept[:-7]
        sentences = ["its seal was removed", "The last record was cut short"]
    else:
        sentences = ["The run was changed after it ended"]
    (copied / RECORDS).write_text(kept)
    ended = elubench("report", copied)
    assert ended.returncode == 0, ended.stderr
    for said in (ended.stderr, *((copied / "report" / name).read_text() for name in ("report.md", "index.html"))):
        assert all(sentence in said for sentence in sentences)


@pytest.mark.slow
def test_hostile_names_control_nothing(tmp_path):
    run = stored(hostile_run(), tmp_path / "run")
    ended = elubench("verify", run.path)
    assert ended.returncode == 1
    assert not set("\x1b\x07\r\u202e") & set(ended.stdout + ended.stderr)

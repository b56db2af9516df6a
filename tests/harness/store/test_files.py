import dataclasses
import json
import resource
import subprocess
import sys

import pytest

from harness.ops.cases import make_case
from harness.run.recording import blank_record
from harness.store.files import Store
from harness.store.manifest import Manifest
from harness.store.records import read_run
from harness.store.vocabulary import RECORDS, SCHEMA, RunError
from tests.harness.command import ROOT, environment


def record(number, provider="eager"):
    made = blank_record(make_case("elu", (number + 1,), "float32"), provider, "a device", "ok", None)
    return dataclasses.replace(made, samples_s=(1e-6, 2e-6, 3e-6), median_s=2e-6, ci95_s=(1e-6, 3e-6))


def manifest():
    return Manifest(schema=SCHEMA)


def test_what_is_appended_is_read_back(tmp_path):
    store = Store.create(tmp_path / "run", manifest())
    store.append([record(0), record(1)])
    store.append([record(2)])
    store.close()
    assert read_run(tmp_path / "run").records == (record(0), record(1), record(2))


def test_a_record_is_never_stored_twice(tmp_path):
    store = Store.create(tmp_path / "run", manifest())
    store.append([record(0)])
    store.append([record(0), record(1)])
    store.close()
    store = Store.resume(tmp_path / "run")
    store.append([record(1), record(0)])
    store.close()
    assert len(read_run(tmp_path / "run").records) == 2


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_told_and_mended(tmp_path, cut):
    run = tmp_path / "run"
    store = Store.create(run, manifest())
    store.append([record(0), record(1)])
    store.close()
    whole = (run / RECORDS).read_bytes()
    (run / RECORDS).write_bytes(whole[:-cut])
    assert read_run(run).torn
    assert read_run(run).records == (record(0),)
    store = Store.resume(run)
    store.append([record(1)])
    store.close()
    assert (run / RECORDS).read_bytes() == whole
    assert not read_run(run).torn


def test_another_run_is_never_written_over(tmp_path):
    store = Store.create(tmp_path / "run", manifest())
    store.append([record(0)])
    store.close()
    before = (tmp_path / "run" / RECORDS).read_bytes()
    with pytest.raises(RunError, match="holds another run; continue it with --resume"):
        Store.create(tmp_path / "run", manifest())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="not empty"):
        Store.create(tmp_path / "other", manifest())
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        Store.create(tmp_path / "file", manifest())
    assert (tmp_path / "run" / RECORDS).read_bytes() == before


def test_two_writers_at_once_are_refused(tmp_path):
    store = Store.create(tmp_path / "run", manifest())
    with pytest.raises(RunError, match="being written by another"):
        Store.resume(tmp_path / "run")
    store.close()
    Store.resume(tmp_path / "run").close()


def test_a_run_of_another_schema_is_refused_and_left_alone(tmp_path):
    Store.create(tmp_path / "run", manifest()).close()
    path = tmp_path / "run" / "manifest.json"
    path.write_text(json.dumps({"schema": 99}))
    with pytest.raises(RunError, match="schema 99"):
        Store.resume(tmp_path / "run")
    assert json.loads(path.read_text())["schema"] == 99


@pytest.mark.parametrize("line", ["{}", "null", "[1]", '{"schema": 2}', "not json", '{"schema": 1}'])
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    Store.create(tmp_path / "run", manifest()).close()
    (tmp_path / "run" / RECORDS).write_text(line + "\n")
    with pytest.raises(RunError, match="line 1"):
        read_run(tmp_path / "run")


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_run(tmp_path)


@pytest.mark.slow
def test_a_write_that_fails_halfway_leaves_what_was_there(tmp_path):
    """The file-size limit of a real process stands for a disk that fills in the middle of a record."""
    store = Store.create(tmp_path / "run", manifest())
    store.append([record(0)])
    store.close()
    size = (tmp_path / "run" / RECORDS).stat().st_size
    script = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path; from harness.store.files import Store\n"
        "from tests.harness.store.test_files import record\n"
        f"store = Store.resume(Path({str(tmp_path / 'run')!r})); store.append([record(1), record(2)])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100)),
    )
    assert ended.returncode != 0
    assert "cannot be written to (File too large); everything before is intact" in ended.stderr
    assert read_run(tmp_path / "run").records == (record(0),)
    assert not read_run(tmp_path / "run").torn

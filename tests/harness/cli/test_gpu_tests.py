"""The tests of a GPU in parts: what ends is not run again, what hangs or kills its process costs the others nothing."""

from __future__ import annotations

import time

import pytest

from harness.cli.evidence import said
from harness.cli.gpu_tests import EndedTests, GpuTests, outcomes_in
from tests.harness.command import ROOT

HEAD = "import os, time, pytest\npytestmark = pytest.mark.gpu\n"
FILES = {
    "test_a.py": "def test_pass(): pass\ndef test_skip(): pytest.skip('no')\n"
                 "def test_fail(): assert os.path.exists('mended')\ndef test_fail_too(): test_fail()\n",
    "test_b.py": "def test_dies(): os.abort()\ndef test_after(): pass\n",
    "test_c.py": "def test_hangs(): time.sleep(600)\ndef test_after(): pass\n",
}  # fmt: skip
SECONDS = 5  # of a command: the test that hangs takes what is left of them
MOST_COMMANDS = 20  # four do where all begins at once


@pytest.fixture
def suite(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  gpu: here\n")
    for name, body in FILES.items():
        (tmp_path / name).write_text(HEAD + body)
    (tmp_path / "test_other.py").write_text("def test_of_no_gpu(): open('ran', 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # begins sooner
    return tmp_path


@pytest.mark.slow
def test_every_test_ends_in_some_command_and_none_that_has_ended_is_run_again(suite):
    tests = GpuTests(suite / "results" / "tests.jsonl")
    for _ in range(MOST_COMMANDS):
        if not tests.tally().known or tests.tally().left:
            began_s = time.monotonic()
            tests.run(began_s + SECONDS, least_s=1)
            assert time.monotonic() - began_s < SECONDS + 5
    outcomes = outcomes_in(tests.log)
    assert outcomes == {
        "test_a.py::test_pass": "passed", "test_a.py::test_skip": "skipped", "test_a.py::test_fail": "failed",
        "test_a.py::test_fail_too": "failed",
        "test_b.py::test_dies": "failed", "test_b.py::test_after": "passed",
        "test_c.py::test_hangs": "failed", "test_c.py::test_after": "passed",
    }  # fmt: skip
    assert not (suite / "ran").exists()
    tally = tests.tally()
    assert (tally.known, tally.left) == (8, 0)
    assert tally.failed == (
        "test_a.py::test_fail",
        "test_a.py::test_fail_too",
        "test_b.py::test_dies",
        "test_c.py::test_hangs",
    )
    (suite / "mended").touch()
    for name in ("test_b.py", "test_c.py"):
        (suite / name).write_text(HEAD + "def test_dies(): pass\ndef test_hangs(): pass\n")
    tests.run(time.monotonic() + 60, least_s=1)
    assert tests.tally() == EndedTests(8, 8, ()), "those that failed are run again when all have ended"


@pytest.mark.parametrize(
    ("tally", "lines"),
    [
        (None, ["tests of the GPU: none, as there is no GPU"]),
        (EndedTests(0, 0, ()), ["missing: tests of the GPU, which follow when the sweep is whole"]),
        (EndedTests(9, 4, ("test_a.py::test_b",)),
         ["missing: tests of the GPU: 4 of 9 have ended, 1 failed", "  failed: test_a.py::test_b"]),
        (EndedTests(9, 9, ()), ["done: tests of the GPU: 9 of 9 have ended, 0 failed"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(tmp_path, tally, lines):
    text = said("NVIDIA H200", tmp_path / "default", "done", tally)
    assert text.splitlines()[:2] == ["evidence of NVIDIA H200", f"missing: {tmp_path / 'default'}: 0 of 1 cases"]
    assert text.splitlines()[3:] == [*lines, "to go on: make evidence"]

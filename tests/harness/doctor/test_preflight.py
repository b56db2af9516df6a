"""The preflight of a GPU: its steps on the real one, and how it ends where a step fails, hangs or kills its process."""

from __future__ import annotations

import json
import sys
import time

import pytest
import torch

from harness.device.devices import find_device
from harness.doctor.probe import PREFLIGHT, ProbeResult, go, preflight, preflight_of
from tests.harness.command import elubench

OK = [json.dumps({"topic": topic, "status": "ok", "detail": "fine", "mend": None}) for topic in PREFLIGHT]


def process(steps: int, then: str = ""):
    """A process that reports so many steps, and then does something."""
    lines = "".join(f"print({line!r}, flush=True)\n" for line in OK[:steps])
    return [sys.executable, "-c", f"{lines}{then}"]


def test_a_preflight_that_passes_says_go():
    found = preflight(process(len(PREFLIGHT)))
    assert [each.topic for each in found] == list(PREFLIGHT)
    assert go(found) == "go: the GPU was tried and can be measured"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("import os; os.abort()", "capture fails: its process ended with exit code -6"),
        ("raise RuntimeError('no device')", "capture fails: its process ended with exit code 1 (RuntimeError: no dev"),
        ("import time; time.sleep(60)", "capture fails: it was not done after 2 s, and ended"),
    ],
)
def test_a_process_that_dies_or_hangs_is_the_finding_of_its_step_and_what_was_found_is_kept(then, said):
    began_s = time.monotonic()
    found = preflight(process(1, then), timeout_s=2)
    assert time.monotonic() - began_s < 10
    assert [(each.topic, each.status) for each in found] == [("launch", "ok"), ("capture", "missing")]
    assert found[-1].detail.startswith(said)
    assert go(found) == "mend first: capture (see what nvidia-smi says of the device)"


def test_a_note_is_no_reason_not_to_go_and_without_a_gpu_nothing_is_said():
    found = [ProbeResult(topic, "note" if topic == "copy" else "ok", "fine") for topic in PREFLIGHT]
    assert go(found) == "go: the GPU was tried and can be measured; look at copy first"
    assert go([ProbeResult("torch", "ok", "2.11")]) is None


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_where_there_is_no_such_gpu_the_first_step_says_so():
    (found,) = preflight_of("cuda:0")
    assert (found.topic, found.status) == ("launch", "missing")
    assert "no CUDA device was found" in found.detail


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_doctor_tries_a_real_gpu_in_less_than_30_seconds_and_says_go():
    began_s = time.monotonic()
    ended = elubench("doctor", COLUMNS="200")
    assert time.monotonic() - began_s < 30
    assert ended.returncode == 0, ended.stderr
    assert "go: the GPU was tried" in ended.stdout, ended.stdout
    assert find_device("cuda:0").name in ended.stdout

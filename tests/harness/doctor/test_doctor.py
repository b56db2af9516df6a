"""`elubench doctor`, in real processes, on a machine that is made to show no GPU."""

from __future__ import annotations

import os
import re

import pytest
import torch

from harness.doctor.examine import ProbeResult, conclusion
from tests.harness.command import elubench, environment

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
STATUSES = "ok|missing|note"


def findings(output):
    """The table of the output by topic: the status, and what was found as one line of text."""
    table, _, _ = output.partition("\n\n")
    found: dict[str, tuple[str, str]] = {}
    topic = None
    for line in table.splitlines()[1:]:
        started = re.match(rf"(\S.*?) {{2,}}({STATUSES}) +(.*)", line)
        if started:
            topic = started[1]
            found[topic] = (started[2], started[3].strip())
        else:
            assert topic and line.startswith(" "), f"a line of no topic: {line!r}"
            status, text = found[topic]
            found[topic] = (status, f"{text} {line.strip()}")
    return found


def conclusions(output):
    """What is measured here, and what is not: the two sentences below the table, each as one line."""
    text = " ".join(output.partition("\n\n")[2].split())
    measured, _, not_measured = text.removeprefix("measured here: ").partition(" not measured here: ")
    return measured, not_measured


@pytest.fixture(scope="module")
def sound():
    ended = elubench("doctor", COLUMNS="80", **NO_GPU)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_it_keeps_to_the_width_and_pipes_plain_text(sound):
    assert "\x1b" not in sound
    assert max(map(len, sound.splitlines())) <= 80


def test_it_has_a_line_about_everything_that_a_measurement_needs(sound):
    found = findings(sound)
    assert list(found) == [
        "Python", "torch", "triton", "GPU", "C compiler", "C++ compiler", "machine code", "emulated GPU",
        "CPU", "CPU clock", "load", "memory", "disk",
    ]  # fmt: skip
    assert found["torch"] == ("ok", torch.__version__)
    assert re.search(r"[0-9]+ of [0-9]+ cores usable, [0-9]+ threads in torch", found["CPU"][1])


def test_kernels_are_compiled_and_emulated_without_a_gpu(sound):
    found = findings(sound)
    assert found["emulated GPU"] == ("ok", "a Triton kernel, compiled for sm_90, gives the right values on the CPU")
    assert found["machine code"][0] == "ok"
    assert "compiles for sm_90 and nvdisasm reads it; no GPU needed" in found["machine code"][1]
    measured, _ = conclusions(sound)
    assert "correctness of Triton kernels on the emulated GPU" in measured
    assert "machine code of Triton kernels" in measured


def test_that_there_is_no_gpu_is_said_with_the_reason_and_the_mend(sound):
    status, text = findings(sound)["GPU"]
    assert status == "missing"
    reason, _, mend = text.partition(" → ")
    assert reason.startswith("no GPU: ")
    if not (torch.version.cuda or torch.version.hip):
        assert "is a CPU build" in reason
        assert "install a CUDA build of torch" in mend
    elif "no NVIDIA driver" in reason:
        assert "driver" in mend
    else:
        assert "unset CUDA_VISIBLE_DEVICES" in mend
    measured, not_measured = conclusions(sound)
    assert "times on the CPU" in measured
    assert "times on the GPU" not in measured
    assert not_measured == f"times on the GPU, because {reason}"


@pytest.mark.slow
def test_what_is_broken_is_found_and_does_not_stop_the_rest(tmp_path):
    """A Triton that fails when imported, and a compiler that is not there, under a name that looks like markup."""
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text("raise ImportError('[/red] libLLVM is broken\\nand more')")
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    ended = elubench("doctor", COLUMNS="200", PYTHONPATH=path, CC="[bold]none", **NO_GPU)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    found = findings(ended.stdout)
    assert found["triton"] == (
        "missing",
        "triton cannot be imported ([/red] libLLVM is broken) → run 'make setup'",
    )
    assert found["C compiler"] == ("missing", "$CC is '[bold]none' and is not there → install gcc, or set CC")
    assert found["emulated GPU"][0] == found["machine code"][0] == "missing"
    assert found["torch"][0] == "ok"
    measured, not_measured = conclusions(ended.stdout)
    assert "times on the CPU" in measured
    assert "Triton" not in measured
    assert "machine code of Triton kernels, because triton cannot be imported" in not_measured


@pytest.mark.slow
def test_where_inspect_cannot_write_its_cache_there_is_no_machine_code(tmp_path):
    (tmp_path / "file").write_text("no directory")
    ended = elubench("doctor", COLUMNS="200", TRITON_CACHE_DIR=str(tmp_path / "file"), **NO_GPU)
    status, text = findings(ended.stdout)["machine code"]
    assert status == "missing" and str(tmp_path / "file") in text and "→ set TRITON_CACHE_DIR" in text
    _, not_measured = conclusions(ended.stdout)
    assert "machine code of Triton kernels" in not_measured and "Triton kernels on the emulated GPU" in not_measured


def test_where_nothing_is_missing_everything_is_measured():
    topics = ("torch", "triton", "GPU", "C compiler", "C++ compiler", "machine code", "emulated GPU")
    can, cannot = conclusion(
        [ProbeResult(topic, "ok", "fine") for topic in topics] + [ProbeResult("load", "note", "high")]
    )
    assert "times on the GPU, times on the CPU" in can
    assert cannot == "not measured here: nothing, because nothing needed is missing"


def test_what_fails_for_the_same_reason_is_said_once():
    can, cannot = conclusion([ProbeResult("torch", "missing", "torch is\nnot here")])
    assert can == "measured here: nothing"
    assert cannot.count("because torch is not here") == 1
    assert "\n" not in cannot


@pytest.mark.parametrize(
    ("topic", "lost", "kept"),
    [
        ("GPU", "times on the GPU", "times on the CPU"),
        ("C compiler", "times on the GPU", "machine code of Triton kernels"),
        ("C++ compiler", "times of torch.compile on the CPU", "times on the GPU"),
        ("emulated GPU", "correctness of Triton kernels", "machine code of Triton kernels"),
        ("machine code", "machine code of Triton kernels", "correctness of Triton kernels"),
    ],
)
def test_each_lack_costs_what_needs_it_and_no_more(topic, lost, kept):
    can, cannot = conclusion([ProbeResult(topic, "missing", "it is not here")])
    assert lost in cannot and lost not in can
    assert kept in can and kept not in cannot
    assert cannot.endswith("because it is not here")

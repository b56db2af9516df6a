"""`elubench check` and `elubench new-provider`: is a file right, in seconds, and one to begin with."""

from __future__ import annotations

import re

import pytest

from harness.ops.catalogue import OPS
from harness.providers import ProviderError
from harness.providers.skeleton import skeleton
from tests.harness.command import PROVIDERS, elubench

NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


def rows(output):
    """The verdicts of a table of `check`, in its order, by the lines that have one."""
    return [(found[1], found[2]) for found in re.finditer(r"(bfloat16|float16|float32) +(pass|fail) ", output)]


@pytest.mark.slow
@pytest.mark.parametrize("op", ["elu", "bias_elu", "elu_backward"])
def test_a_skeleton_passes_the_check_as_a_triton_kernel_and_is_not_written_over(op, tmp_path):
    file = tmp_path / "mine.py"
    made = elubench("new-provider", file, "--op", op)
    assert made.returncode == 0 and f"elubench check {file}" in made.stdout
    ended = elubench("check", file, "--dtype", "bf16", "--dtype", "fp32", **NO_GPU)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "on the emulated GPU" in ended.stdout
    verdicts = rows(ended.stdout)
    assert {dtype for dtype, _ in verdicts} == {"bfloat16", "float32"} and {each for _, each in verdicts} == {"pass"}
    text = file.read_text()
    again = elubench("new-provider", file, "--op", "relu")
    assert again.returncode == 2 and "is there already" in again.stderr and file.read_text() == text


@pytest.mark.parametrize("op", list(OPS))
def test_there_is_python_for_every_op_or_a_sentence(op):
    try:
        text = skeleton(OPS[op], "mine.py")
    except ProviderError as error:
        assert "choose from elu, " in str(error)
    else:
        compile(text, "mine.py", "exec")
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.slow
def test_what_is_wrong_fails_with_its_reason_and_a_file_in_plain_torch_runs_on_the_cpu(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def elu(x, out): ...\ndef relu(x): return x[0]\ndef leaky_relu(x, **_): raise KeyError('why')\n")
    ended = elubench("check", bad, "--dtype", "float32", COLUMNS="120", **NO_GPU)
    assert ended.returncode == 1 and "5 of 5 cases failed" in ended.stderr
    said = " ".join(ended.stdout.split())
    assert "write it as elu(x, alpha, scale, input_scale, out)" in said
    assert "its out is a tensor of shape (259,)" in said and "KeyError: 'why' (bad.py, line 3)" in said
    ended = elubench("check", PROVIDERS / "honest.py", "--dtype", "float32", **NO_GPU)
    assert ended.returncode == 0 and rows(ended.stdout), ended.stdout + ended.stderr
    ended = elubench("check", PROVIDERS / "segfault.py", "--op", "elu", "--dtype", "bf16", **NO_GPU)
    assert ended.returncode == 1 and "SIGSEGV" in ended.stdout
    ended = elubench("check", PROVIDERS / "triton_race.py", "--op", "elu", "--dtype", "float32", **NO_GPU)
    assert ended.returncode == 1 and "race" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("import nope\n", 1, "No module named 'nope'"),
        ("x = 1\n", 2, "defines no function named after an op; it may have elu, elu_backward"),
    ],
)
def test_a_file_that_has_nothing_to_check_is_said_to_be_one(content, code, words, tmp_path):
    (tmp_path / "mine.py").write_text(content)
    ended = elubench("check", tmp_path / "mine.py", **NO_GPU)
    assert ended.returncode == code and words in " ".join((ended.stdout + ended.stderr).split())
    assert "Traceback" not in ended.stderr

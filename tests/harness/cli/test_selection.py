"""What is asked for: in the words that tables print, and of what there is."""

from __future__ import annotations

import os

import pytest

from harness.ops.catalogue import OPS
from tests.harness.command import ROOT, elubench
from tests.reports.runs import control, record, run_of, stored

LARGE = """
providers = ["eager"]
dtypes = ["float32", "bfloat16"]
[[cases]]
op = "elu"
shapes = [[16384, 16384]]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    small = record(shape=(64, 64), dtype="float32")
    return stored(run_of(small, control(0.01)), tmp_path_factory.mktemp("runs") / "run").path


def test_ops_are_listed_as_their_functions_are_written():
    lines = elubench("list", "ops").stdout.splitlines()
    assert "bias_elu_backward(grad_output, x, bias*, alpha=1.0, dim=-1) -> grad_x, grad_bias*" in lines
    assert [line.partition("(")[0] for line in lines if "->" in line] == list(OPS)


def test_shapes_and_dtypes_are_taken_as_tables_print_them():
    given = ["list", "cases", "--device", "cpu"]
    printed = elubench(*given, "--shape", "30×20", "--shape", "7", "--dtype", "bf16", "--op", "elu").stdout
    assert [line.partition(")")[2] for line in printed.splitlines()] == [
        " 30x20 bfloat16 contiguous",
        " 7 bfloat16 contiguous",
    ]
    assert printed == elubench(*given, "--shape", "30x20", "--shape", "7", "--dtype", "bfloat16", "--op", "elu").stdout


@pytest.mark.slow
def test_a_shape_is_measured_without_a_file(tmp_path):
    ended = elubench("run", "--shape", "33×40", "--dtype", "fp32", "--provider", "eager", "--device", "cpu",
                     "--out", tmp_path / "run")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    shown = elubench("show", tmp_path / "run", "--case", "33×40 fp32")
    assert shown.returncode == 0 and "33×40" in shown.stdout


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--sweep", "smoke"), ("--sweep", "{large}", "--dtype", "bf16")])
def test_as_many_cases_are_listed_as_a_run_goes_through(options, tmp_path):
    large = tmp_path / "large.toml"
    large.write_text(LARGE.replace("[[16384", "[[3], [16384"))
    options = [word.format(large=large) for word in options]
    listed = elubench("list", "cases", "--device", "cpu", *options).stdout.splitlines()
    ended = elubench("run", "--device", "cpu", "--budget", "0", *options, "--out", tmp_path / "run")
    assert f"{len(listed)} cases are left" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--op", "relu"), "it has elu in bfloat16, float16, float32; elu_backward in"),
        (("run", "--op", "gelu"), "choose from elu, "),
        (("run", "--sweep", "{large}", "--device", "cpu"), "is too large for a CPU: from 268,435,456 elements"),
        (("list", "cases", "--op", "relu"), "it has elu in bfloat16"),
        (("list", "cases", "--sweep", "{large}", "--device", "cpu"), "is too large for a CPU"),
        (("show", "{run}", "--op", "relu"), "it has elu float32 (64×64)"),
        (("show", "{run}", "--case", "7×7"), "it has elu float32 (64×64)"),
        (("cite", "{run}", "--dtype", "bf16"), "it has elu float32 (64×64); providers: eager"),
        (("compare", "{run}", "--providers", "eager", "nope"), "it has eager"),
        (("inspect", "--op", "gelu"), "choose from elu, "),
        (("inspect", "--dtype", "int8"), "choose from bfloat16, "),
        (("crosscheck", "--op", "gelu"), "choose from elu, "),
        (("check", "eager", "--op", "gelu"), "choose from elu, "),
        (("check", "nope"), "choose from eager, "),
        (("new-provider", "{missing}.py", "--op", "gelu"), "choose from elu, "),
        (("claims", "--claim", "nope"), "choose from "),
        (("prove", "--op", "relu"), "elu and elu_backward"),
        (("prove", "--dtype", "fp64"), "float32, bfloat16, float16"),
        (("list", "ops", "--sweep", "smoke"), "leave out --sweep"),
        (("run", "--shape", "3x3", "--sweep", "smoke"), "leave out --sweep"),
        (("run", "--resume", "{run}", "--shape", "3x3"), "leave out --shape"),
        (("inspect", "--json", "--markdown"), "choose one of --markdown and --json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_matches_nothing_is_answered_with_what_there_is_and_without_torch(words, said, tmp_path, run):
    large = tmp_path / "large.toml"
    large.write_text('providers = ["eager"]\ndtypes = ["float32"]\n[[cases]]\nop = "elu"\nshapes = [[16384, 16384]]\n')
    places = {"run": run, "large": large, "missing": tmp_path / "missing"}
    torchless = tmp_path / "torch"
    torchless.mkdir()
    (torchless / "__init__.py").write_text("raise SystemError('torch is imported')\n")
    ended = elubench(*(word.format(**places) for word in words), PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert ended.returncode == 2 and said in ended.stderr and len(ended.stderr.splitlines()) == 1, ended.stderr


@pytest.mark.slow
def test_a_run_says_how_many_cases_are_too_large_for_a_cpu(tmp_path):
    words = ("--sweep", "kernelbench", "--device", "cpu", "--budget", "0", "--out", tmp_path / "run")
    ended = elubench("run", *words)
    assert ended.returncode == 0, ended.stderr
    assert "2 larger cases are left to a GPU, by max_elements of [cpu] in sweep 'kernelbench'" in ended.stderr

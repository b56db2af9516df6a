"""What is asked for: in the words that tables print, and of what there is."""

from __future__ import annotations

import pytest

from harness.ops.catalogue import OPS
from tests.harness.command import elubench


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

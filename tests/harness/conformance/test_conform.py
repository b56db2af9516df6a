"""`elubench conform` in real processes: who is wrong fails in the right rows, with a witness that anybody can see."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from harness.conformance.checks import CHECKS
from harness.conformance.judges import CheckResult
from harness.conformance.reproduce import Reproducible, lines
from harness.conformance.rows import RowStatus, read
from harness.providers import BUILTIN
from tests.harness.command import PROVIDERS, elubench, environment

ODD = """
import os
import torch


def elu(x, alpha, scale, input_scale):
    '''exp(x) - 1, and input_scale on both sides; ends the process where alpha is 0.'''
    if alpha == 0:
        os._exit(1)
    x = input_scale * x
    return scale * torch.where(x > 0, x, alpha * (x.exp() - 1))


def elu_backward(grad_output, self_or_result, alpha, scale, input_scale, is_result, out):
    '''0 * inf above, and no gradient from a result.'''
    if is_result:
        raise NotImplementedError("from the input only")
    x = self_or_result
    above = (x > 0).to(x.dtype)
    slope = above * scale + (1 - above) * alpha * scale * input_scale * (input_scale * x).exp()
    out.copy_(grad_output * slope)
"""


def conformed(*words):
    ended = elubench("conform", "--device", "cpu", "--json", *words)
    assert ended.stderr.strip().splitlines()[-1:] == [] or "Traceback" not in ended.stderr, ended.stderr
    rows = json.loads(ended.stdout)["rows"]
    return ended.returncode, {(row["op"], row["check"], row["dtype"]): row for row in rows}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    path = tmp_path_factory.mktemp("conform") / "odd.py"
    path.write_text(ODD)
    return conformed("--provider", path, "--dtype", "float32")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("flag_gems") is None, reason="FlagGems is not installed")
def test_flaggems_is_found_to_scale_the_positive_side_too():
    code, rows = conformed("--provider", "flaggems", "--op", "elu", "--dtype", "float32")
    assert code == 1
    assert rows["elu", "input_scale ≠ 1", "float32"]["status"] == "fail"
    assert rows["elu", "scale ≠ 1", "float32"]["status"] == "pass"
    assert all("raises" not in (row["note"] or "") for row in rows.values())


@pytest.mark.slow
def test_a_wrong_file_fails_the_rows_that_are_wrong_and_no_others(odd):
    code, rows = odd
    assert code == 1
    failed = {key[:2] for key, row in rows.items() if row["status"] == "fail"}
    assert failed == {
        ("elu", "near 0⁻"), ("elu", "subnormals"), ("elu", "special values"), ("elu", "alpha = 0"),
        ("elu", "input_scale ≠ 1"), ("elu", "input_scale < 0"), ("elu_backward", "special values"),
        ("elu_backward", "large |x|"),
    }  # fmt: skip
    not_offered = {key[1] for key, row in rows.items() if row["status"] == "not offered"}
    assert {"is_result", "in place", "second derivative"} <= not_offered
    assert "died" in rows["elu", "alpha = 0", "float32"]["note"]
    large = rows["elu_backward", "large |x|", "float32"]
    assert large["got"] == "nan" and large["true"] == "-1.5"


@pytest.mark.slow
def test_three_lines_show_a_fail_without_elubench(odd, tmp_path):
    rows = [odd[1]["elu", check, "float32"] for check in ("near 0⁻", "input_scale ≠ 1")]
    assert all(len(row["reproduce"]) == 3 and "harness" not in "".join(row["reproduce"]) for row in rows)
    # Each lot with names of its own, in one process that imports torch.
    script = "\n".join(f"exec({chr(10).join(row['reproduce'])!r}, {{}})" for row in rows)
    variables = environment() | {"PYTHONPATH": ""}
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for row, said in zip(rows, shown.splitlines(), strict=True):
        got, _, true = said.partition(" where ")
        assert float(f"{float(got):.9g}") == float(row["got"])
        assert float(true.split()[0]) == float(row["true"])


@pytest.mark.slow
def test_eager_is_refused_or_silently_wrong_in_place():
    code, rows = conformed("--provider", "eager", "--op", "elu_backward", "--dtype", "float32")
    assert code == 1
    failed = {check for (_, check, _), row in rows.items() if row["status"] == "fail"}
    assert failed == {"in place, scale < 0", "in place, input_scale < 0"}
    assert rows["elu_backward", "in place, alpha < 0", "float32"]["note"].startswith("refused")


@pytest.mark.slow
def test_our_kernels_pass_every_row():
    """Run by the emulated GPU; the other dtypes are in the published table."""
    code, rows = conformed("--provider", "triton", "--dtype", "bfloat16")
    assert code == 0
    assert {row["status"] for row in rows.values()} == {"pass"}


@pytest.mark.slow
def test_a_triton_file_is_run_by_the_emulated_gpu_and_its_faults_of_memory_are_fails():
    code, rows = conformed("--provider", PROVIDERS / "triton_past_the_end.py", "--op", "elu", "--dtype", "float32")
    assert code == 1
    assert rows["elu", "near 0⁻", "float32"]["note"].startswith("memory: ")


@pytest.mark.slow
def test_what_is_not_loaded_is_one_sentence(tmp_path):
    (tmp_path / "mine.py").write_text("import nowhere\n")
    ended = elubench("conform", "--provider", tmp_path / "mine.py", "--device", "cpu")
    assert ended.returncode == 2
    assert "No module named 'nowhere'" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.slow
def test_the_page_and_the_file_are_written_where_they_are_asked_for(tmp_path):
    words = ("--provider", "eager", "--op", "elu", "--dtype", "bf16", "--device", "cpu")
    ended = elubench("conform", *words, "--out", tmp_path / "new")
    assert ended.returncode == 0, ended.stderr
    found = read(tmp_path / "new")
    assert found.providers == ("eager",)
    page = (tmp_path / "new" / "report" / "report.md").read_text()
    assert "eager passes all that it offers" in page and "| elu | every 16-bit input |" in page


@pytest.mark.parametrize("check", ["special values", "near 0⁻"])
@pytest.mark.parametrize("provider", BUILTIN)
def test_every_provider_has_three_lines_that_need_nothing_of_ours_to_show_a_fail(provider, check):
    demand = next(each for each in CHECKS if each.name == check)
    finding = CheckResult(RowStatus.FAIL, (64,), 3, -1e-4, 0.0, -9.9995e-5)
    written = lines(provider, Reproducible(demand, "float32", finding, "cpu"))
    assert len(written) == 3 and "where -9.9995e-05 is true" in written[2]
    compile("\n".join(written), "three lines", "exec")
    assert "harness" not in "".join(written)

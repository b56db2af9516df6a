"""Kernels of users where there is no GPU: compiled for one, run by the emulated GPU, judged by the gate."""

from __future__ import annotations

import pytest

from harness.machine_code.rows import read_rows
from harness.store.records import read_run
from tests.harness.command import PROVIDERS, elubench

pytestmark = pytest.mark.slow
SWEEP = """
description = "one case"
providers = ["eager"]
dtypes = ["bfloat16", "float32"]
case_timeout_s = 120
[stop]
max_seconds = 0.05
[[cases]]
op = "elu"
shapes = [[63, 65]]
"""
FILES = ("triton_right", "triton_libdevice", "triton_past_the_end", "triton_race", "triton_product", "honest")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validating")
    (folder / "one.toml").write_text(SWEEP)
    files = [argument for name in FILES for argument in ("--provider", PROVIDERS / f"{name}.py")]
    files += ["--provider", "inductor"]
    ended = elubench("run", "--sweep", folder / "one.toml", "--device", "cpu", *files, "--out", folder / "run")
    assert ended.returncode == 0, ended.stderr
    return folder / "run", ended.stdout


@pytest.fixture(scope="module")
def records(ended):
    found = {}
    for record in read_run(ended[0]).records:
        if record.role == "provider":
            found.setdefault(record.provider, []).append(record)
    assert all(len(each) == 2 for each in found.values())
    return found


def test_a_kernel_is_judged_however_triton_is_imported_and_in_each_dtype_by_itself(records):
    narrow, wide = records["triton_right"]
    assert (narrow.outcome, narrow.validated_by) == ("validated", "ptx sm_90"), narrow.reason
    assert narrow.flags == () and narrow.median_s is None
    assert "right as compiled for sm_90" in narrow.reason and "63×65" in narrow.reason
    assert wide.outcome == "rejected" and "4 ULP is allowed" in wide.reason, "its exp(x) - 1 has lost digits in fp32"


def test_a_kernel_that_calls_libdevice_is_judged_and_its_flush_of_subnormals_is_named(records):
    for record in records["triton_libdevice"]:
        assert (record.outcome, record.flags) == ("validated", ("flushes_subnormals",)), record.reason


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("triton_past_the_end", ("reads outside of every tensor: x at byte", "block 3, thread", "past_the_end.py:")),
        ("triton_race", ("without a barrier between them", "block 0, thread", "triton_race.py:")),
    ],
)  # fmt: skip
def test_what_a_kernel_does_to_memory_is_named_with_its_place_though_its_result_is_right(records, provider, words):
    for record in records[provider]:
        assert record.outcome == "rejected" and record.reason.startswith("memory: ")
        assert all(word in record.reason for word in words), record.reason


def test_the_kernels_that_torch_compile_makes_for_a_gpu_are_right_but_for_subnormals(records):
    """As on an H200: results/nvidia-h200/default has the same mark on `compile`."""
    for record in records["inductor"]:
        assert (record.outcome, record.validated_by) == ("validated", "ptx sm_90"), record.reason
        assert record.flags == ("flushes_subnormals",)


def test_an_instruction_that_the_machine_does_not_have_is_named(records):
    for record in records["triton_product"]:
        assert record.outcome == "unsupported"
        assert "mma" in record.reason, record.reason


def test_a_file_that_launches_nothing_is_timed_on_the_cpu(records):
    for record in records["honest"]:
        assert (record.outcome, record.validated_by) == ("ok", None)
        assert record.median_s > 0


def test_a_run_is_validated_as_compiled_for_the_architecture_that_is_asked_for(tmp_path):
    (tmp_path / "one.toml").write_text(SWEEP.replace('"bfloat16", "float32"', '"bfloat16"'))
    run = tmp_path / "run"
    asked = ("--sweep", tmp_path / "one.toml", "--device", "cpu", "--arch", "sm_80", "--out", run, "--budget", "0")
    begun = elubench("run", *asked, "--provider", "triton", ELUBENCH_INSPECT="1")
    assert begun.returncode == 0 and "1 cases are left" in begun.stderr
    # Going on with it is for the same architecture.
    ended = elubench("run", "--resume", run)
    assert ended.returncode == 0, ended.stderr
    (record,) = (each for each in read_run(run).records if each.role == "provider")
    assert (record.outcome, record.validated_by) == ("validated", "ptx sm_80")
    assert "as compiled for sm_80" in record.reason
    assert {row.arch for row in read_rows(run)} == {"sm_80"}


def test_check_says_what_a_kernel_was_compiled_for():
    ended = elubench("check", "triton", "--op", "relu", "--dtype", "float16", "--device", "cpu", "--arch", "sm_120")
    assert ended.returncode == 0, ended.stderr
    assert "as compiled for sm_120, on the emulated GPU" in " ".join(ended.stdout.split())


@pytest.mark.parametrize("verb", [("run", "--op", "elu"), ("check", "triton")])
def test_an_architecture_that_is_not_known_is_refused(verb):
    ended = elubench(*verb, "--device", "cpu", "--arch", "sm_42")
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
    assert "there is no architecture 'sm_42' to emulate; choose from sm_80, " in ended.stderr

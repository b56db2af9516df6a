"""The verb `inspect` as people and programs use it: real processes, real compilations."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton.backends.nvidia")

from harness.machine_code import sass
from harness.machine_code.rows import read_rows
from harness.machine_code.specimens import DTYPES, specimens
from harness.machine_code.survey import survey
from harness.ops.catalogue import KERNEL_OPS
from harness.store.seal import BROKEN, SEALED, state
from harness.store.vocabulary import INSPECTION, RunError
from tests.harness.command import elubench

PROVIDERS = Path(__file__).parent / "providers"
CONTRACT = (
    "op", "variant", "dtype", "arch", "instructions_per_element", "load_bytes", "store_bytes", "registers", "spills",
    "branches", "bound_by", "modelled_peak_fraction",
)  # fmt: skip

CPU_BUILD = pytest.mark.skipif(torch.version.cuda is not None, reason="the torch that is installed has kernels")

TINY = """
providers = ["triton"]
dtypes = ["float16"]
[stop]
max_seconds = 0.05
[[cases]]
op = "elu"
shapes = [[16, 16]]
"""


@pytest.mark.slow
def test_json_has_the_rows_that_programs_rely_on(tmp_path):
    files = tmp_path / "made" / "listings"
    ended = elubench(
        "inspect", "--arch", "sm_80", "--op", "elu", "--dtype", "float32", "--json", "--listings", files
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    assert [row["variant"] for row in rows] == ["unit", "unit odd", "unscaled", "general"]
    for row in rows:
        assert set(CONTRACT) <= set(row) and row["reason"] is None
        assert (row["op"], row["dtype"], row["arch"], row["load_bytes"]) == ("elu", "float32", "sm_80", 16)
        assert row["pipes"]["issue"] == row["instructions_per_element"] > 3
        assert row["ceilings"][0]["fraction"] == row["modelled_peak_fraction"]
        code = sass.parse((files / f"elu-{row['variant']}-float32-sm_80.sass".replace(" ", "-")).read_text())
        # The listing has what follows EXIT as well: the branch to itself and padding.
        assert row["registers"] and len(code) > row["instructions_per_element"] * row["elements_per_thread"]


@pytest.mark.slow
def test_every_kernel_of_the_suite_has_a_row(suite):
    asked = {(op, each.variant, dtype) for op in KERNEL_OPS for dtype in DTYPES for each in specimens(op, dtype)}
    assert {(row.op, row.variant, row.dtype) for row in suite if row.role == "main"} == asked
    for row in suite:
        assert row.reason is None, row
        assert row.occupancy and row.registers and row.instructions_per_element, row
        # The bias of each tile, from a cache, partial sums and the like come on top of what the op moves at least.
        if row.role == "main":
            assert row.bytes_per_element <= row.traffic_per_element < 1.3 * row.bytes_per_element, row


@pytest.mark.slow
def test_elu_and_relu_are_held_against_each_other():
    ended = elubench("inspect", "--arch", "sm_90", "--op", "relu", "--op", "elu", "--dtype", "bfloat16", COLUMNS="80")
    assert ended.returncode == 0, ended.stderr
    together = ended.stdout.partition("side by side")[2].partition("relu  bfloat16")[0]
    lines = {line.split()[0]: line.split()[1:] for line in together.splitlines() if line.startswith(("relu", "elu "))}
    assert list(lines) == ["relu", "elu"]
    (relu, *_, relu_bound), (elu, *_, elu_bound) = lines["relu"], lines["elu"]
    assert (relu, elu, relu_bound, elu_bound) == ("default", "unit", "memory", "memory")
    instructions, issue_share = (float(lines["elu"][place]) for place in (1, 2))
    assert 1 < float(lines["relu"][1]) < instructions < 9 and issue_share < 25


@pytest.mark.slow
def test_elu_and_relu_move_the_same_bytes_in_the_same_way(suite):
    """And memory is what binds both, in every dtype that a model has."""
    rows = {(row.op, row.variant, row.dtype): row for row in suite if row.role == "main"}
    for dtype in ("bfloat16", "float16", "float32"):
        for end in ("", "_backward"):
            elu, relu = rows[f"elu{end}", "unit", dtype], rows[f"relu{end}", "default", dtype]
            for name in ("load_bytes", "store_bytes", "elements_per_thread", "threads", "programs"):
                assert getattr(elu, name) == getattr(relu, name), (name, elu, relu)
            assert elu.traffic_per_element == pytest.approx(relu.traffic_per_element)
            assert elu.modelled_peak_fraction == relu.modelled_peak_fraction == 1
            assert elu.bound_by == relu.bound_by == "memory"


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["sm_100", "sm_120", "gfx942"])
def test_other_architectures_are_counted_too(arch):
    rows = survey([arch], ops=["elu", "bias_elu_backward"], dtypes=["bfloat16"])
    assert [row.reason for row in rows if row.reason] == []
    for row in (row for row in rows if row.role == "main"):
        assert row.arch == arch and 3 < row.instructions_per_element < 100 and row.spills == 0, row
        assert row.pipes.get("other", 0) == 0, row


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--arch", "sm_42"), "no architecture 'sm_42' to inspect; choose from sm_80,"),
        (("--op", "gelu"), "no op 'gelu' to inspect; choose from elu,"),
        (("--dtype", "int8"), "no dtype 'int8' to inspect; choose from bfloat16,"),
        (("--provider", "nothing.py"), "there is no file nothing.py"),
        (("--provider", "compile"), "compile launches no Triton kernels here"),
        (("--provider", "eager", "--torch-library", "no.so"), "there is no file no.so; --torch-library takes the"),
        (("--provider", "eager", "--torch-library", sys.executable), "holds no kernels of CUDA"),
        pytest.param(("--provider", "eager"), "the torch that is installed has no kernels for CUDA", marks=CPU_BUILD),
        pytest.param(
            ("--arch", "sm_90", "--provider", str(PROVIDERS / "tuned.py"), "--op", "relu"),
            "defines no function named after relu;",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_wrong_usage_is_one_sentence(arguments, words):
    ended = elubench("inspect", *arguments)
    assert ended.returncode == 2 and words in ended.stderr and len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_file_is_inspected_by_launching_what_it_launches():
    rows = survey(["sm_90"], str(PROVIDERS / "tuned.py"), dtypes=["float16"])
    by_op = {op: [row for row in rows if row.op == op] for op in KERNEL_OPS}
    tuned = [row for row in by_op["elu"] if row.variant.startswith("unit [")]
    assert [row.variant.partition("[")[2] for row in tuned] == [
        "BLOCK=1024, num_warps=4]",
        "BLOCK=4096, num_warps=8]",
    ]
    assert [row.threads for row in tuned] == [128, 256]
    assert {row.provider for row in rows} == {"tuned"} and {row.kernel for row in tuned} == {"tuned_kernel"}
    assert {row.reason for row in by_op["bias_elu"]} == {"it launched no Triton kernel"}
    assert all("no attribute 'no_such_thing'" in row.reason for row in by_op["bias_elu_backward"])
    # Two launches of one kernel, whose result the function returns instead of writing it to `out`.
    twice = [row for row in by_op["elu_backward"] if row.variant == "unit"]
    assert [(row.role, row.load_bytes, row.store_bytes, row.bytes_per_element) for row in twice] == [
        ("main", 16, 16, 4)
    ] * 2


@pytest.mark.slow
def test_a_file_is_shown_beside_the_suites_own_kernels_of_the_same_ops(tmp_path):
    asked = ("--arch", "sm_90", "--op", "elu", "--op", "relu", "--dtype", "float16", "--listings", tmp_path)
    ended = elubench("inspect", *asked, "--provider", PROVIDERS / "tuned.py", "--json")
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    assert {(row["provider"], row["op"]) for row in rows} == {("triton", "elu"), ("tuned", "elu")}
    assert {"elu-unit-float16-sm_90.sass", "tuned-elu-general-float16-sm_90.sass"} <= {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.slow
def test_a_run_keeps_what_was_counted_and_show_needs_it_only(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    run = tmp_path / "run"
    made = elubench("run", "--sweep", tmp_path / "tiny.toml", "--out", run, "--device", "cpu", ELUBENCH_INSPECT="1")
    assert made.returncode == 0, made.stderr
    assert [(row.op, row.variant, row.dtype) for row in read_rows(run)] == [
        ("elu", variant, "float16") for variant in ("unit", "unit odd", "unscaled", "general")
    ]
    for text in (made.stdout, elubench("show", run).stdout):
        assert "modelled, not measured: machine code of triton for sm_90" in text
        assert text.index("validated") < text.index("modelled, not measured")
    assert state(run) == SEALED
    (run / INSPECTION).write_text("[{}]")
    assert state(run) == BROKEN
    with pytest.raises(RunError, match=r"inspect\.json cannot be read"):
        read_rows(run)

"""What kernels may cost at most, held by every commit where no GPU runs; and that a worse kernel is caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("triton.backends.nvidia")

from harness.machine_code.budget import Budget, load, uncovered, violations
from harness.machine_code.rows import InspectedRow
from harness.machine_code.survey import survey

PROVIDERS = Path(__file__).parent / "providers"
GOOD = InspectedRow(
    "elu", "unit", "bfloat16", "sm_90", instructions_per_element=5.0, spills=0, local_bytes=0, branches=0,
    load_bytes=16, store_bytes=16,
)  # fmt: skip
BUDGET = Budget("sm_90", {("elu", "unit", "bfloat16"): 9.0})


@pytest.mark.slow
def test_the_suite_keeps_its_budgets_spills_nothing_diverges_nowhere_and_has_wide_accesses(suite):
    assert not list(violations(suite, load()))


@pytest.mark.slow
def test_neither_does_it_on_ampere():
    rows = survey(["sm_80"], dtypes=["bfloat16", "float32"])
    assert rows and not list(violations(rows, replace(load(), instructions={})))


@pytest.fixture(scope="module")
def worse() -> tuple[InspectedRow, ...]:
    return survey(["sm_90"], str(PROVIDERS / "worse.py"), dtypes=["bfloat16"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("op", "words"),
    [
        ("elu", " instructions per element, and "),
        ("elu_backward", "a global load of the main tensors is 4 bytes wide, and 16 are possible"),
        ("bias_elu", " instructions spill registers, to "),
        ("bias_elu_backward", "threads of a warp part at "),
    ],
)
def test_a_kernel_made_worse_is_caught(worse, op, words):
    found = [each for each in violations(worse, load()) if each.startswith(f"{op} ")]
    assert any(words in each for each in found), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instructions_per_element": 9.01}, "9.01 instructions per element, and 9 are allowed"),
        ({"spills": 2, "local_bytes": 8}, "2 instructions spill registers, to 8 bytes"),
        ({"branches": 1}, "threads of a warp part at 1 branches"),
        ({"load_bytes": 8}, "a global load of the main tensors is 8 bytes wide"),
        ({"store_bytes": None}, "a global store of the main tensors is None bytes wide"),
        ({"reason": "CompilationError: no", "instructions_per_element": None}, "not counted, CompilationError: no"),
    ],
)
def test_each_limit_has_its_sentence(change, words):
    assert not list(violations([GOOD], BUDGET))
    (found,) = violations([replace(GOOD, **change)], BUDGET)
    assert words in found and found.startswith("elu unit bfloat16 on sm_90: ")


def test_all_launches_of_an_op_share_its_budget():
    second = replace(GOOD, role="stage2", load_bytes=4, store_bytes=4)
    (found,) = violations([GOOD, second], BUDGET)
    assert "10.00 instructions" in found


def test_wider_machines_and_other_architectures_have_no_count_to_keep():
    assert not list(violations([replace(GOOD, arch="sm_100", instructions_per_element=99.0, load_bytes=8)], BUDGET))


def test_what_is_not_there_is_told():
    assert uncovered([GOOD], BUDGET) == []
    assert uncovered([replace(GOOD, arch="sm_80")], BUDGET) == [("elu", "unit", "bfloat16")]


@pytest.mark.slow
def test_every_budget_is_of_a_kernel_that_is_there_and_every_kernel_has_one(suite):
    budget = load()
    assert not uncovered(suite, budget)
    kernels = {(row.op, row.variant, row.dtype) for row in suite if row.dtype != "float64"}
    assert set(budget.instructions) == kernels

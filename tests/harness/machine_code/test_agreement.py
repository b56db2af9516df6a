"""Machine code held against its PTX: the suite's kernels agree, and listings that were edited do not."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("triton.backends.nvidia")

from harness.machine_code.agreements import AgreementRow, evidence, validate
from harness.machine_code.survey import InspectError
from harness.ops.catalogue import KERNEL_OPS
from harness.store.vocabulary import Outcome
from reports.render.opcodes import page
from tests.harness.command import elubench

ELEMENTWISE = [op for op in KERNEL_OPS if not op.startswith(("bias", "prelu"))]


def wrong(rows: list[AgreementRow]) -> list[str]:
    return [str(row) for row in rows if row.outcome is not Outcome.VALIDATED]


def printed_by(module: str) -> dict[str, list]:
    done = elubench(module=module, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def edited() -> dict[str, list]:
    return printed_by("tests.harness.machine_code.edited_listings")


@pytest.mark.slow
def test_kernels_as_people_write_them_agree():
    """Loops over data, shared memory, sums, transposition, a race (both run threads in one order), both ends of ex2."""
    found = printed_by("tests.harness.machine_code.scenes")
    assert len(found) == 9 and {outcome for outcome, _ in found.values()} == {"validated"}


@pytest.mark.slow
def test_unedited_machine_code_gives_the_same_bits_at_every_input(edited):
    outcome, reason, inputs, _ = edited["nothing"]
    assert (outcome, reason, inputs) == ("validated", None, 65536)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("a dropped constant", "= 1.20140612e-07 (0x3401): `STG.E.128"),
        ("a dropped constant, once", "where x_ptr[13318] = 1.24797225e-07 (0x3406): `STG.E.128"),
        ("a dropped modifier", "x_ptr["),
        ("a constant of another value", "its PTX -0.00555419922 (0xbbb6), where x_ptr[48055] = -0.0055847168 (0xbbb7)"),
        ("a store elsewhere", "nobody's store; activation_kernel writes outside of every tensor"),
    ],
)
def test_a_compiler_that_errs_is_found_with_kernel_instruction_and_input(edited, edit, told):
    outcome, reason, _, error = edited[edit]
    assert outcome == "rejected"
    assert reason.startswith("activation_kernel as machine code gives out_ptr[") and told in reason
    assert error < 0.01  # what is left in the tensors is what the PTX computed


@pytest.mark.slow
@pytest.mark.parametrize(("edit", "named"), [("an unknown opcode", "HARDEX2"), ("an unknown modifier", "MUFU.EX3")])
def test_an_unknown_opcode_is_named_with_its_line(edited, edit, named):
    outcome, reason, *_ = edited[edit]
    assert outcome == "unsupported"
    assert f"`{named} R" in reason and "in line " in reason and "of the machine code" in reason


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_elementwise_kernel_in_16_bits_on_sm_90():
    rows = list(validate(["sm_90"], ops=ELEMENTWISE, dtypes=["bfloat16", "float16"]))
    assert len(rows) > 50 and wrong(rows) == []
    assert all(row.inputs >= 65535 for row in rows)
    assert len(evidence(rows)) > 25


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_elementwise_kernel_in_wider_types_on_sm_90():
    rows = list(validate(["sm_90"], ops=ELEMENTWISE, dtypes=["float32"], elements=4096))
    rows += validate(["sm_90"], ops=["elu", "elu_backward", "leaky_relu"], dtypes=["float64"], elements=4096)
    assert len(rows) > 30 and wrong(rows) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sums_on_sm_90():
    assert wrong(list(validate(["sm_90"], ops=["bias_elu_backward"], dtypes=["bfloat16"], elements=4096))) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("arch", ["sm_80", "sm_100", "sm_120"])
def test_some_kernels_on_other_architectures(arch):
    rows = list(validate([arch], ops=["elu", "relu_backward"], dtypes=["bfloat16", "float32"], elements=16384))
    assert len(rows) > 8 and wrong(rows) == []


@pytest.mark.slow
def test_the_verb_prints_a_line_for_each_kernel_and_a_table_of_opcodes():
    ended = elubench("inspect", "--validate", "--op", "relu", "--dtype", "float16")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == "relu default float16 sm_90 activation_kernel: same bits on 65,536 inputs"
    ended = elubench("inspect", "--validate", "--op", "relu", "--dtype", "float16", "--markdown")
    assert "| `STG` | stores to global memory" in ended.stdout


def test_what_cannot_be_validated_is_said():
    with pytest.raises(InspectError, match="architecture"):
        list(validate(["sm_10"]))
    with pytest.raises(InspectError, match="gfx942 is counted only"):
        list(validate(["sm_90", "gfx942"]))
    ended = elubench("inspect", "--validate", "--check")
    assert ended.returncode == 2 and "--validate counts nothing" in ended.stderr


@pytest.mark.slow
def test_where_ptx_leaves_the_last_bits_open_a_difference_is_no_error(tmp_path):
    """A user's kernel that divides: ptxas makes a reciprocal and a product of it, which PTX's bound allows."""
    file = tmp_path / "dividing.py"
    file.write_text(DIVIDING)
    (row,) = [each for each in validate(["sm_90"], str(file), ["relu"], ["float32"]) if each.variant == "default"]
    assert row.outcome is Outcome.UNSUPPORTED
    assert "leaves the last bits open (`div.full.f32" in row.reason


DIVIDING = """
import triton
import triton.language as tl

@triton.jit
def dividing_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(out_ptr + offsets, x / (1.0 + tl.abs(x)), mask=offsets < n)

def relu(x, out):
    dividing_kernel[(triton.cdiv(x.numel(), 1024),)](x, out, x.numel(), BLOCK=1024)
"""


def test_evidence_counts_inputs_of_kernels_that_agree_alone():
    good = AgreementRow(
        "elu", "unit", "float32", "sm_90", "triton", "k", 100, Outcome.VALIDATED, None, ("FADD", "LDG.E", "LDG.E.64")
    )
    other = AgreementRow("elu", "unit", "float32", "sm_80", "triton", "k", 7, Outcome.VALIDATED, None, ("FADD",))
    bad = AgreementRow("elu", "x", "float32", "sm_90", "triton", "k", 50, Outcome.REJECTED, "differs", ("FADD", "MOV"))
    found = {each.name: each for each in evidence([good, other, bad])}
    assert found["FADD"].inputs == {"sm_90": 100, "sm_80": 7} and found["FADD"].kernels == 2
    assert found["LDG"].forms == (".E", ".E.64") and "MOV" not in found
    text = page([good, other, bad])
    assert "| `FADD` | a + b | 2 | 100 | 7 |" in text and ": rejected: differs" in text

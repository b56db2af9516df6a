"""The error by input, over all values of a 16-bit dtype."""

from __future__ import annotations

import pytest
import torch

from harness.correctness import error_by_input
from harness.ops.buffers import allocate
from harness.ops.cases import make_case

BF16, FP16 = make_case("elu", (256, 256), "bfloat16"), make_case("elu", (256, 256), "float16")


def eager(x, out):
    torch.ops.aten.elu.out(x, out=out)


def exp_minus_one(x, out):
    wide = x.float()
    out.copy_(torch.where(wide > 0, wide, torch.exp(wide) - 1))


def profile(case, call):
    buffers = allocate(case, 1, "cpu")[0]
    before = buffers.inputs[0].clone()
    found = error_by_input.error_by_input(case, call, buffers)
    assert torch.equal(buffers.inputs[0], before)
    return found.max_ulp


def bucket_of(value: float, dtype: torch.dtype) -> int:
    pattern = torch.tensor(value, dtype=dtype).view(torch.int16).item() & 0xFFFF
    return pattern // error_by_input.PATTERNS_PER_BUCKET


@pytest.mark.parametrize("case", [BF16, FP16])
def test_the_reference_operator_is_right_to_half_an_ulp_everywhere(case):
    errors = profile(case, eager)
    assert len(errors) == 512
    assert max(error for error in errors if error is not None) <= 0.5005
    assert max(error for error in errors[:256] if error is not None) == 0  # ELU is the identity there


def test_errors_are_where_they_are():
    errors = profile(BF16, exp_minus_one)
    # Where exp(x) rounds to 1 all of x is lost; x itself is 128 to 255 ULP in bfloat16. Farther left all is well.
    assert errors[bucket_of(-1e-9, torch.bfloat16)] > 128
    assert errors[bucket_of(-3.0, torch.bfloat16)] <= 0.51
    assert errors[bucket_of(1e-9, torch.bfloat16)] == 0


def test_only_buckets_without_a_finite_input_have_no_error():
    errors = profile(FP16, eager)
    empty = [n for n, error in enumerate(errors) if error is None]
    assert empty == [*range(248, 256), *range(504, 512)]  # float16's last exponent: infinities and NaN


def test_a_nan_where_a_number_is_due_counts_as_the_largest_error():
    assert profile(BF16, lambda x, out: out.fill_(float("nan")))[0] == error_by_input.MOST_ULP


def test_only_the_plain_forward_op_has_a_profile():
    assert error_by_input.is_profiled(BF16)
    assert not error_by_input.is_profiled(make_case("elu", (256, 255), "bfloat16"))
    assert not error_by_input.is_profiled(make_case("elu", (256, 256), "float32"))
    assert not error_by_input.is_profiled(make_case("elu", (256, 256), "bfloat16", {"alpha": 2.0}))
    assert not error_by_input.is_profiled(make_case("elu_backward", (256, 256), "bfloat16"))

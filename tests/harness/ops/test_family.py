"""Activations: the gate accepts PyTorch's of them, and rejects what is wrong in one place only."""

import pytest
import torch

from harness import providers
from harness.correctness import gate
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS, OPS
from harness.ops.op import ITEM_BYTES
from harness.store.records import read_run
from tests.harness.command import elubench

SLOPE = 0.01
EAGER = [
    *((op, {}) for op in KERNEL_OPS),
    *((op, {"is_result": True}) for op in KERNEL_OPS if "is_result" in KERNEL_OPS[op].params),
    *((op, {"dim": 0}) for op in KERNEL_OPS if "dim" in KERNEL_OPS[op].params),
    ("leaky_relu", {"negative_slope": -0.2}),
    ("leaky_relu", {"negative_slope": 0.0}),  # ATen multiplies: -inf gives NaN
]


def judge(call, op, params=None, dtype="float32", shape=(300, 300)):
    case = make_case(op, shape, dtype, params)
    call = providers.load(call).prepare(case) if isinstance(call, str) else call
    return gate.check(case, call, allocate(case, 1, "cpu")[0], seed=3)


@pytest.mark.parametrize("dtype", ITEM_BYTES)
@pytest.mark.parametrize(("op", "params"), EAGER)
def test_eager_passes_special_values_and_all(op, params, dtype):
    verdict = judge("eager", op, params, dtype)
    assert verdict.passed, verdict.reason


def test_one_weight_for_all_is_a_dimension_of_one():
    for op in ("prelu", "prelu_backward"):
        assert judge("eager", op, {"dim": 0}, shape=(1, 40, 50)).passed


def test_what_is_lost_in_elu_plus_one_is_shown_and_forgiven():
    for dtype, digits in (("float16", 11), ("bfloat16", 8), ("float32", 24)):
        verdict = judge("eager", "elu_plus_one", dtype=dtype)
        assert verdict.passed
        # Where elu(x) is -1, the difference to e^x is all of its digits.
        assert 2.0 ** (digits - 1) <= verdict.max_ulp <= 2.0**digits
        assert float(verdict.worst_input.removeprefix("x=")) < -4


def exponential(x, out, floor=float("-inf")):
    out.copy_(torch.where(x > 0, x + 1, torch.where(x < floor, 0.0, x.double().exp().to(x.dtype))))


def test_elu_plus_one_without_the_sum_has_no_such_error():
    assert judge(exponential, "elu_plus_one", dtype="bfloat16").max_ulp <= 0.5


def threshold(grad, x, out):
    out.copy_(torch.where(x >= 0, grad, 0.0))


def leak_at_zero(grad, x, out):
    out.copy_(torch.where(x >= 0, grad, SLOPE * grad))


WRONG = {
    "NaN becomes 0": ("relu", {}, lambda x, out: out.copy_(torch.where(x > 0, x, 0.0)), "special"),
    "the identity": ("relu", {}, lambda x, out: out.copy_(x), "0 is true"),
    "0 is active": ("relu_backward", {}, threshold, "is true"),
    "0 does not leak": ("leaky_relu_backward", {}, leak_at_zero, "is true"),
    "a zero loses its sign": (
        "leaky_relu",
        {},
        lambda x, out: out.copy_(torch.where(x < 0, SLOPE * x, x.abs())),
        "a zero of the wrong sign",
    ),
    "another slope": ("leaky_relu", {}, lambda x, out: out.copy_(torch.where(x > 0, x, 0.0101 * x)), "is true"),
    "the other dimension": (
        "prelu",
        {"dim": 1},
        lambda x, weight, out: out.copy_(torch.where(x > 0, x, weight[:, None] * x)),
        "is true",
    ),
    "elu": ("elu_plus_one", {}, lambda x, out: torch.ops.aten.elu.out(x, out=out), "is true"),
    "no sum above 0": ("elu_plus_one", {}, lambda x, out: torch.exp(x, out=out), "is true"),
    "0 too early": ("elu_plus_one", {}, lambda x, out: exponential(x, out, -5.0), "out is 0 where"),
    "a slope above 1": (
        "elu_plus_one_backward",
        {"is_result": True},
        lambda grad, result, out: torch.mul(grad, result, out=out),
        "is true",
    ),
    "a slope of elu": (
        "elu_plus_one_backward",
        {"is_result": True},
        lambda grad, result, out: torch.ops.aten.elu_backward.grad_input(grad, 1, 1, 1, True, result, grad_input=out),
        "is true",
    ),
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_rejected(fault, dtype):
    op, params, call, words = WRONG[fault]
    verdict = judge(call, op, params, dtype)
    assert not verdict.passed
    assert words in verdict.reason


def test_a_gradient_of_the_weight_that_lost_a_row_is_rejected():
    eager = providers.load("eager").prepare(make_case("prelu_backward", (300, 300), "float32"))

    def forgets(grad, x, weight, grad_x, grad_weight):
        eager(grad, x, weight, grad_x, grad_weight)
        grad_weight -= torch.where(x[-1] > 0, 0.0, grad[-1] * x[-1])

    verdict = judge(forgets, "prelu_backward")
    assert not verdict.passed
    assert "grad_weight" in verdict.reason


@pytest.mark.slow
def test_a_run_of_the_sweep_validates_the_kernels(tmp_path):
    pytest.importorskip("triton")
    run = tmp_path / "run"
    ended = elubench(
        "run", "--sweep", "family", "--dtype", "bfloat16", "--op", "relu", "--op", "elu_plus_one",
        "--provider", "triton", "--device", "cpu", "--out", run,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    rows = {each.op: each for each in read_run(run).records if each.role == "provider"}
    assert {op: row.outcome for op, row in rows.items()} == {"relu": "validated", "elu_plus_one": "validated"}
    assert rows["relu"].max_ulp == 0 and rows["elu_plus_one"].max_ulp < 0.51


@pytest.mark.parametrize("op", [op for op in KERNEL_OPS if not op.endswith("_backward")])
def test_the_reference_of_the_gradient_is_autograds_of_the_forward(op):
    generator = torch.Generator().manual_seed(0)
    case = make_case(op, (6, 4, 5), "float64")
    given = [torch.randn(each.shape, generator=generator, dtype=torch.float64) for each in case.inputs]
    grad = torch.randn(case.shape, generator=generator, dtype=torch.float64)
    leaves = [each.clone().requires_grad_() for each in given]
    (out,) = OPS[op].pytorch(case)(*leaves)
    (forward,) = OPS[op].expected(case, *given)
    torch.testing.assert_close(forward.value, out.detach())

    gradients = torch.autograd.grad(out, leaves, grad)
    of_result = [{"is_result": True}] if "is_result" in OPS[f"{op}_backward"].params else []
    for params in ({}, *of_result):
        case = make_case(f"{op}_backward", case.shape, "float64", params)
        known = [out.detach()] if params else given
        for found, true in zip(OPS[case.op].expected(case, grad, *known), gradients, strict=True):
            torch.testing.assert_close(found.value, true)

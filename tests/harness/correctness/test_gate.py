import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import providers
from harness.correctness import errors, gate
from harness.ops import reference
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS
from harness.ops.op import ITEM_BYTES

PROVIDERS = Path(__file__).parents[1] / "provider_files"

CASES = [
    ("elu", {}),
    ("elu", {"alpha": 2.0, "scale": 3.0, "input_scale": 1.25}),
    ("elu_backward", {}),
    ("elu_backward", {"alpha": 2.0, "scale": 3.0, "input_scale": 1.25}),
    ("elu_backward", {"is_result": True}),
    ("elu_backward", {"alpha": 2.0, "scale": 3.0, "input_scale": 1.25, "is_result": True}),
    ("bias_elu", {}),
    ("bias_elu", {"alpha": 0.7, "dim": 1}),
    ("bias_elu_backward", {}),
    ("bias_elu_backward", {"dim": 1}),
]


def judge(provider, op="elu", params=None, shape=(300, 301), dtype="float32", layout="contiguous"):
    case = make_case(op, shape, dtype, params, layout)
    call = providers.load(str(provider)).prepare(case)
    return gate.check(case, call, allocate(case, 1, "cpu")[0], seed=3)


@pytest.mark.parametrize("dtype", ITEM_BYTES)
@pytest.mark.parametrize(("op", "params"), CASES)
def test_eager_passes_at_all_parameters(op, params, dtype):
    verdict = judge("eager", op, params, dtype=dtype)
    assert verdict.passed, verdict.reason
    assert 0 <= verdict.max_ulp < 80


def test_a_sum_rounded_before_the_exponential_is_forgiven_as_much_as_it_costs_and_no_more():
    case = make_case("bias_elu_backward", (64, 64), "bfloat16")
    buffers = allocate(case, 1, "cpu")[0]
    eager = providers.load("eager").prepare(case)
    grad, x, bias = buffers.inputs
    grad.fill_(-1.609375)
    x.copy_(torch.linspace(-90, 0, x.numel()).view_as(x))  # down to where half an ulp of the sum is 0.25
    bias.fill_(1.25)
    assert gate.check_once(case, eager, buffers).passed
    grad_x = buffers.outputs[0]
    verdict = gate.check_once(case, lambda *tensors: (eager(*tensors), grad_x.mul_(1.5)), buffers)
    assert not verdict.passed


def test_the_gradient_of_the_bias_inherits_what_its_terms_are_forgiven():
    case = make_case("bias_elu_backward", (2, 64), "float32")
    buffers = allocate(case, 1, "cpu")[0]
    eager = providers.load("eager").prepare(case)
    _, x, bias = buffers.inputs
    x.copy_(torch.linspace(-90, -60, x.numel()).view_as(x))  # every term of a column is far down
    bias.copy_(torch.linspace(0.1, 0.9, 64))
    assert gate.check_once(case, eager, buffers).passed
    grad_bias = buffers.outputs[1]
    verdict = gate.check_once(case, lambda *tensors: (eager(*tensors), grad_bias.mul_(1 + 2e-5)), buffers)
    assert "grad_bias" in verdict.reason


@pytest.mark.parametrize(("op", "layout"), [("elu", "transposed"), ("elu_backward", "transposed")])
def test_eager_passes_in_other_layouts(op, layout):
    assert judge("eager", op, layout=layout).passed


def test_eager_passes_channels_last():
    assert judge("eager", "bias_elu_backward", {"dim": 1}, (2, 8, 9, 7), layout="channels_last").passed


@pytest.mark.parametrize("shape", [(1,), (5,), (1, 1), (3, 7)])
@pytest.mark.parametrize("op", KERNEL_OPS)
def test_small_shapes_are_judged_too(op, shape):
    params = {"dim": -1} if "dim" in KERNEL_OPS[op].params else {}
    assert judge("eager", op, params, shape=shape).passed


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize(
    ("cheat", "named"),
    [
        ("identity", "out is"),
        ("exp_minus_one", "is true"),
        ("stale", "out is"),
        ("skipped_tail", "out is nan"),
        ("unwritten", "out is nan"),
        ("changes_input", "changed its input x"),
    ],
)
def test_wrong_providers_are_rejected_with_the_worst_input(cheat, named, dtype):
    verdict = judge(PROVIDERS / f"{cheat}.py", dtype=dtype)
    assert not verdict.passed
    assert named in verdict.reason
    if cheat != "changes_input":
        assert verdict.worst_input.startswith("x=")


def test_exp_minus_one_is_seen_near_zero():
    verdict = judge(PROVIDERS / "exp_minus_one.py", dtype="bfloat16")
    assert verdict.max_ulp >= 255
    assert -0.01 < float(verdict.worst_input.removeprefix("x=")) < 0


def test_a_provider_from_a_file_may_write_or_return():
    assert judge(PROVIDERS / "honest.py").passed
    assert judge(PROVIDERS / "honest.py", "bias_elu_backward", {"dim": -1}).passed
    with pytest.raises(providers.Unsupported, match="defines no function bias_elu"):
        judge(PROVIDERS / "honest.py", "bias_elu")


def test_a_gradient_of_the_bias_that_lost_rows_is_rejected():
    case = make_case("bias_elu_backward", (300, 301), "float32")
    honest = providers.load("eager").prepare(case)

    def forgets_the_last_row(grad_output, x, bias, grad_x, grad_bias):
        honest(grad_output, x, bias, grad_x, grad_bias)
        grad_bias -= grad_x[-1]

    verdict = gate.check(case, forgets_the_last_row, allocate(case, 1, "cpu")[0], seed=3)
    assert not verdict.passed
    assert "grad_bias" in verdict.reason


@pytest.mark.parametrize(
    ("at", "value", "named"),
    [(2, 7.0, "special"), (4, 0.0, "special"), (1, 0.0, "a zero of the wrong sign"), (3, math.nan, "special")],
)
def test_a_wrong_special_value_is_rejected(at, value, named):
    case = make_case("elu", (64, 64), "float32")
    honest = providers.load("eager").prepare(case)

    def spoilt(x, out):
        honest(x, out)
        out.view(-1)[at] = value

    verdict = gate.check(case, spoilt, allocate(case, 1, "cpu")[0], seed=3)
    assert not verdict.passed
    assert named in verdict.reason


def test_a_large_case_is_compared_in_pieces(monkeypatch):
    monkeypatch.setattr(gate, "_CHUNK_ELEMENTS", 1000)
    assert judge("eager").passed
    verdict = judge(PROVIDERS / "skipped_tail.py")
    assert not verdict.passed


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize(
    ("below", "passes", "is_said"),
    [(2.0**-126, True, True), (2.0**-120, False, False), (2.0**-14, False, False), (0.0, True, False)],
)
def test_a_flush_of_what_is_subnormal_in_fp32_passes_and_is_said(below, passes, is_said, dtype):
    """As by arithmetic that takes numbers below 1.2e-38 for 0; more than that, and fp16's own subnormals, count."""
    if dtype == "float16":
        passes, is_said = below < 2.0**-24, False  # it has no number that small
    case = make_case("elu", (300, 301), dtype)

    def flushing(x, out):
        flushed = torch.where(x.abs() < below, 0 * x, x)
        result = torch.nn.functional.elu(flushed)
        out.copy_(torch.where(result.abs() < below, 0 * result, result))

    verdict = gate.check(case, flushing, allocate(case, 1, "cpu")[0], seed=3)
    assert (verdict.passed, verdict.flushes_subnormals) == (passes, is_said), verdict.reason
    assert math.isinf(verdict.max_ulp) or verdict.max_ulp < 2 or not passes


@pytest.mark.parametrize("at", [0, -1, slice(3000, 9000)], ids=["first", "last", "a third"])
@pytest.mark.parametrize(("op", "params"), [("elu", {}), ("bias_elu", {"dim": 1})])
def test_spots_are_both_ends_and_somewhere_between(monkeypatch, at, op, params):
    monkeypatch.setattr(gate, "_SPOT_ELEMENTS", 1000)
    case = make_case(op, (90, 200), "float32", params)
    honest = providers.load("eager").prepare(case)
    (buffers,) = allocate(case, 1, "cpu")
    assert gate.check_once(case, honest, buffers, in_spots=True).passed

    def spoilt(*tensors):
        honest(*tensors)
        tensors[-1].view(-1)[at] += 1.0

    verdicts = [gate.check_once(case, spoilt, buffers, in_spots=True).passed for _ in range(30)]
    assert not (all(verdicts) if isinstance(at, slice) else any(verdicts))
    assert not gate.check_once(case, spoilt, buffers).passed


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_ulp_is_numpys_spacing(value):
    ours = reference.ulp_size(torch.tensor([value], dtype=torch.float64), torch.float32)
    assert float(ours) == spacing(np.float32(abs(value)))


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
def test_the_ulp_is_numpys_spacing_in_half_precision(value):
    ours = reference.ulp_size(torch.tensor([value], dtype=torch.float64), torch.float16)
    assert float(ours) == spacing(np.float16(abs(value)))


def spacing(value: np.floating) -> float:
    """NumPy's distance to the next number; for the largest one, where that overflows, to the one before."""
    if value == np.finfo(value).max:
        return float(value) - float(np.nextafter(value, value.dtype.type(0)))
    return float(np.spacing(value))


@given(st.integers(-20, 20), st.floats(-1e30, 1e30).filter(lambda value: abs(value) > 1e-30))
def test_an_error_of_n_ulp_is_measured_as_n(count, value):
    true = torch.tensor([value], dtype=torch.float32).double()
    off = (true + count * reference.ulp_size(true, torch.float32)).float()
    error = errors.measure(off, reference.Expected(true), bound_ulp=4.0)
    assert error.max_ulp == pytest.approx(abs(count), abs=0.51)
    assert (error.excess_ulp > 0) == (error.max_ulp > 4)


def test_adversarial_values_hold_every_16_bit_pattern():
    for dtype in (torch.bfloat16, torch.float16):
        bits = gate.adversarial_values(dtype, seed=0).view(torch.int16)
        assert bits.unique().numel() == 2**16

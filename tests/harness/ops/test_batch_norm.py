"""Batch normalisation + ReLU, which ELU is compared with: its reference, and that eager meets it."""

import pytest
import torch

from harness import providers
from harness.correctness.gate import check
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import OPS


def judge(provider, op, shape, dtype="float32", seed=3, **params):
    case = make_case(op, shape, dtype, params)
    return check(case, providers.load(provider).prepare(case), allocate(case, 1, "cpu", seed)[0], seed)


@pytest.mark.parametrize("shape", [(64, 16), (300, 7), (8, 16, 9, 5)])
@pytest.mark.parametrize("op", ["batch_norm_relu", "batch_norm_relu_backward"])
def test_eager_passes_the_gate(op, shape):
    for seed in range(5):
        assert judge("eager", op, shape, seed=seed).passed
    assert judge("eager", op, shape, "float64").passed


def test_the_reference_is_that_of_autograd():
    generator = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(6, 4, 3, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    weight, bias = (torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(2))
    leaves = [tensor.requires_grad_() for tensor in (x, weight, bias)]
    out = torch.relu(torch.nn.functional.batch_norm(x, None, None, weight, bias, True, eps=1e-5))
    gradients = torch.autograd.grad(out, leaves, grad)

    forward = OPS["batch_norm_relu"].expected(
        make_case("batch_norm_relu", (6, 4, 3, 5), "float64"), *(t.detach() for t in leaves)
    )
    torch.testing.assert_close(forward[0].value, out.detach())
    case = make_case("batch_norm_relu_backward", (6, 4, 3, 5), "float64")
    kept = (grad, out.detach(), x.detach(), weight.detach(), forward[1].value, forward[2].value)
    for found, true in zip(OPS[case.op].expected(case, *kept), gradients, strict=True):
        torch.testing.assert_close(found.value, true)


def test_wrong_normalisation_is_rejected(tmp_path):
    wrong = tmp_path / "biased.py"
    wrong.write_text(
        "import torch\n"
        "def batch_norm_relu(x, weight, bias, dim, eps):\n"
        "    var, mean = torch.var_mean(x, 0, correction=1)\n"  # the unbiased variance is for running statistics
        "    rstd = (var + eps).rsqrt()\n"
        "    return torch.relu((x - mean) * rstd * weight + bias), mean, rstd\n"
    )
    verdict = judge(str(wrong), "batch_norm_relu", (64, 16))
    assert not verdict.passed
    assert "ULP is allowed" in verdict.reason


@pytest.mark.parametrize(
    ("provider", "op", "params", "dtype", "words"),
    [
        ("eager", "batch_norm_relu", {"dim": 0}, "float32", "channels in dimension 1"),
        ("eager", "batch_norm_relu", {}, "bfloat16", "16-bit"),
    ],
)
def test_what_pytorch_has_not_is_unsupported(provider, op, params, dtype, words):
    case = make_case(op, (8, 8), dtype, params)
    with pytest.raises(providers.Unsupported, match=words):
        providers.load(provider).prepare(case)

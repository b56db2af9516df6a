"""elu against the truth: every 16-bit input, what matters of the wider ones, and the values that break kernels."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import elu
from tests.kernels.values import (
    BF16,
    DEVICE,
    DTYPES,
    FP32,
    FP64,
    NARROW,
    PARAMETERS,
    SPECIALS,
    bound_of,
    check,
    every,
    named,
    normals,
    same_bits,
    telling,
)

EIGHTHS = st.integers(-32, 32).map(lambda count: count / 8)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("dtype", NARROW)
def test_every_16_bit_input(dtype, parameters):
    x = every(dtype)
    if math.copysign(1.0, parameters[2]) < 0 or parameters[0] == 0.0:
        x = x[~(x < -20)]  # beyond it 0 · ∞ depends on where the exponential overflows
    check("elu", (x,), elu(x, *parameters), bound=bound_of(dtype), **named(parameters))


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_fp32_grid_subnormals_and_random_bits(parameters):
    x = telling(FP32)
    check("elu", (x,), elu(x, *parameters), bound=bound_of(FP32, parameters), **named(parameters))


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_fp64_against_a_reference_of_200_bits(parameters):
    x = telling(FP64, 3_000)
    x = x[torch.isfinite(x)]
    alpha, scale, input_scale = map(mpmath.mpf, parameters)
    with mpmath.workprec(200):
        for value, result in zip(x.tolist(), elu(x, *parameters).tolist(), strict=True):
            exact = mpmath.mpf(value)
            true = scale * (exact if value > 0 else alpha * mpmath.expm1(input_scale * exact))
            # exp multiplies the rounding error of its argument, half an ULP of input_scale·x, by that argument.
            slack = 0.0 if parameters[2] == 1.0 else abs(parameters[2] * value)
            allowed = (bound_of(FP64, parameters) + slack) * mpmath.mpf(math.ulp(float(true)))
            assert result == float(true) or abs(result - true) <= allowed, value


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_and_the_least_numbers(dtype):
    x = torch.tensor(SPECIALS, dtype=FP64).to(dtype).to(DEVICE)
    expected = torch.where(x == -math.inf, -1.0, x)
    least = x.abs() < 1e-30  # so near 0 elu is x itself, and a kernel that flushes subnormals shows
    small = ~least & (x.abs() < 1.0)
    result = elu(x)
    assert same_bits(result[~small], expected[~small])
    # -1e-8 is far from -1e-8 + 1 - 1, which is what exp(x) - 1 gives.
    torch.testing.assert_close(result[small].double(), torch.expm1(x[small].double()), rtol=2**-7, atol=0.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_with_parameters(dtype):
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=dtype, device=DEVICE)
    expected = torch.tensor([0.0, -0.0, math.inf, -6.0, math.nan], dtype=dtype, device=DEVICE)
    assert same_bits(elu(x, 2.0, 3.0, 1.25), expected)


def test_near_zero_elu_is_its_input():
    """Where exp(x) rounds to 1 or a neighbour of it, exp(x) - 1 has lost the input."""
    bits = torch.randint(0, int(torch.tensor(2.0**-26).view(torch.int32)), (30_000,), dtype=torch.int32)
    x = -bits.view(FP32).to(DEVICE)
    assert same_bits(elu(x), x)


@pytest.mark.parametrize("dtype", [BF16, FP32])
def test_the_positive_side_is_the_identity_and_ignores_input_scale(dtype):
    x = normals(3000, dtype=dtype).abs()
    assert same_bits(elu(x), x)
    assert same_bits(elu(x, 0.3, 1.0, 7.0), x)
    assert same_bits(elu(x, 0.3, 2.0, 7.0), 2 * x)


@pytest.mark.slow
def test_results_never_increase_where_inputs_decrease():
    """A seam between two formulas must not show: a step back there would break a search for a threshold."""
    for dtype in NARROW:
        x = every(dtype)
        x = x[~x.isnan()].sort().values
        result = elu(x)
        assert bool((result[1:] >= result[:-1]).all())


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(alpha=EIGHTHS, scale=EIGHTHS, input_scale=EIGHTHS, dtype=st.sampled_from(DTYPES))
def test_any_parameters(alpha, scale, input_scale, dtype):
    parameters = (alpha, scale, input_scale)
    x = normals(500, dtype=dtype) * 5
    check("elu", (x,), elu(x, *parameters), bound=bound_of(dtype, parameters), **named(parameters))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(alpha=EIGHTHS, scale=EIGHTHS, input_scale=EIGHTHS, dtype=st.sampled_from(DTYPES))
def test_any_parameters_give_what_pytorch_gives(alpha, scale, input_scale, dtype):
    """ATen's own operator is within an ULP or two of the truth as well; special values have to be the same."""
    x = torch.cat([torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan]).to(dtype), normals(200, dtype=dtype).cpu()])
    result = elu(x.to(DEVICE), alpha, scale, input_scale).cpu()
    expected = torch.ops.aten.elu(x, alpha, scale, input_scale)
    tolerance = {torch.float16: 2e-3, BF16: 1.6e-2, FP32: 4e-6, FP64: 1e-14}[dtype]
    torch.testing.assert_close(result, expected, rtol=tolerance, atol=0.0, equal_nan=True)


def test_a_parameter_that_fp32_cannot_hold_is_exact_in_fp64():
    alpha = 1.0 + 2**-40
    x = torch.tensor([-50.0], dtype=FP64, device=DEVICE)
    assert elu(x, alpha).item() == -alpha

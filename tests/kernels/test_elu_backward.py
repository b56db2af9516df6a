"""The gradient of elu against the truth, from its input and from its result."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import elu, elu_backward
from tests.kernels.values import (
    DEVICE,
    DTYPES,
    FP32,
    FP64,
    GENERAL,
    NARROW,
    PARAMETERS,
    SELU,
    UNIT,
    bound_of,
    check,
    every,
    named,
    normals,
    same_bits,
    slope_bound_of,
    telling,
)

FROM_RESULT = (UNIT, SELU, GENERAL)  # a result tells its input's side only where no parameter is negative
EIGHTHS = st.integers(-32, 32).map(lambda count: count / 8)


def results_only(values, parameters):
    """Those of `values` that elu can give: none is below -alpha·scale."""
    alpha, scale, _ = parameters
    return values[(values >= -alpha * scale) | values.isnan()]


def slopes(known, parameters, is_result=False):
    """The derivative itself: the gradient for a gradient of 1."""
    return elu_backward(torch.ones_like(known), *parameters, is_result, known)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("dtype", NARROW)
def test_every_16_bit_input(dtype, parameters):
    x = every(dtype)
    if parameters[0] == 0.0 or parameters[1] == 0.0 or parameters[2] < 0:
        x = x[~(x < -20)]  # beyond it 0 · ∞ depends on where the exponential overflows
    inputs = (torch.ones_like(x), x)
    check("elu_backward", inputs, slopes(x, parameters), bound=bound_of(dtype), **named(parameters))


@pytest.mark.slow
@pytest.mark.parametrize("parameters", FROM_RESULT)
@pytest.mark.parametrize("dtype", NARROW)
def test_every_16_bit_result(dtype, parameters):
    result = results_only(every(dtype), parameters)
    check(
        "elu_backward", (torch.ones_like(result), result), slopes(result, parameters, True),
        bound=bound_of(dtype), is_result=True, **named(parameters),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("is_result", [False, True])
def test_every_16_bit_input_with_gradients_of_all_sizes(dtype, is_result):
    known = results_only(every(dtype), UNIT) if is_result else every(dtype)
    grad = normals(known.numel(), dtype=dtype) * 2.0 ** torch.randint(-8, 8, known.shape).to(DEVICE)
    grad = grad.to(dtype)
    result = elu_backward(grad, *UNIT, is_result, known)
    check("elu_backward", (grad, known), result, bound=bound_of(dtype), is_result=is_result)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_fp32_grid_subnormals_and_random_bits(parameters):
    x = telling(FP32)
    inputs = (torch.ones_like(x), x)
    check("elu_backward", inputs, slopes(x, parameters), bound=slope_bound_of(FP32, parameters), **named(parameters))


@pytest.mark.parametrize("dtype", [FP32, FP64])
@pytest.mark.parametrize("parameters", FROM_RESULT)
def test_wide_results(parameters, dtype):
    result = results_only(telling(dtype), parameters)
    check(
        "elu_backward", (torch.ones_like(result), result), slopes(result, parameters, True),
        bound=bound_of(dtype, parameters), is_result=True, **named(parameters),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_fp64_against_a_reference_of_200_bits(parameters):
    x = telling(FP64, 3_000)
    x = x[torch.isfinite(x)]
    alpha, scale, input_scale = map(mpmath.mpf, parameters)
    with mpmath.workprec(200):
        for value, slope in zip(x.tolist(), slopes(x, parameters).tolist(), strict=True):
            true = scale if value > 0 else alpha * scale * input_scale * mpmath.exp(input_scale * mpmath.mpf(value))
            # exp multiplies the rounding error of its argument, half an ULP of input_scale·x, by that argument.
            slack = 0.0 if parameters[2] == 1.0 else abs(parameters[2] * value)
            allowed = (bound_of(FP64, parameters) + slack) * mpmath.mpf(math.ulp(float(true)))
            assert slope == float(true) or abs(slope - true) <= allowed, value


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("parameters", FROM_RESULT)
def test_special_values_of_the_input(dtype, parameters):
    alpha, scale, input_scale = parameters
    at_zero = alpha * scale * input_scale  # 0 is on the negative side, as in ATen
    x = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=dtype, device=DEVICE)
    expected = torch.tensor([at_zero, at_zero, scale, 0.0, scale], dtype=dtype, device=DEVICE)
    torch.testing.assert_close(slopes(x, parameters), expected, rtol=torch.finfo(dtype).eps, atol=0.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_of_the_result(dtype):
    result = torch.tensor([0.0, -0.0, math.inf, -6.0, math.nan], dtype=dtype, device=DEVICE)
    expected = torch.tensor([7.5, 7.5, 3.0, 0.0, 3.0], dtype=dtype, device=DEVICE)
    assert same_bits(slopes(result, GENERAL, True), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("is_result", [False, True])
def test_special_gradients_pass_through(dtype, is_result):
    grad = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=dtype, device=DEVICE)
    for known in (0.5, -0.5):
        gradient = elu_backward(grad, *UNIT, is_result, torch.full_like(grad, known))
        assert same_bits(gradient, grad)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_result_tells_the_same_gradient_as_the_input(dtype):
    """What is lost is what rounding the result lost: at most half an ULP of 1 where the slope is small."""
    x = normals(4000, dtype=dtype)
    from_input, from_result = slopes(x, SELU), slopes(elu(x, *SELU), SELU, True)
    torch.testing.assert_close(from_result, from_input, rtol=0.0, atol=2 * torch.finfo(dtype).eps)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    alpha=EIGHTHS, scale=EIGHTHS, input_scale=EIGHTHS, dtype=st.sampled_from(DTYPES), is_result=st.booleans()
)  # fmt: skip
def test_any_parameters(alpha, scale, input_scale, dtype, is_result):
    if is_result:
        alpha, scale, input_scale = abs(alpha), abs(scale), abs(input_scale)
    parameters = (alpha, scale, input_scale)
    grad, known = normals(500, dtype=dtype, seed=1), normals(500, dtype=dtype) * 5
    if is_result:
        known = elu(known, *parameters)
    check(
        "elu_backward", (grad, known), elu_backward(grad, *parameters, is_result, known),
        bound=slope_bound_of(dtype, parameters) + 0.5 * (dtype not in NARROW), is_result=is_result, **named(parameters),
    )  # fmt: skip

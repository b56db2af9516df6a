"""The errors that docs/numerics.md promises, with ex2 as wrong as the PTX ISA allows, both ways.

What is perturbed is the step that a device takes in hardware; the formula around it is the one that a device runs. On a
GPU the device's own ex2 is tried.
"""

from __future__ import annotations

import pytest
import torch

from kernels import bias_elu, elu, primitives
from tests.kernels.error_tables import EX2_ERRORS, PARAMETERS, aten_errors, ex2_off_by, forward_error, slope_error
from tests.kernels.values import BF16, CELU, DEVICE, FP16, FP32, NARROW, UNIT, check, every, same_bits, telling

FORWARD = {BF16: 0.51, FP16: 0.53}
# Of the slope there is nothing to lose near 0, so little more than the rounding of the result.
SLOPE = {BF16: 0.501, FP16: 0.501}
# To nearest, ex2 is tried by all other tests of kernels.
ENDS = [error for error in EX2_ERRORS if error] or EX2_ERRORS
NAMES = [f"ex2 {error:+.0e}" for error in ENDS]


@pytest.mark.slow
@pytest.mark.parametrize("ex2_error", ENDS, ids=NAMES)
@pytest.mark.parametrize("parameters", [*PARAMETERS, CELU])
@pytest.mark.parametrize("dtype", NARROW)
def test_elu_and_its_slope_at_every_16_bit_input(dtype, parameters, ex2_error):
    x = every(dtype)
    assert forward_error(x, parameters, ex2_error) <= FORWARD[dtype]
    assert slope_error(x, parameters, ex2_error) <= SLOPE[dtype]


@pytest.mark.slow
@pytest.mark.parametrize("ex2_error", ENDS, ids=NAMES)
@pytest.mark.parametrize("dtype", NARROW)
def test_sums_of_every_16_bit_input_and_a_bias(dtype, ex2_error):
    """Sums are fp32, and so anywhere between the numbers of the type, where its rounding hides nothing."""
    x = every(dtype)
    x = x[x.isfinite()].view(-1, 2**8)
    bias = torch.linspace(-0.1, 0.1, 2**8, dtype=torch.float64).to(dtype).to(DEVICE)
    total = x.double() + bias.double()
    with ex2_off_by(ex2_error):
        result = bias_elu(x, bias)
    check("elu", (total,), result, bound=FORWARD[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("ex2_error", EX2_ERRORS, ids=[f"ex2 {error:+.0e}" for error in EX2_ERRORS])
def test_fp32(ex2_error):
    x = telling(FP32, 3_000)
    for parameters in PARAMETERS:
        forward, slope = forward_error(x, parameters, ex2_error), slope_error(x, parameters, ex2_error)
        aten_forward, aten_slope = aten_errors(x, parameters)
        assert forward <= (1.0 if parameters == UNIT else aten_forward + 1e-9)
        # ex2's bound is at most 2.83 ULP, just below a power of 2. A device's error may be all of it.
        ex2_off = primitives.EX2_BOUND if DEVICE == "cuda" else abs(ex2_error)
        assert slope <= (1.0 if parameters == UNIT else 2.0) + ex2_off * 2.0**24
        assert slope + 0.5 < 6.0  # with a product to round; where ex2 is at its worst, the harness's gate would see it
        assert parameters[2] == 1.0 or slope < aten_slope / 8  # ATen multiplies the rounding of input_scale * x


@pytest.mark.parametrize("ex2_error", ENDS, ids=NAMES)
@pytest.mark.parametrize("dtype", NARROW)
def test_the_positive_side_is_the_identity_however_wrong_ex2_is(dtype, ex2_error):
    x = every(dtype)
    x = x[(x.view(torch.int16) >= 0) & ~x.isnan()]
    with ex2_off_by(ex2_error):
        assert same_bits(elu(x), x)


@pytest.mark.slow
@pytest.mark.skipif(DEVICE == "cuda", reason="a device's ex2 is what it is")
@pytest.mark.parametrize("dtype", NARROW)
def test_an_ex2_beyond_its_bound_is_noticed(dtype):
    """The perturbation reaches the formula, and the margin that it is given is not a wide one."""
    x = every(dtype)
    worst = [forward_error(x, UNIT, sign * 16 * primitives.EX2_BOUND) for sign in (-1.0, 1.0)]
    assert max(worst) > 1.5

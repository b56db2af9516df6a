"""The relatives of elu: PyTorch's values bit for bit where it rounds once, and elu(x) + 1 against the truth."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from kernels import (
    celu,
    elu_plus_one,
    elu_plus_one_backward,
    leaky_relu,
    leaky_relu_backward,
    prelu,
    prelu_backward,
    primitives,
    relu,
    relu_backward,
    selu,
    shifted_relu,
    shifted_relu_backward,
)
from tests.kernels.error_tables import EX2_ERRORS, ex2_off_by
from tests.kernels.values import (
    BF16,
    DEVICE,
    DTYPES,
    FP16,
    FP32,
    FP64,
    NARROW,
    SPECIALS,
    check,
    every,
    normals,
    same_bits,
    telling,
)

aten = torch.ops.aten
SLOPES = (0.01, -0.5, 1.0, 0.0, 3.0, 0.2, 1e-6, -7.0)


def inputs(dtype):
    return every(dtype) if dtype in NARROW else telling(dtype, 2_000)


def gradients(x):
    """Normals, with every special value beside every kind of x."""
    grad = normals(x.numel(), dtype=x.dtype, seed=1)
    grad[::7] = torch.tensor(SPECIALS, dtype=FP64).to(x.dtype).repeat(x.numel())[: grad[::7].numel()].to(DEVICE)
    return grad


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_is_pytorchs(dtype):
    x = inputs(dtype)
    assert same_bits(relu(x), functional.relu(x) + 0)  # relu(-0) may be -0 in PyTorch, and is not to be relied on


@pytest.mark.parametrize("dtype", DTYPES)
def test_shifted_relu_is_pytorchs_clamp_and_threshold(dtype):
    x = inputs(dtype)
    assert same_bits(shifted_relu(x), torch.clamp_min(x, -1.0))
    assert same_bits(shifted_relu(x), functional.threshold(x, -1.0, -1.0))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "backward", "limit"), [(relu, relu_backward, 0.0), (shifted_relu, shifted_relu_backward, -1.0)]
)
def test_gradients_of_relu_and_shifted_relu_are_pytorchs(function, backward, limit, dtype):
    x = inputs(dtype)
    grad = gradients(x)
    assert same_bits(function(x.clone(), inplace=True), function(x))
    for known in (x, function(x)):  # of a NaN too, whose gradient ATen's vectorised CPU code drops
        expected = torch.where(known.isnan(), grad, aten.threshold_backward(grad, known, limit))
        assert same_bits(backward(grad, known), expected)
        assert bool((backward(grad, torch.full_like(x, limit)) == 0).all())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "slope"),
    [*((dtype, slope) for dtype in NARROW for slope in SLOPES[:2]), *((FP32, each) for each in SLOPES)],
)
def test_leaky_relu_and_its_gradient_are_pytorchs(dtype, slope):
    x = inputs(dtype)
    grad = gradients(x)
    assert same_bits(leaky_relu(x, slope), functional.leaky_relu(x, slope))
    assert same_bits(leaky_relu(x.clone(), slope, inplace=True), leaky_relu(x, slope))
    assert same_bits(leaky_relu_backward(grad, x, slope), aten.leaky_relu_backward(grad, x, slope, False))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_prelu_and_its_gradient_are_pytorchs(dtype):
    x = inputs(dtype)
    x = x[: x.numel() // 1024 * 1024].view(-1, 8, 128)
    grad = gradients(x.flatten()).view_as(x)
    weight = torch.tensor(SLOPES, dtype=FP64).to(dtype).to(DEVICE)
    for slope, shape in ((weight, (8, 1)), (weight[1:2], (1, 1)), (weight[2], ())):
        assert same_bits(prelu(x, slope), aten._prelu_kernel(x, slope.view(shape)))
        grad_x, grad_weight = prelu_backward(grad, x, slope)
        assert same_bits(grad_x, aten._prelu_kernel_backward(grad, x, slope.view(shape))[0])
        assert grad_weight.shape == slope.shape


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "channels"), [((130, 37), 37), ((3, 5, 4), 5), ((2, 3, 8, 9), 3), ((2, 3, 8, 9), 1), ((9,), 1), ((), 1)]
)
def test_the_gradient_of_prelus_weight_is_summed_in_fp32_in_the_same_order(shape, channels, dtype):
    grad, x = normals(*shape, dtype=dtype, seed=1), normals(*shape, dtype=dtype)
    weight = normals(channels, dtype=dtype, seed=2)
    # One weight for all is that of a dimension of size 1 in front.
    views, dim = ((grad[None], x[None]), 0) if channels == 1 else ((grad, x), 1)
    outputs = prelu_backward(grad, x, weight)
    check("prelu_backward", (*views, weight), outputs[0].view_as(views[1]), outputs[1], bound=1.0, dim=dim)
    again = prelu_backward(grad, x, weight)
    assert all(same_bits(one, other) for one, other in zip(outputs, again, strict=True))
    if channels > 1 and dtype in NARROW:
        many = torch.full((4096, 2), -1.0, dtype=dtype, device=DEVICE)
        assert prelu_backward(-many, many, weight[:2])[1].tolist() == [-4096.0] * 2


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("channels", [1, 5])
def test_prelu_keeps_the_memory_format(layout, channels):
    x = normals(2, 5, 4, 3).to(memory_format=layout)
    weight = normals(channels, seed=1)
    result = prelu(x, weight)
    assert result.stride() == x.stride()
    assert same_bits(result, functional.prelu(x, weight))
    grad_x, _ = prelu_backward(x, x, weight)
    assert grad_x.stride() == x.stride()


@pytest.mark.slow
@pytest.mark.parametrize("ex2_error", EX2_ERRORS)
@pytest.mark.parametrize("dtype", [BF16, FP16, FP32])
def test_elu_plus_one_keeps_all_its_digits(dtype, ex2_error):
    """As far down as e^x is a number of the type, whatever the device's ex2 makes of it within its bound."""
    x = inputs(dtype)
    with ex2_off_by(ex2_error):
        result, slope = elu_plus_one(x), elu_plus_one_backward(torch.ones_like(x), x)
    wide = x.double()
    exact = torch.where(wide > 0, wide + 1.0, wide.exp())
    off = primitives.EX2_BOUND if DEVICE == "cuda" else abs(ex2_error)  # a device's is its own
    bound = 0.505 if dtype in NARROW else 1.1 + 1.5 * off * 2.0**24
    for found, true in ((result, exact), (slope, exact.clamp(max=1.0).nan_to_num(nan=1.0))):
        rounded = true.to(dtype)
        finite = rounded.isfinite()
        assert same_bits(found[~finite], rounded[~finite])
        error = (found.double() - true)[finite].abs() / step(true[finite], dtype)
        assert float(error.max()) <= bound


def step(value, dtype):
    """The distance between neighbours of `dtype` at each value."""
    finfo = torch.finfo(dtype)
    exponent = torch.frexp(value.abs().clamp(min=finfo.tiny))[1] - 1
    return torch.ldexp(torch.full_like(value, finfo.eps), exponent)


def test_elu_plus_one_in_fp64():
    x = telling(FP64, 500)
    x = x[x.isfinite()]
    for value, result in zip(x.tolist(), elu_plus_one(x).tolist(), strict=True):
        true = value + 1.0 if value > 0 else math.exp(value)
        assert abs(result - true) <= 2 * math.ulp(true)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_of_elu_plus_one_from_its_result_is_a_product(dtype):
    result = inputs(dtype)
    grad = gradients(result)
    slope = torch.where(result < 1, result, 1.0)  # 1 at a NaN
    assert same_bits(elu_plus_one_backward(grad, result, True), grad * slope)


@pytest.mark.parametrize("dtype", DTYPES)
def test_selu_and_celu_are_pytorchs(dtype):
    x = normals(500, dtype=dtype)
    epsilon = torch.finfo(dtype).eps
    torch.testing.assert_close(selu(x), functional.selu(x), rtol=2 * epsilon, atol=0.0)
    for alpha in (1.0, 0.3, 2.0, -1.5):
        torch.testing.assert_close(celu(x, alpha), functional.celu(x, alpha), rtol=8 * epsilon, atol=0.0)
    assert same_bits(selu(x.clone(), inplace=True), selu(x))
    assert same_bits(celu(x.clone(), 2.0, inplace=True), celu(x, 2.0))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_any_shape_and_order_of_dimensions(data, dtype):
    shape = data.draw(st.lists(st.integers(0, 9), min_size=2, max_size=4), label="shape")
    order = data.draw(st.permutations(range(len(shape))), label="order of dimensions in storage")
    back = [order.index(axis) for axis in range(len(shape))]
    x = normals(*shape, dtype=dtype).permute(order).contiguous().permute(back)
    weight = normals(shape[1], dtype=dtype, seed=1)
    along = weight.view(-1, *[1] * (len(shape) - 2))
    found = [relu(x), leaky_relu(x, 0.1), prelu(x, weight), elu_plus_one(x)]
    expected = [functional.relu(x), functional.leaky_relu(x, 0.1), aten._prelu_kernel(x, along)]
    assert all(same_bits(one, other) for one, other in zip(found[:3], expected, strict=True))
    assert all(each.stride() == x.stride() or x.numel() == 0 for each in found)
    assert same_bits(found[3].flatten(), elu_plus_one(x.flatten()))


def test_what_is_refused():
    x = normals(3, 4)
    with pytest.raises(ValueError, match=r"weight has shape \(3,\), and dimension 1 of x has 4 elements"):
        prelu(x, normals(3))
    with pytest.raises(ValueError, match="dim=1 is not a dimension of x"):
        prelu(normals(4), normals(4))
    with pytest.raises(ValueError, match=r"weight is torch\.float16 and x is torch\.float32"):
        prelu(x, normals(4, dtype=FP16))
    with pytest.raises(ValueError, match="alpha, which has to be other than 0"):
        celu(x, 0.0)
    for function in (relu, shifted_relu, leaky_relu, elu_plus_one, selu, celu):
        with pytest.raises(TypeError, match="int64, and our kernels take float16"):
            function(torch.ones(3, dtype=torch.int64, device=DEVICE))
    with pytest.raises(RuntimeError, match=r"negative_slope of at least 0, not -0\.5"):
        leaky_relu(x.requires_grad_() * 1, -0.5, inplace=True)
    with pytest.raises(RuntimeError, match="compute it from the input"):
        leaky_relu_backward(x, x, -0.5, True)

"""elu(x + bias) and its gradients against the truth, in every way that a tensor is cut into tiles."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import bias_elu, bias_elu_backward, tuning
from kernels.launch import forget
from kernels.layout import dense_view
from kernels.tiles import Tiles
from tests.kernels.values import (
    BF16,
    DEVICE,
    DTYPES,
    FP16,
    FP32,
    FP64,
    NARROW,
    bound_of,
    check,
    every,
    normals,
    same_bits,
)

# (shape, dim of the bias, layout, how it is tiled)
SHAPES = [
    ((9,), 0, "contiguous", "rows"),
    ((5, 7), -1, "contiguous", "rows"),
    ((3, 1000), -1, "contiguous", "rows"),
    ((1000, 3), -1, "contiguous", "rows"),
    ((257, 300), -1, "contiguous", "rows"),
    ((64, 512), -1, "contiguous", "rows"),  # nothing but whole tiles
    ((300, 40), -1, "transposed", "planes"),
    ((40, 300), -1, "transposed", "rows"),
    ((4, 6, 5), 1, "contiguous", "rows"),
    ((3, 5, 7, 9), 1, "contiguous", "rows"),
    ((6, 50), 0, "contiguous", "rows"),
    ((7, 4, 40), 0, "contiguous", "planes"),
    ((2, 3, 8, 8), 1, "contiguous", "planes"),
    ((3, 5, 9, 11), 1, "contiguous", "planes"),
    ((2, 2, 50, 50), 1, "contiguous", "planes"),
    ((2, 8, 9, 7), 1, "channels_last", "rows"),
    ((9, 8, 9, 7), 1, "channels_last", "rows"),
    ((50, 1), -1, "contiguous", "rows"),
    ((4, 1, 9, 9), 1, "contiguous", "planes"),
]
NAMES = [f"{'x'.join(map(str, shape))} dim {dim} {layout}" for shape, dim, layout, _ in SHAPES]


def lay_out(tensor, layout):
    if layout == "transposed":
        return tensor.transpose(-1, -2).contiguous().transpose(-1, -2)
    if layout == "channels_last":
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def make(shape, dim, layout="contiguous", dtype=FP32):
    """(grad, x, bias) of normals; x and grad in one layout."""
    x, grad = normals(*shape, dtype=dtype), normals(*shape, dtype=dtype, seed=1)
    return lay_out(grad, layout), lay_out(x, layout), normals(shape[dim], dtype=dtype, seed=2)


def total(x, bias, dim):
    shape = [1] * x.dim()
    shape[dim] = -1
    return x.double() + bias.double().view(shape)


def check_all(grad, x, bias, alpha, dim):
    """Forward and backward of one input. 16-bit sums are not rounded before elu, so elu's own bounds hold."""
    dtype, parameters = x.dtype, {"alpha": alpha, "dim": dim}
    out = bias_elu(x, bias, alpha, dim)
    grad_x, grad_bias = bias_elu_backward(grad, x, bias, alpha, dim)
    bound = bound_of(dtype, (alpha, 1.0, 1.0))
    if dtype in NARROW:
        check("elu", (total(x, bias, dim),), out, bound=bound, alpha=alpha)
        check("elu_backward", (grad.double(), total(x, bias, dim)), grad_x, bound=bound, alpha=alpha)
    check("bias_elu", (x, bias), out, bound=bound, **parameters)
    # An ULP of a sum is half an ULP of some of its terms, and each has an error of its own.
    sum_bound = bound if dtype in NARROW else bound + 3.0
    check("bias_elu_backward", (grad, x, bias), grad_x, grad_bias, bound=sum_bound, **parameters)
    assert out.stride() == grad_x.stride() == x.stride()
    assert grad_bias.is_contiguous()


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "dim", "layout", "kind"), SHAPES, ids=NAMES)
def test_every_way_of_tiling(shape, dim, layout, kind):
    grad, x, bias = make(shape, dim, layout)
    assert Tiles.of(*dense_view(x, dim), x.element_size()).kind == kind
    check_all(grad, x, bias, 1.0, dim)


@pytest.mark.slow
@pytest.mark.parametrize("trips", [2, 4])
@pytest.mark.parametrize("shape", [(300, 40), (257, 33)])
def test_programs_that_take_many_tiles_and_sums_of_many_partial_sums(shape, trips, monkeypatch):
    """As large tensors do, on small ones: a program for every few rows, or few programs for all rows."""
    monkeypatch.setattr(tuning, "ENOUGH_WITH_SUMS", 1)
    monkeypatch.setattr(tuning, "MOST_TRIPS", trips)
    monkeypatch.setattr(tuning, "SUM_ELEMENTS", 8)
    monkeypatch.setattr(tuning, "_VECTOR", dict.fromkeys(tuning._VECTOR, tuning.Work(1, across=32, programs=1)))
    forget()
    grad, x, bias = make(shape, -1)
    assert Tiles.of(*dense_view(x, -1), 4, has_sums=True).trips == trips
    check_all(grad, x, bias, 1.0, -1)
    forget()


# (outer, channels, inner): a square layer, tall and thin, short and wide, a convolution, channels_last, a small batch.
LARGE = [(8192, 8192, 1), (2**20, 32, 1), (16, 2**20, 1), (64, 256, 56 * 56), (64 * 56 * 56, 256, 1), (2048, 512, 1)]


@pytest.mark.parametrize("item_bytes", [2, 4])
@pytest.mark.parametrize("view", LARGE, ids=str)
def test_every_shape_fills_the_device_and_writes_few_partial_sums(view, item_bytes):
    """148 multiprocessors are the most that a device has today; each should have two programs at least."""
    elements = view[0] * view[1] * view[2]
    for has_sums in (False, True):
        tiles = Tiles.of(*view, item_bytes, has_sums)
        assert tiles.programs >= 2 * 148, tiles
        assert tiles.programs * tiles.down * tiles.across * tiles.trips >= elements, tiles
    # Each is written and read as fp32. What a smaller tensor has of them stays in a cache.
    if elements >= 2**24 and tiles.chunks > 1:
        assert 2 * 4 * tiles.partials <= 0.02 * 3 * item_bytes * elements, tiles


def test_the_partial_sums_of_a_square_layer_are_a_thousandth_of_its_traffic():
    tiles = Tiles.of(8192, 8192, 1, 2, has_sums=True)
    assert 2 * 4 * tiles.partials / (3 * 2 * 8192**2) <= 0.001
    assert tiles.are_even


@pytest.mark.parametrize("width", [64, 100, 784, 3136, 4096, 12544])
def test_planes_leave_an_eighth_of_a_tile_unused_at_most(width):
    tiles = Tiles.of(64, 256, width, 2)
    least = -(-width // 64) * 64
    assert tiles.blocks * tiles.across <= max(1.125 * width, least)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "dim"), [((130, 37), -1), ((3, 5, 4), 1), ((2, 3, 8, 9), 1)], ids=["rows", "rows of 4", "planes"]
)
@pytest.mark.parametrize("alpha", [1.0, 0.7, 0.0, -1.5])
def test_every_dtype(shape, dim, dtype, alpha):
    check_all(*make(shape, dim, dtype=dtype), alpha, dim)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", NARROW)
def test_every_16_bit_input(dtype):
    x = every(dtype)
    x = x[x.isfinite()].view(-1, 2**8)
    for bias in (torch.zeros_like(x[0]), normals(2**8, dtype=dtype)):
        check("elu", (total(x, bias, -1),), bias_elu(x, bias), bound=bound_of(dtype))


@pytest.mark.parametrize("dtype", NARROW)
def test_a_16_bit_sum_is_not_rounded_before_the_activation(dtype):
    x = torch.full((1, 4), -1.0, dtype=dtype, device=DEVICE)
    step = torch.finfo(dtype).eps / 4  # lost, were 1 + step rounded; seen in the result, after its rounding
    bias = torch.tensor([step, -step, 1.0 + 4 * step, 1.0 - 2 * step], dtype=dtype, device=DEVICE)
    check("elu", (total(x, bias, -1),), bias_elu(x, bias), bound=bound_of(dtype))
    assert bias_elu(x, bias)[0, 2] == 4 * step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inner", [1, 64])
def test_special_values(dtype, inner):
    special = torch.tensor([-0.0, math.inf, -math.inf, math.nan, 0.0], dtype=dtype, device=DEVICE)
    x = special.view(1, 5, 1).repeat(2, 1, inner)
    bias = torch.zeros_like(special)
    expected = torch.tensor([0.0, math.inf, -1.0, math.nan, 0.0], dtype=dtype, device=DEVICE)  # -0 + 0 is 0
    assert same_bits(bias_elu(x, bias, dim=1), expected.view(1, 5, 1).repeat(2, 1, inner))
    _, grad_bias = bias_elu_backward(torch.ones_like(x), x, bias, dim=1)
    slopes = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0], dtype=dtype, device=DEVICE)  # NaN's as in ATen
    assert same_bits(grad_bias, 2 * inner * slopes)


def test_a_nan_in_one_channel_stays_there():
    grad, x, bias = make((200, 6), -1)
    grad[150, 2] = math.nan
    _, grad_bias = bias_elu_backward(grad, x, bias)
    assert grad_bias.isnan().tolist() == [False, False, True, False, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [BF16, FP32])
@pytest.mark.parametrize(("shape", "dim"), [((500, 37), -1), ((9, 3, 12, 12), 1), ((50, 3, 4), 1)])
def test_the_gradient_of_the_bias_has_the_same_bits_in_every_run(shape, dim, dtype):
    grad, x, bias = make(shape, dim, dtype=dtype)
    _, first = bias_elu_backward(grad, x, bias, dim=dim)
    for _ in range(3):
        torch.empty_like(x).fill_(math.nan)  # memory that the next partial sums may be put into
        assert same_bits(bias_elu_backward(grad, x, bias, dim=dim)[1], first)


@pytest.mark.parametrize("dtype", [FP16, BF16])
def test_sums_of_16_bit_gradients_are_taken_in_fp32(dtype):
    """4096 ones: a sum kept in bfloat16 stops at 256, and one in float16 at 2048."""
    x = torch.ones(4096, 3, dtype=dtype, device=DEVICE)
    _, grad_bias = bias_elu_backward(torch.ones_like(x), x, torch.zeros_like(x[0]))
    assert grad_bias.tolist() == [4096.0] * 3


def test_sums_of_fp64_are_taken_in_fp64():
    grad = torch.full((512, 3), 1.0 + 2**-40, dtype=FP64, device=DEVICE)
    _, grad_bias = bias_elu_backward(grad, torch.ones_like(grad), torch.zeros_like(grad[0]))
    assert grad_bias.tolist() == [512 * (1.0 + 2**-40)] * 3


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (2, 3, 0), (0, 3, 5)])
def test_empty_tensors(shape):
    dim = 1
    x = torch.empty(shape, device=DEVICE)
    bias = torch.ones(shape[dim], device=DEVICE)
    assert bias_elu(x, bias, dim=dim).shape == shape
    grad_x, grad_bias = bias_elu_backward(x, x, bias, dim=dim)
    assert grad_x.shape == shape
    assert grad_bias.tolist() == [0.0] * shape[dim]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), alpha=st.sampled_from([1.0, 0.7, -1.5]))
def test_any_shape_order_of_dimensions_and_place_of_the_bias(data, dtype, alpha):
    shape = data.draw(st.lists(st.integers(1, 11), min_size=1, max_size=4), label="shape")
    order = data.draw(st.permutations(range(len(shape))), label="order of dimensions in storage")
    dim = data.draw(st.integers(-len(shape), len(shape) - 1), label="dim")
    back = [order.index(axis) for axis in range(len(shape))]
    grad, x, bias = make(shape, dim, dtype=dtype)
    x, grad = (each.permute(order).contiguous().permute(back) for each in (x, grad))
    check_all(grad, x, bias, alpha, dim)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_one_epsilon_is_enough_for_the_gradient_of_the_bias(layout):
    """Against the sum of absolute values, which is what a sum's rounding errors are proportional to."""
    grad, x, bias = make((16, 9, 13, 13), 1, layout)
    grad_x, grad_bias = bias_elu_backward(grad, x, bias, dim=1)
    exact = (grad.double() * torch.where(total(x, bias, 1) <= 0, total(x, bias, 1).exp(), 1.0)).sum((0, 2, 3))
    magnitude = grad_x.double().abs().sum((0, 2, 3))
    assert bool(((grad_bias.double() - exact).abs() <= magnitude * torch.finfo(FP32).eps).all())


@pytest.mark.parametrize("dtype", [BF16, FP16, FP32])
@pytest.mark.parametrize("dim", [-1, 1])
def test_columns_that_cancel_are_summed_as_well_as_their_terms_allow(dim, dtype):
    """What is left of a thousand terms that cancel is exact to the rounding of partial sums, not of the terms."""
    shape = (1024, 6) if dim == -1 else (8, 6, 128)
    half, _, bias = make((shape[0] // 2, *shape[1:]), dim, dtype=dtype)
    grad = torch.cat([half, -half])
    grad.select(0, 0).add_(0.125)
    x = torch.ones_like(grad)
    _, grad_bias = bias_elu_backward(grad, x, torch.zeros_like(bias), dim=dim)
    axes = [axis for axis in range(len(shape)) if axis != dim % len(shape)]
    exact, magnitude = grad.double().sum(axes), grad.double().abs().sum(axes)
    allowed = magnitude * 2**-21 + exact.abs() * torch.finfo(dtype).eps / 2
    assert bool(((grad_bias.double() - exact).abs() <= allowed).all())

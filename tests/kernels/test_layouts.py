"""Shapes and strides: every element is read and written once, in its place, and nothing beside it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import elu, elu_backward
from kernels.ops.bias_elu import bias_elu_backward_out, bias_elu_out
from kernels.ops.elu import elu_backward_out, elu_out
from kernels.tuning import elementwise
from tests.kernels.values import BF16, DEVICE, DTYPES, FP32, bound_of, check, normals, same_bits, slope_bound_of

GUARD = 2.0**15  # around tensors: what is written there shows, and what is read from there spoils every sum
SHAPES = st.one_of(
    st.lists(st.integers(0, 9), max_size=4).map(tuple), st.tuples(st.integers(0, 5000)), st.sampled_from([(), (1,)])
)


@st.composite
def layouts(draw, shape):
    """A function from a dtype to a tensor of `shape`: permuted, sliced, with an offset and steps."""
    order = draw(st.permutations(range(len(shape))))
    starts = [draw(st.integers(0, 2)) for _ in shape]
    steps = [draw(st.sampled_from([1, 1, 2, 3])) for _ in shape]
    axes = list(zip(starts, [shape[axis] for axis in order], steps, strict=True))

    def make(dtype, seed=0):
        """(the tensor, all of the memory that it is a part of)."""
        memory = normals(*(start + size * step for start, size, step in axes), dtype=dtype, seed=seed)
        part = memory[tuple(slice(start, start + size * step, step) for start, size, step in axes)]
        return part.permute([order.index(axis) for axis in range(len(shape))]), memory

    return make


def strides_that_matter(tensor):
    """The strides of dimensions that have more than one element: the others address nothing."""
    return [stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size > 1]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(DTYPES))
def test_any_layout_of_the_input_gives_pytorchs_layout_of_the_result(data, shape, dtype):
    x, _ = data.draw(layouts(shape))(dtype)
    result = elu(x)
    assert result.dtype == dtype
    if x.numel():
        assert strides_that_matter(result) == strides_that_matter(torch.nn.functional.elu(x))
        check("elu", (x,), result, bound=bound_of(dtype))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(DTYPES))
def test_any_two_layouts_and_nothing_is_written_beside_the_result(data, shape, dtype):
    x, _ = data.draw(layouts(shape))(dtype)
    out, memory = data.draw(layouts(shape))(dtype)
    memory.fill_(GUARD)
    out.zero_()
    kept, before = memory == GUARD, x.clone()
    elu_out(x, out)
    assert bool((memory[kept] == GUARD).all())
    assert same_bits(x, before)
    assert same_bits(out, elu(x.contiguous()))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(DTYPES), is_result=st.booleans())
def test_any_three_layouts_of_the_gradient(data, shape, dtype, is_result):
    grad, _ = data.draw(layouts(shape))(dtype, seed=1)
    known, _ = data.draw(layouts(shape))(dtype)
    out, memory = data.draw(layouts(shape))(dtype)
    memory.fill_(GUARD)
    out.zero_()
    kept = memory == GUARD
    elu_backward_out(grad, known, out, 1.0, 1.0, 1.0, is_result)
    assert bool((memory[kept] == GUARD).all())
    expected = elu_backward(grad.contiguous(), 1.0, 1.0, 1.0, is_result, known.contiguous())
    assert same_bits(out, expected)
    assert same_bits(elu_backward(grad, 1.0, 1.0, 1.0, is_result, known), expected)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(data=st.data(), shape=SHAPES, dtype=st.sampled_from(DTYPES))
def test_in_place_in_any_layout(data, shape, dtype):
    x, memory = data.draw(layouts(shape))(dtype)
    before = memory.clone()
    expected = elu(x)
    assert elu(x, inplace=True) is x
    assert same_bits(x, expected)
    x.copy_(before.as_strided(x.shape, x.stride(), x.storage_offset()))
    assert same_bits(memory, before)


VIEWS = {
    "row expanded": lambda x: x[0].expand(5, 6),
    "column expanded": lambda x: x[:, :1].expand(5, 6),
    "number expanded": lambda x: x[0, 0].expand(5, 6),
    "transposed": lambda x: x.t(),
    "steps": lambda x: x[::2, ::3],
    "overlapping": lambda x: x.flatten().unfold(0, 7, 2),
    "ones": lambda x: x.view(1, 5, 1, 6).transpose(0, 2),
}


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)
def test_views_that_share_elements(make):
    x = make(normals(5, 6))
    check("elu", (x,), elu(x), bound=bound_of(FP32))
    gradient = elu_backward(x, 1.0, 1.0, 1.0, False, x)
    check("elu_backward", (x, x), gradient, bound=slope_bound_of(FP32))


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (3, 1, 4, 4), (1, 6, 5, 5), (2, 3, 1, 1)])
def test_channels_last_stays_channels_last(shape):
    x = normals(*shape).to(memory_format=torch.channels_last)
    result = elu(x)
    assert strides_that_matter(result) == strides_that_matter(torch.nn.functional.elu(x))
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert same_bits(result, elu(x.contiguous()))
    gradient = elu_backward(x, 1.0, 1.0, 1.0, False, x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_the_ends_of_blocks(blocks, beyond, dtype):
    count = max(0, blocks * elementwise("1+1", dtype.itemsize, 0).elements(dtype.itemsize) + beyond)
    memory = torch.full((count + 64,), GUARD, dtype=dtype, device=DEVICE)
    x, out = normals(count, dtype=dtype), memory[32 : 32 + count]
    elu_out(x, out)
    assert same_bits(memory[:32], torch.full_like(memory[:32], GUARD))
    assert same_bits(memory[32 + count :], torch.full_like(memory[:32], GUARD))
    if count:
        check("elu", (x,), out.clone(), bound=bound_of(dtype))


def guarded(tensor):
    """(a copy of `tensor` in the middle of guards, the guards)."""
    memory = torch.full((tensor.numel() + 4096,), GUARD, dtype=tensor.dtype, device=DEVICE)
    copy = memory.as_strided(tensor.shape, tensor.stride(), 2048)
    copy.copy_(tensor)
    return copy, (memory[:2048], memory[2048 + tensor.numel() :])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [BF16, FP32])
@pytest.mark.parametrize(
    ("shape", "dim"), [((129, 33), -1), ((7, 300), -1), ((3, 5, 9), 1), ((3, 5, 70), 1), ((2, 3, 1100), 1)]
)
def test_a_bias_reads_and_writes_nothing_beside_its_tensors(shape, dim, dtype):
    grad, x, bias = normals(*shape, dtype=dtype, seed=1), normals(*shape, dtype=dtype), normals(shape[dim], dtype=dtype)
    plain = [torch.full_like(x, math.nan), torch.full_like(x, math.nan), torch.full_like(bias, math.nan)]
    bias_elu_out(x, bias, plain[0], 1.0, dim)
    bias_elu_backward_out(grad, x, bias, plain[1], plain[2], 1.0, dim)
    (grad, _), (x, _), (bias, _) = map(guarded, (grad, x, bias))
    inside, guards = zip(*map(guarded, plain), strict=True)
    for tensor in inside:
        tensor.fill_(math.nan)
    bias_elu_out(x, bias, inside[0], 1.0, dim)
    bias_elu_backward_out(grad, x, bias, inside[1], inside[2], 1.0, dim)
    for tensor, expected in zip(inside, plain, strict=True):
        assert not expected.isnan().any()
        assert same_bits(tensor, expected)
    for guard in (each for pair in guards for each in pair):
        assert same_bits(guard, torch.full_like(guard, GUARD))

"""Tensors whose offsets do not fit into 32 bits."""

from __future__ import annotations

import mmap

import psutil
import pytest
import torch

from kernels import bias_elu, bias_elu_backward, broadcast, elementwise, elu, elu_backward
from kernels.launch import forget
from kernels.layout import is_wide
from kernels.ops.elu import elu_backward_out, elu_out
from tests.kernels.values import BF16, DEVICE, normals, same_bits

LIMIT = 2**31 - 1 - 2**16  # a block that begins below it ends below 2^31


def shaped(shape, stride=None):
    """A tensor that has no memory."""
    return torch.empty(shape, device="meta") if stride is None else torch.empty_strided(shape, stride, device="meta")


@pytest.mark.parametrize(
    ("tensor", "wide"),
    [
        (shaped((8192, 8192)), False),
        (shaped((LIMIT,)), False),
        (shaped((LIMIT + 1,)), True),
        (shaped((2**31,)), True),
        (shaped((2**17, 2**17)), True),
        (shaped((2, 1000), (2**31, 1)), True),
        (shaped((2, 1000), (2**30, 1)), False),
        (shaped((1, 1000), (2**40, 1)), False),
        (shaped((1000, 3), (1, 2**30)), True),
        (shaped((1,)).expand(2**16, 2**16), True),  # offsets are all 0, and elements are counted past 2^31
        (shaped(()), False),
    ],
)
def test_offsets_are_64_bits_wide_where_they_have_to_be(tensor, wide):
    assert is_wide(tensor.numel(), tensor) == wide


def test_one_wide_tensor_is_enough():
    assert is_wide(2000, shaped((2, 1000)), shaped((2, 1000), (2**31, 1)))
    assert not is_wide(2000, shaped((2, 1000)), shaped((2, 1000)))


def results():
    """Everything that is computed with offsets, in layouts of every kind."""
    x, grad = normals(5, 6, 70), normals(5, 6, 70, seed=1)
    yield elu(x)
    yield elu(x.transpose(0, 2)[1:, ::2])
    yield elu_backward(grad, 1.0, 1.0, 1.0, False, x)
    yield elu_backward(grad.transpose(0, 1), 1.0, 1.0, 1.0, True, x.transpose(0, 1))
    for dim in (-1, 1, 0):
        along = normals(x.shape[dim], seed=2)
        yield bias_elu(x, along, dim=dim)
        yield from bias_elu_backward(grad, x, along, dim=dim)
    tall = normals(700, 3)
    yield from bias_elu_backward(tall, tall, normals(3, seed=2))


@pytest.fixture
def plans_of_its_own():
    forget()
    yield
    forget()


@pytest.mark.slow
def test_kernels_compute_the_same_with_wide_offsets(monkeypatch, plans_of_its_own):
    plain = list(results())
    forget()
    asked = []
    for module in (elementwise, broadcast):
        monkeypatch.setattr(module, "is_wide", lambda *_: asked.append(True) or True)
    wide = list(results())
    assert len(asked) > 10
    assert all(same_bits(one, other) for one, other in zip(plain, wide, strict=True))


@pytest.fixture
def huge():
    """2^31 bfloat16 numbers and some more, 4 GiB, of which only pages that are written become memory."""
    elements = 2**31 + 4096
    if DEVICE != "cpu":
        yield torch.empty(elements, dtype=BF16, device=DEVICE)
        return
    no_reserve = 0x4000  # Linux's MAP_NORESERVE, which the module does not name before Python 3.13
    memory = mmap.mmap(-1, 2 * elements, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    before = psutil.Process().memory_info().rss
    yield torch.frombuffer(memory, dtype=BF16)
    assert psutil.Process().memory_info().rss - before < 2**28


@pytest.mark.parametrize("rows_apart", [2**31, 2**31 - 5])
def test_elements_past_2_to_the_31_are_read_and_written(huge, rows_apart):
    x = huge.as_strided((2, 1000), (rows_apart, 1))
    x.copy_(normals(2, 1000, dtype=BF16))
    given, grad = x.clone(), normals(2, 1000, dtype=BF16, seed=1)
    expected, slope = elu(given), elu_backward(grad, 1.0, 1.0, 1.0, False, given)
    out = torch.zeros_like(given)
    elu_out(x, out)
    assert same_bits(out, expected)
    elu_backward_out(grad, x, out)
    assert same_bits(out, slope)
    elu_out(x, x)
    assert same_bits(x, expected)
    elu_backward_out(grad, given, x)
    assert same_bits(x, slope)

"""Gradients, and gradients of gradients, against numerical ones and against PyTorch's own."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.autograd import gradcheck
from torch.autograd import gradgradcheck as full_gradgradcheck

from kernels import bias_elu, bias_elu_backward, elu, elu_backward
from tests.kernels.values import DEVICE, DTYPES, FP32, FP64, GENERAL, SELU, UNIT, normals, same_bits

PARAMETERS = (UNIT, SELU, GENERAL)
NEGATIVE = ((-0.5, 1.0, 1.0), (1.0, -2.0, 0.5), (1.0, 1.0, -0.75))
BIASED = {
    "rows": ((3, 4), -1),
    "rows of 3": ((2, 2, 3), 1),
    "one row": ((4,), 0),
    "planes": ((2, 2, 8, 8), 1),
    "one channel": ((4, 1, 3), 1),
}


# Along random directions rather than every element by itself, which takes minutes in the interpreter.
gradgradcheck = partial(full_gradgradcheck, fast_mode=True)


def away_from_0(*shape: int, seed: int = 0) -> torch.Tensor:
    """fp64 normals that no numerical difference carries over the bend at 0."""
    x = normals(*shape, dtype=FP64, seed=seed)
    return (x + 0.05 * x.sign()).requires_grad_()


def biased(shape, dim):
    """(x, bias) whose sums are away from 0."""
    bias = normals(shape[dim], dtype=FP64, seed=1)
    along = [1] * len(shape)
    along[dim] = -1
    x = away_from_0(*shape).detach() - bias.view(along)
    return x.requires_grad_(), bias.requires_grad_()


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [*PARAMETERS, *NEGATIVE])
def test_elu(parameters):
    x = away_from_0(2, 3)
    assert gradcheck(lambda x: elu(x, *parameters), (x,))
    assert gradgradcheck(lambda x: elu(x, *parameters), (x,))


@pytest.mark.slow
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_elu_in_place(parameters):
    x = away_from_0(2, 3)
    assert gradcheck(lambda x: elu(x.clone(), *parameters, inplace=True), (x,))
    assert gradgradcheck(lambda x: elu(x.clone(), *parameters, inplace=True), (x,))


@pytest.mark.slow
@pytest.mark.parametrize("is_result", [False, True])
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_elu_backward(parameters, is_result):
    grad, known = away_from_0(6, seed=1), away_from_0(6)
    if is_result:
        known = elu(known.detach(), *parameters).requires_grad_()

    def call(grad, known):
        return elu_backward(grad, *parameters, is_result, known)

    assert gradcheck(call, (grad, known))
    assert gradgradcheck(call, (grad, known))


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.0, 0.7, -0.5])
@pytest.mark.parametrize(("shape", "dim"), BIASED.values(), ids=BIASED)
def test_bias_elu(shape, dim, alpha):
    assert gradcheck(lambda x, bias: bias_elu(x, bias, alpha, dim), biased(shape, dim), fast_mode=len(shape) == 4)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "dim"), BIASED.values(), ids=BIASED)
def test_bias_elu_twice(shape, dim):
    assert gradgradcheck(lambda x, bias: bias_elu(x, bias, 0.7, dim), biased(shape, dim))


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "dim"), BIASED.values(), ids=BIASED)
def test_bias_elu_backward(shape, dim):
    grad = away_from_0(*shape, seed=2)

    def call(grad, x, bias):
        return bias_elu_backward(grad, x, bias, 0.7, dim)

    assert gradcheck(call, (grad, *biased(shape, dim)), fast_mode=True)
    assert gradgradcheck(call, (grad, *biased(shape, dim)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inplace", [False, True])
def test_the_same_gradient_as_pytorchs_operator(dtype, inplace):
    """`sum` gives an expanded gradient, whose elements are all one number in memory."""
    x = normals(33, 65, dtype=dtype).requires_grad_()
    ours, theirs = (
        torch.autograd.grad(function(x.clone(), alpha=1.5, inplace=inplace).sum(), x)[0].cpu()
        for function in (elu, torch.nn.functional.elu)
    )
    epsilon = torch.finfo(dtype).eps
    torch.testing.assert_close(ours, theirs, rtol=4 * epsilon, atol=4 * epsilon if inplace else 0.0)


@pytest.mark.parametrize("shared", ["all", "rows", "columns", "transposed", "steps"])
@pytest.mark.parametrize(("shape", "dim"), [((6, 10), -1), ((2, 3, 8, 8), 1)])
def test_gradients_of_any_layout(shape, dim, shared):
    x = normals(*shape).requires_grad_()
    bias = normals(shape[dim], seed=1).requires_grad_()
    grad = normals(*shape, seed=2)
    grad = {
        "all": grad.flatten()[0].expand(shape),
        "rows": grad[:1].expand(shape),
        "columns": grad[..., :1].expand(shape),
        "transposed": grad.transpose(-1, -2).contiguous().transpose(-1, -2),
        "steps": grad.repeat_interleave(2, -1)[..., ::2],
    }[shared]
    for function, inputs in ((elu, (x,)), (lambda x, bias: bias_elu(x, bias, dim=dim), (x, bias))):
        ours = torch.autograd.grad(function(*inputs), inputs, grad)
        plain = torch.autograd.grad(function(*inputs), inputs, grad.contiguous())
        assert all(same_bits(one, other) for one, other in zip(ours, plain, strict=True))


def test_x_or_bias_alone_may_need_a_gradient():
    x, bias = normals(9, 5), normals(5, seed=1)
    both = torch.autograd.grad(bias_elu(x.requires_grad_(), bias.requires_grad_()).sum(), (x, bias))
    (only_x,) = torch.autograd.grad(bias_elu(x, bias.detach()).sum(), x)
    (only_bias,) = torch.autograd.grad(bias_elu(x.detach(), bias).sum(), bias)
    assert same_bits(only_x, both[0])
    assert same_bits(only_bias, both[1])
    assert not bias_elu(x.detach(), bias.detach()).requires_grad


def test_x_with_gaps_is_copied_and_its_gradient_comes_back():
    memory = normals(8, 20).requires_grad_()
    bias = normals(10, seed=1)
    out = bias_elu(memory[:, ::2], bias)
    out.sum().backward()
    assert bool((memory.grad[:, 1::2] == 0).all())
    (expected,) = torch.autograd.grad(bias_elu(memory[:, ::2].contiguous(), bias).sum(), memory)
    assert same_bits(memory.grad, expected)


def test_a_gradient_penalty_is_that_of_pytorch():
    """The norm of a gradient, differentiated once more: what a second backward is used for."""
    x = normals(40, dtype=FP64).requires_grad_()
    penalties = []
    for function in (elu, torch.nn.functional.elu):
        (grad,) = torch.autograd.grad((function(x, 1.5) ** 2).sum(), x, create_graph=True)
        penalties.append(torch.autograd.grad((grad**2).sum(), x)[0])
    torch.testing.assert_close(*penalties)


@pytest.mark.parametrize("negative", [(-1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, -1.0)])
def test_in_place_refuses_what_its_result_cannot_tell(negative):
    x = normals(5).requires_grad_()
    with pytest.raises(RuntimeError, match="at least 0"):
        elu(x.clone(), *negative, inplace=True)
    with pytest.raises(RuntimeError, match="at least 0"):
        elu_backward(x, *negative, True, x)
    with torch.no_grad():  # no gradient, nothing to refuse
        assert same_bits(elu(x.clone(), *negative, inplace=True), elu(x, *negative))
    assert not elu(x.detach().clone(), *negative, inplace=True).requires_grad


def test_in_place_is_seen_by_autograd():
    x = normals(5).requires_grad_()
    with pytest.raises(RuntimeError, match="leaf Variable"):
        elu(x, inplace=True)
    needed = x.exp()  # whose backward needs its result as it was
    elu(needed, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        needed.sum().backward()


def test_in_place_refuses_elements_that_share_memory():
    x = normals(5)
    with pytest.raises(RuntimeError, match="share memory"):
        elu(x[:1].expand(5), inplace=True)
    elu(x[:1].expand(1), inplace=True)  # one element shares with none


def test_inference_mode_and_no_grad():
    x = normals(7)
    expected = elu(x)
    with torch.inference_mode():
        assert same_bits(elu(x), expected)
        assert same_bits(elu(x.clone(), inplace=True), expected)
    with torch.no_grad():
        assert not elu(x.requires_grad_()).requires_grad


def test_integers_as_parameters():
    x = normals(9, dtype=FP32)
    assert same_bits(elu(x, 2, 3, 1), elu(x, 2.0, 3.0, 1.0))
    assert same_bits(bias_elu(x, x, 2), bias_elu(x, x, 2.0))
    assert elu(x, 2).device.type == DEVICE

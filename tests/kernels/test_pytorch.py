"""The operators as PyTorch sees them: registered, traced, compiled, transformed, and what they keep for backward."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.autograd import gradcheck, gradgradcheck

from kernels import (
    ELU,
    bias_elu,
    dispatch,
    elu,
    elu_backward,
    elu_plus_one,
    leaky_relu,
    prelu,
    prelu_backward,
    relu,
    shifted_relu,
)
from tests.kernels.values import DEVICE

OPERATORS = getattr(torch.ops, dispatch.NAMESPACE)
PARAMETERS = (0.7, 1.2, 1.5)


def numbers(*shape: int, needs_grad: bool = False) -> torch.Tensor:
    values = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))
    return values.to(DEVICE).requires_grad_(needs_grad)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("elu_backward", (numbers(5, 3, needs_grad=True), numbers(3, 5).t().requires_grad_(), *PARAMETERS, False)),
        ("bias_elu_backward", (*[numbers(5, 3, needs_grad=True)] * 2, numbers(5, needs_grad=True), 0.7, 0)),
    ],
)
def test_pytorchs_own_check_of_operators_passes_for_other_strides_and_dimensions(name, arguments):
    checks = torch.library.opcheck(getattr(OPERATORS, name).default, arguments)
    assert len(checks) == 4
    assert set(checks.values()) == {"SUCCESS"}


@pytest.mark.slow
@pytest.mark.parametrize("function", [lambda x, **k: elu(x, *PARAMETERS, **k), relu, shifted_relu, leaky_relu])
def test_in_place_it_is_differentiable_in_every_mode(function):
    def in_place(x):
        return function(x * 2, inplace=True)

    x = numbers(3, 2, needs_grad=True)
    assert gradcheck(in_place, x, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(in_place, x, check_fwd_over_rev=True)


@pytest.mark.slow
def test_bias_elu_along_the_first_dimension_is_differentiable_in_every_mode():
    inputs = numbers(3, 2, needs_grad=True), numbers(3, needs_grad=True)

    def function(x, bias):
        return bias_elu(x, bias, 0.7, 0)

    assert gradcheck(function, inputs, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(function, inputs, check_fwd_over_rev=True)


@pytest.mark.slow
@pytest.mark.parametrize("slopes", [2, 1])
def test_prelu_is_differentiable_in_both_arguments(slopes):
    inputs = numbers(3, 2, needs_grad=True), numbers(slopes, needs_grad=True)
    assert gradcheck(prelu, inputs, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(prelu, inputs, check_fwd_over_rev=True)
    grads = numbers(3, 2, needs_grad=True)
    assert gradcheck(prelu_backward, (grads, *inputs), check_forward_ad=True, fast_mode=True)


def test_transforms_of_functions_give_what_loops_give():
    x, biases = numbers(3, 4, 2), numbers(3, 4)
    apart = [bias_elu(one, bias, 0.7, 0) for one, bias in zip(x, biases, strict=True)]
    torch.testing.assert_close(torch.vmap(lambda one, bias: bias_elu(one, bias, 0.7, 0))(x, biases), torch.stack(apart))

    def loss(bias, one):
        return bias_elu(one, bias, 0.7, 0).square().sum()

    gradients = torch.vmap(torch.func.grad(loss), (None, 0))(biases[0], x)
    for one, gradient in zip(x, gradients, strict=True):
        bias = biases[0].clone().requires_grad_()
        loss(bias, one).backward()
        torch.testing.assert_close(gradient, bias.grad)
    hessians = torch.vmap(torch.func.hessian(lambda one: elu(one, *PARAMETERS).sum()))(x.flatten(1))
    torch.testing.assert_close(hessians, torch.diag_embed(hessians.diagonal(dim1=1, dim2=2)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        lambda x, bias: elu(x, 0.7) + bias_elu(x, bias),
        lambda x, bias: elu(x * 2, 0.7, inplace=True) + bias,
        lambda x, bias: elu(x, 0.7, save_result=True) + bias,
        lambda x, bias: ELU(0.7)(x) * bias,
        lambda x, bias: prelu(x, bias) + relu(x) + leaky_relu(x * 2, inplace=True) + elu_plus_one(x),
        lambda x, bias: shifted_relu(x) + shifted_relu(x * 2, inplace=True) * bias,
        lambda x, bias: prelu(x, bias[:1]) * bias,
    ],
)
def test_a_compiled_function_has_no_break_and_takes_any_size(function):
    torch._dynamo.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

    compiled = torch.compile(function, fullgraph=True, dynamic=True, backend=backend)
    for rows in (5, 7, 9):
        x, bias = numbers(rows, 3, needs_grad=True), numbers(3, needs_grad=True)
        found = torch.autograd.grad(compiled(x, bias).square().sum(), (x, bias))
        expected = torch.autograd.grad(function(x, bias).square().sum(), (x, bias))
        torch.testing.assert_close(found, expected)
        if rows == 5:
            first = len(graphs)  # TorchDynamo begins once more when it finds that parameters are constants
    assert len(graphs) == first


@pytest.mark.slow
def test_inductor_compiles_around_the_operator():
    torch._dynamo.reset()
    x = numbers(6, 3, needs_grad=True)
    compiled = torch.compile(lambda x: elu(x * 2, 0.7) + 1, fullgraph=True, dynamic=True)
    (found,) = torch.autograd.grad(compiled(x).sum(), x)
    (expected,) = torch.autograd.grad((elu(x * 2, 0.7) + 1).sum(), x)
    torch.testing.assert_close(found, expected)


def test_shapes_and_errors_are_known_without_a_device():
    with FakeTensorMode():
        x = torch.empty(2, 3, 4, 5, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
        result = bias_elu(elu(x), torch.empty(3, device="cuda", dtype=torch.bfloat16), dim=1)
        assert (result.shape, result.device.type, result.dtype) == ((2, 3, 4, 5), "cuda", torch.bfloat16)
        assert result.is_contiguous(memory_format=torch.channels_last)
        with pytest.raises(TypeError, match="int64"):
            elu(torch.empty(3, device="cuda", dtype=torch.int64))
        with pytest.raises(ValueError, match="give a bias of shape"):
            bias_elu(x, torch.empty(4, device="cuda", dtype=torch.bfloat16), dim=1)


def test_tensors_of_a_device_without_triton_are_pytorchs_own():
    """As on "meta", where neither a kernel nor a driver has anything to run on."""
    x, along = torch.empty(2, 3, device="meta"), torch.empty(3, device="meta")
    for call in (
        lambda: elu(x),
        lambda: elu(x.clone(), inplace=True),
        lambda: elu_backward(x, 1.0, 1.0, 1.0, False, x),
        lambda: elu_plus_one(x),
        lambda: relu(x),
        lambda: shifted_relu(x),
        lambda: leaky_relu(x),
        lambda: bias_elu(x, along),
        lambda: prelu(x, along),
        lambda: prelu_backward(x, x, along)[0],
    ):
        assert call().is_meta and call().shape == x.shape


def test_autocast_takes_the_bias_as_a_linear_layer_does():
    x, bias = numbers(2, 3).float(), numbers(3).float()
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        assert bias_elu(x.bfloat16(), bias).dtype == torch.bfloat16
        assert bias_elu(x, bias).dtype == torch.nn.functional.linear(x, bias[None]).dtype == torch.bfloat16
        assert bias_elu(x.double(), bias.double()).dtype == torch.float64
        assert elu(x).dtype == torch.nn.functional.elu(x).dtype == torch.float32
    with pytest.raises(ValueError, match="the same dtype"):
        bias_elu(x.bfloat16(), bias)


@pytest.mark.parametrize("save_result", [False, True])
def test_one_tensor_is_kept_for_backward_the_input_or_the_result(save_result):
    kept = []
    x = numbers(4, needs_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda each: kept.append(each) or each, lambda each: each):
        result = ELU(save_result=save_result)(x)
    (only,) = kept
    assert only.data_ptr() == (result if save_result else x).data_ptr()


@pytest.mark.parametrize("parameters", [(-1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, -1.0)])
def test_a_result_that_does_not_tell_its_input_is_refused(parameters):
    x = numbers(4, needs_grad=True)
    for attempt in (
        lambda: elu(x, *parameters, save_result=True),
        lambda: elu(x * 1, *parameters, inplace=True),
        lambda: elu_backward(x, *parameters, True, x),
    ):
        with pytest.raises(RuntimeError, match="compute it from the input"):
            attempt()
    elu(x.detach(), *parameters, inplace=True)  # needs no gradient


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: CUDA graphs cannot be captured")
def test_calls_can_be_captured_in_a_cuda_graph():
    x, bias = torch.randn(64, 32, device="cuda"), torch.randn(32, device="cuda")
    for _ in range(2):  # compiles, and allocates what stays
        bias_elu(elu(x), bias)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = bias_elu(elu(x), bias)
    x.normal_()
    graph.replay()
    torch.testing.assert_close(result, bias_elu(elu(x), bias))

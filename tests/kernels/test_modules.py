"""ELU and BiasELU as parts of a model."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

import kernels
from kernels import ELU, BiasELU, elu
from tests.kernels.values import BF16, DEVICE, FP64, normals, same_bits


@pytest.mark.parametrize("arguments", [{}, {"alpha": 0.5}, {"inplace": True}, {"alpha": 2.0, "inplace": True}])
def test_elu_reads_and_computes_as_pytorchs(arguments):
    ours, theirs = ELU(**arguments), nn.ELU(**arguments)
    assert repr(ours) == repr(theirs)
    assert ours.state_dict() == theirs.state_dict() == {}
    x = normals(50)
    torch.testing.assert_close(ours(x.clone()), theirs(x.clone()), rtol=1e-6, atol=0.0)
    given = x.clone()
    assert (ours(given) is given) == arguments.get("inplace", False)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SELU", {}),
        ("SELU", {"inplace": True}),
        ("CELU", {"alpha": 0.5}),
        ("ReLU", {"inplace": True}),
        ("LeakyReLU", {"negative_slope": 0.2}),
        ("PReLU", {}),
        ("PReLU", {"num_parameters": 6, "init": 0.1}),
    ],
)
def test_relatives_read_compute_and_learn_as_pytorchs(name, arguments):
    ours, theirs = getattr(kernels, name)(**arguments).to(DEVICE), getattr(nn, name)(**arguments).to(DEVICE)
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict(ours.state_dict())
    given = [normals(4, 6, 3).requires_grad_() for _ in range(2)]
    results = [module(x * 1) for module, x in zip((ours, theirs), given, strict=True)]
    torch.testing.assert_close(*results, rtol=1e-6, atol=0.0)
    weights = [[x, *module.parameters()] for module, x in zip((ours, theirs), given, strict=True)]
    found = [torch.autograd.grad(each.square().sum(), of) for each, of in zip(results, weights, strict=True)]
    torch.testing.assert_close(*found)


def test_shifted_relu_computes_and_learns_as_pytorchs_threshold():
    for inplace in (False, True):
        ours, theirs = kernels.ShiftedReLU(inplace), nn.Threshold(-1.0, -1.0)
        assert repr(ours) == f"ShiftedReLU({'inplace=True' if inplace else ''})"
        given = [normals(4, 6).requires_grad_() for _ in range(2)]
        results = [module(x * 1) for module, x in zip((ours, theirs), given, strict=True)]
        assert same_bits(*results)
        found = [torch.autograd.grad(each.square().sum(), x)[0] for each, x in zip(results, given, strict=True)]
        assert same_bits(*found)


def test_elu_plus_one_is_the_feature_map_of_linear_attention():
    module = kernels.ELUPlusOne(save_result=True)
    assert repr(module) == "ELUPlusOne(save_result=True)"
    query, key, value = (normals(2, 5, 4, seed=seed) for seed in range(3))
    weights = module(query) @ module(key).mT
    assert bool((weights > 0).all())
    attended = weights @ value / weights.sum(-1, keepdim=True)
    mapped = (nn.functional.elu(each) + 1 for each in (query, key))
    expected = torch.stack(list(mapped))
    expected = expected[0] @ expected[1].mT
    torch.testing.assert_close(attended, expected @ value / expected.sum(-1, keepdim=True))


def test_bias_elu_starts_as_elu():
    module = BiasELU(6, device=DEVICE)
    x = normals(4, 6)
    assert repr(module) == "BiasELU(6, alpha=1.0, dim=-1)"
    assert module.bias.tolist() == [0.0] * 6
    assert module.bias.requires_grad
    assert same_bits(module(x), elu(x))


def test_bias_elu_takes_the_place_of_a_linear_layers_bias():
    linear = nn.Linear(5, 7, device=DEVICE)
    model = nn.Sequential(nn.Linear(5, 7, bias=False, device=DEVICE), BiasELU(7, alpha=0.5, device=DEVICE))
    model.load_state_dict({"0.weight": linear.weight, "1.bias": linear.bias})
    x = normals(9, 5)
    expected = nn.functional.elu(linear(x), 0.5)
    torch.testing.assert_close(model(x), expected)
    model(x).square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(model[0].weight.grad, linear.weight.grad)
    torch.testing.assert_close(model[1].bias.grad, linear.bias.grad)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bias_elu_takes_the_place_of_a_convolutions_bias(memory_format):
    convolution = nn.Conv2d(3, 5, 3, device=DEVICE)
    module = BiasELU(5, dim=1, device=DEVICE)
    module.load_state_dict({"bias": convolution.bias})
    x = normals(2, 3, 12, 12).to(memory_format=memory_format)
    expected = nn.functional.elu(convolution(x))
    result = module(nn.functional.conv2d(x, convolution.weight))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    result.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(module.bias.grad, convolution.bias.grad, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [BF16, FP64])
def test_dtype_and_device_are_those_of_a_module(dtype):
    x = normals(4, 6, dtype=dtype)
    for module in (BiasELU(6, device=DEVICE, dtype=dtype), BiasELU(6).to(DEVICE, dtype)):
        assert module.bias.dtype == module(x).dtype == dtype
    assert BiasELU(6, device="meta").bias.is_meta


def test_state_is_saved_loaded_and_copied():
    module = BiasELU(6, alpha=0.5, dim=1, device=DEVICE)
    nn.init.normal_(module.bias)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    loaded = BiasELU(6, alpha=0.5, dim=1, device=DEVICE)
    loaded.load_state_dict(torch.load(file))
    x = normals(2, 6, 3)
    assert list(module.state_dict()) == ["bias"]
    assert same_bits(loaded(x), module(x))
    assert same_bits(copy.deepcopy(module)(x), module(x))


@pytest.mark.slow
def test_a_model_learns():
    """Some steps of training through both modules bring the loss down as PyTorch's own modules do."""
    losses = []
    for ours in (True, False):
        torch.manual_seed(0)
        first = nn.Linear(4, 16, bias=not ours)
        hidden = [first, BiasELU(16)] if ours else [first, nn.ELU()]
        if not ours:
            nn.init.zeros_(first.bias)
        last = nn.Linear(16, 1)
        with torch.no_grad():  # the same start: a bias draws random numbers of its own
            for weight in (first.weight, last.weight, last.bias):
                weight.copy_(torch.linspace(-0.5, 0.5, weight.numel()).view_as(weight))
        model = nn.Sequential(*hidden, last, ELU() if ours else nn.ELU()).to(DEVICE)
        x = normals(64, 4)
        y = x[:, :1].sin() + x[:, 1:2].tanh()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(15):
            loss = (model(x) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[14] < losses[0] / 1.5
    assert losses[:15] == pytest.approx(losses[15:], rel=1e-3)

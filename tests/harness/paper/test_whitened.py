"""PRONG: identity covariance, a function that stays, and a step that is the natural-gradient step."""

import pytest
import torch

from harness.paper.data import load
from harness.paper.plan import variant_of
from harness.paper.training import build, train
from harness.paper.whitened import WhitenedLinear


def correlated(runs, count, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(runs, size, size, generator=generator, dtype=torch.float64)
    x = torch.bmm(torch.randn(runs, count, size, generator=generator, dtype=torch.float64), mixing) + 3
    return x.transpose(0, 1).reshape(count, runs * size)


def test_whitened_inputs_have_identity_covariance_and_zero_mean():
    layer = WhitenedLinear(2, 5, 3).double()
    x = correlated(2, 400, 5)
    with torch.no_grad():
        layer.recondition(x, damping=0.0)
        white = layer.whiten(x.view(400, 2, 5).transpose(0, 1))
    covariance = torch.bmm(white.mT, white) / 400
    torch.testing.assert_close(white.mean(1), torch.zeros(2, 5, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(covariance, torch.eye(5, dtype=torch.float64).repeat(2, 1, 1), rtol=0, atol=1e-9)


@pytest.mark.slow
def test_whitening_anew_leaves_the_function_of_the_net():
    seeds, rates = (0, 1), (0.01, 0.01)
    data = load("digits", seeds)
    net = build("shallow", variant_of("relu+prong"), seeds, data, "cpu")
    train(net, data, seeds, rates, 1)
    images, _ = data.train_part(0, 1024)
    with torch.no_grad():
        for layer in net.linears:  # what gives other activations to whiten
            layer.weight.add_(0.02)
        before = net(images)
        inputs = net.linears[2].centre.clone()
        net.refresh(images)
        torch.testing.assert_close(net(images), before, rtol=1e-3, atol=1e-3)
    assert (net.linears[2].centre - inputs).abs().max() > 1e-2


def test_on_a_linear_layer_with_unit_variance_gaussian_outputs_a_step_is_the_natural_gradient_step():
    """There the Fisher matrix of (W, b), with x extended by a 1, is E[x xᵀ] for every output alike."""
    count, inputs, outputs, rate = 300, 4, 3, 0.3
    x = correlated(1, count, inputs)
    target = torch.randn(count, outputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    layer = WhitenedLinear(1, inputs, outputs).double()
    with torch.no_grad():
        layer.weight.normal_(generator=torch.Generator().manual_seed(2))
        layer.bias.normal_(generator=torch.Generator().manual_seed(3))
        weight, bias = layer.weight[0].clone(), layer.bias[0].clone()
        layer.recondition(x, damping=0.0)

    loss = 0.5 * (layer(x) - target).square().sum(1).mean()  # the negative logarithm of that density
    gradients = torch.autograd.grad(loss, (layer.weight, layer.bias))
    with torch.no_grad():
        layer.weight -= rate * gradients[0]
        layer.bias -= rate * gradients[1]

    extended = torch.cat([x, torch.ones(count, 1, dtype=torch.float64)], 1)
    parameters = torch.cat([weight, bias[None]])
    gradient = extended.T @ (extended @ parameters - target) / count
    fisher = extended.T @ extended / count
    expected = parameters - rate * torch.linalg.solve(fisher, gradient)
    new = torch.randn(50, inputs, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    torch.testing.assert_close(layer(new), new @ expected[:-1] + expected[-1], rtol=1e-9, atol=1e-9)
    plain = parameters - rate * gradient
    assert not torch.allclose(new @ plain[:-1] + plain[-1], layer(new), rtol=0.1)


def test_a_run_that_diverged_does_not_stop_the_others():
    layer = WhitenedLinear(2, 5, 3).double()
    x = correlated(2, 100, 5)
    x[:, :5] = torch.nan
    with torch.no_grad():
        layer.recondition(x, damping=0.0)
        white = layer.whiten(x.view(100, 2, 5).transpose(0, 1))[1]
    assert white.isfinite().all()
    assert float((white.T @ white / 100).trace()) == pytest.approx(5)

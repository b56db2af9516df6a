"""Raiko et al.: zero mean, zero mean slope, and a function that the transformation leaves as it is."""

import pytest
import torch

from harness.paper.data import load
from harness.paper.nets import stacked
from harness.paper.plan import variant_of
from harness.paper.training import build, train


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_centred_units_have_zero_mean_and_zero_mean_slope(activation):
    data = load("digits")
    seeds, rates = (0, 1), (0.01, 0.01)
    net = build("deep", variant_of(f"{activation}+centred"), seeds, "cpu")
    train(net, data, seeds, rates, 1)
    net.double()  # a sum that rounding takes across zero would change the slope of its unit
    images = stacked(data.train_images.double(), 2)
    before = net(images)
    for layer in net.linears:  # away from where it was centred
        layer.bias.data += 0.1
    moved = net(images)
    assert (moved - before).abs().max() > 0.1
    net.refresh(data.train_images.double())
    torch.testing.assert_close(net(images), moved, rtol=1e-8, atol=1e-8)

    trace = []
    net(images, trace)
    for sums, outputs in trace:
        assert outputs.mean(0).abs().max() < 1e-8
        (slopes,) = torch.autograd.grad(outputs.sum(), sums, retain_graph=True)
        assert slopes.mean(0).abs().max() < 1e-8

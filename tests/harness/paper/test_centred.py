"""Mean-centring: zero mean over the batch, the function as it was, and another gradient."""

import pytest
import torch

from harness.paper.data import load
from harness.paper.plan import variant_of
from harness.paper.training import build, run_losses, train

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def data():
    return load("digits", SEEDS)


def trained(variant, data):
    """A net that has learned for an epoch, in float64 and training mode."""
    net = build("deep", variant_of(variant), SEEDS, data, "cpu")
    train(net, data, SEEDS, (0.01, 0.03), 1)
    return net.double().train()


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_each_centred_unit_has_zero_mean_over_the_batch_and_the_function_stays(activation, data):
    net = trained(f"{activation}+centred", data)
    images, _ = data.train_part(0, 64)
    other, _ = data.test_part(0, 100)
    before = net.take((0, 1)).eval()
    centres = net.centre3.clone()
    trace = []
    outputs = net(images.double(), trace)  # what centres it anew, over this batch
    for _, after in trace:
        assert after.mean(0).abs().max() < 1e-12
        assert after.std() > 0.1
    assert (net.centre3 - centres).abs().max() > 1e-2
    torch.testing.assert_close(outputs, before(images.double()), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(net.eval()(other.double()), before(other.double()), rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_its_step_differs_from_that_of_the_plain_net_of_the_same_function(data):
    """The plain net's gradient of a weight has the mean of its input in it; the centred net's has not."""
    net = trained("relu+centred", data)
    images, labels = data.train_part(0, 64)
    losses = run_losses(net(images.double()), labels)
    head = net.head
    weight, bias = torch.autograd.grad(losses.sum(), (head.weight, head.bias))
    # The plain net of the same function: the bias has what the centres take away.
    plain = build("deep", variant_of("relu"), SEEDS, data, "cpu").double()
    with torch.no_grad():
        for number, layer in enumerate(plain.layers()):
            own = net.layers()[number]
            layer.weight.copy_(own.weight)
            centre = net.get_buffer(f"centre{number - 1}") if number else torch.zeros(2, 64, dtype=torch.float64)
            layer.bias.copy_(own.bias - torch.bmm(centre[:, None], own.weight)[:, 0])
    same = run_losses(plain(images.double()), labels)
    torch.testing.assert_close(same, losses, rtol=1e-10, atol=1e-10)
    plain_weight, plain_bias = torch.autograd.grad(same.sum(), (plain.head.weight, plain.head.bias))
    torch.testing.assert_close(plain_bias, bias, rtol=1e-9, atol=1e-12)
    by_the_mean = net.centre7[:, :, None] * bias[:, None]
    torch.testing.assert_close(plain_weight, weight + by_the_mean, rtol=1e-9, atol=1e-12)
    assert by_the_mean.abs().max() > 1e-3

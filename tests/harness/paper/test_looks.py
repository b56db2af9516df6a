"""What is looked at inside a net, held against what defines it."""

import itertools
import math

import pytest
import torch

from harness.paper import bias_shift, mean_shift, noise, saturation, theorems, vanishing
from harness.paper.data import load
from harness.paper.layers import error_signals, flow_of
from harness.paper.plan import BATCH, DOSES, NOISE_SIZES, variant_of
from harness.paper.training import build, objective, train

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def data():
    return load("digits", SEEDS)


def made(variant, data, epochs=1, rates=(0.01, 0.01)):
    net = build("deep", variant_of(variant), SEEDS, data, "cpu")
    train(net, data, SEEDS, rates, epochs)
    return net.eval()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["elu", "relu+bn", "elu+centred", "relu+prong"])
def test_every_look_leaves_the_net_as_it_is_and_is_finite(variant, data):
    net = made(variant, data)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for look in (mean_shift, bias_shift, theorems, noise, saturation, vanishing):
        found = look.probe(net, data)
        assert len(found) == 2
        for values in found:
            for name, value in values.items():
                assert torch.tensor(value).isfinite().all(), (look.__name__, name)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.slow
def test_a_net_that_diverged_gives_rows_with_nothing_finite_in_them(data):
    net = made("relu", data, rates=(0.01, 1e6))
    for look in (mean_shift, bias_shift, theorems, noise, saturation):
        calm, wild = look.probe(net, data)
        for name in calm:
            if (look, name) not in ((saturation, "inactive"), (theorems, "scale_q")):
                assert torch.tensor(calm[name]).isfinite().all(), name
                assert not torch.tensor(wild[name]).isfinite().all(), name


@pytest.mark.slow
def test_the_shift_of_a_units_net_input_is_that_by_its_own_update(data):
    """The share by its definition: the update is applied to one layer alone, and its net inputs are compared."""
    net = made("elu", data).double()
    whole = type(data)(data.images.double(), data.labels, data.train, data.test, data.shape)
    found = bias_shift.probe(net, whole)
    layer, shares = 4, torch.zeros(2, dtype=torch.float64)
    for number in range(bias_shift.PAIRS):
        moved = net.take((0, 1))
        images, labels = whole.train_part(BATCH * number, BATCH * (number + 1))
        own = moved.layers()[layer]
        losses = objective(moved, moved(images), images, labels)
        gradients = torch.autograd.grad(losses.sum(), (own.weight, own.bias))
        start = BATCH * bias_shift.PAIRS + bias_shift.HELD_OUT * number
        held_out, _ = whole.train_part(start, start + bias_shift.HELD_OUT)
        before = flow_of(moved, held_out)[0].sums[layer].detach()
        with torch.no_grad():
            own.weight -= 0.01 * gradients[0]
            own.bias -= 0.01 * gradients[1]
        change = (flow_of(moved, held_out)[0].sums[layer].detach() - before).view(len(held_out), 2, -1)
        shares += (change.mean(0).square() / change.square().mean(0)).mean(1) / bias_shift.PAIRS
    assert [values["share"][layer] for values in found] == pytest.approx(shares.tolist(), rel=1e-6)


@pytest.mark.slow
def test_centring_takes_the_mean_from_what_the_next_layer_gets(data):
    plain, centred = (theorems.probe(made(name, data), data)[0] for name in ("relu", "relu+centred"))
    assert max(centred["mean_share"]) < 0.1 < min(plain["mean_share"])
    assert max(centred["scale"]) < min(plain["scale"])
    shares = [bias_shift.probe(made(name, data), data)[0]["share"] for name in ("relu", "relu+centred")]
    assert all(less < more for more, less in zip(*(each[1:] for each in shares), strict=True))


@pytest.mark.slow
def test_the_scale_of_theorem_1_is_by_the_inverse_of_the_unit_fisher_matrix(data):
    """By Schur's complement 1 + mᵀ V⁻¹ m is the bias's entry of the inverse of E([a; 1] [a; 1]ᵀ)."""
    a = torch.randn(1, 500, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.7
    weights = torch.rand(1, 500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights /= weights.sum()
    extended = torch.cat([a[0], torch.ones(500, 1, dtype=torch.float64)], 1)
    matrix = (extended * weights[0][:, None]).T @ extended
    expected = float(torch.linalg.inv(matrix)[-1, -1])
    errors = torch.stack([weights[0] * 3, weights[0]], 1)[None]
    found = theorems._quantities(a, errors, damping=0.0)
    assert float(found["scale_q"]) == pytest.approx(expected, rel=1e-9)
    mean = (a[0] * weights[0][:, None]).sum(0)
    share = mean.square().sum() / (a[0].square().sum(1) * weights[0]).sum()
    assert float(found["mean_share_q"]) == pytest.approx(float(share), rel=1e-9)


@pytest.mark.slow
def test_error_signals_are_the_gradients_of_each_images_own_loss(data):
    net = made("elu", data)
    images, labels = data.train_part(0, 8)
    _, signals = error_signals(net, images, labels)
    probabilities = net(images).view(8, 2, 10).softmax(2)
    expected = probabilities - torch.nn.functional.one_hot(labels, 10)
    torch.testing.assert_close(signals[-1].transpose(0, 1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_noise_costs_accuracy_and_moves_the_net_the_more_of_it_there_is(data):
    for values in noise.probe(made("elu", data, epochs=5), data):
        assert len(values["accuracy"]) == len(NOISE_SIZES)
        assert values["change"][0] == 0
        assert all(less < more for less, more in itertools.pairwise(values["change"]))
        assert values["accuracy"][-1] < values["accuracy"][0] - 0.2


@pytest.mark.slow
def test_what_deactivated_units_pass_on_follows_the_activation(data):
    relu, leaky, elu, shifted = (
        saturation.probe(made(name, data), data)[0] for name in ("relu", "lrelu_0.1", "elu", "srelu")
    )
    assert relu["passed"] == 0
    assert relu["through_net"] == [0] * len(DOSES)
    assert leaky["passed"] == pytest.approx(0.1, rel=1e-3)
    assert leaky["by_depth"] == pytest.approx([0.1] * 10, rel=1e-3)
    assert elu["by_depth"][0] < 0.3 * elu["by_depth"][-1]
    assert shifted["by_depth"][0] == pytest.approx(0, abs=1e-3)
    assert math.isclose(shifted["by_depth"][-1], 1, abs_tol=0.5)

"""The Fisher matrix, held against what defines it: the curvature of the Kullback-Leibler divergence."""

import pytest
import torch
from torch.nn.functional import kl_div

from harness.paper.data import load
from harness.paper.fisher import degrees, fisher, gradient, jacobian, natural, natural_by_unit, unit_groups
from harness.paper.natural_gradient import angles
from harness.paper.plan import variant_of
from harness.paper.training import build, train

VARIANTS = ["elu", "srelu", "relu+bn", "relu+centred", "relu+prong"]


@pytest.fixture(scope="module")
def data():
    return load("digits", (0, 1)).pooled()


def small(variant, data, runs=2):
    seeds = tuple(range(runs))
    net = build("small", variant_of(variant), seeds, data, "cpu")
    train(net, data, seeds, (0.01,) * runs, 1)
    return net.double().eval()


def part(data, run, count):
    """The first training images and labels of one run."""
    places = data.train[run, :count]
    return data.images[places], data.labels[places]


def moved(net, direction):
    """The one run of `net` with its parameters moved along `direction`, in the order of `gradient`."""
    other = net.take([0])
    start = 0
    with torch.no_grad():
        for parameter in other.parameters():
            parameter += direction[start : start + parameter.numel()].view(parameter.shape)
            start += parameter.numel()
    return other


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_the_curvature_of_the_divergence(data, variant):
    """KL(p(w) ‖ p(w + d)) = ½ dᵀ F d + O(|d|³), whatever the direction; halves of ±d cancel the third order."""
    net = small(variant, data).take([1])
    images = part(data, 1, 40)[0].double()
    logits = net(images).detach()
    matrix = fisher(jacobian(net, 0, images), logits)
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > -1e-9
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(len(matrix), generator=generator, dtype=torch.float64)
        direction *= 3e-4 / direction.norm()
        divergence = 0.0
        for sign in (1, -1):
            with torch.no_grad():
                there = moved(net, sign * direction)(images).log_softmax(1)
            divergence += float(kl_div(there, logits.log_softmax(1), log_target=True, reduction="batchmean")) / 2
        assert divergence == pytest.approx(float(direction @ matrix @ direction) / 2, rel=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_jacobian_and_gradient_go_together(data, variant):
    net = small(variant, data)
    images, labels = part(data, 1, 30)
    images = images.double()
    slope = gradient(net, 1, images, labels)
    logits = net(images.repeat(1, 2)).view(30, 2, 10)[:, 1]
    residual = logits.softmax(1) - torch.eye(10, dtype=torch.float64)[labels]
    by_chain_rule = torch.einsum("nc,ncp->p", residual, jacobian(net, 1, images)) / 30
    torch.testing.assert_close(slope, by_chain_rule, rtol=1e-6, atol=1e-9)


def test_the_natural_gradient_solves_the_damped_system():
    matrix = torch.diag(torch.tensor([4.0, 1.0, 1.0], dtype=torch.float64))
    slope = torch.tensor([2.0, 3.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(natural(matrix, slope, damping=0.0), torch.tensor([0.5, 3.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(natural(matrix, slope, damping=0.5), slope / (matrix.diagonal() + 1.0))
    assert degrees(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])) == pytest.approx(45)
    assert degrees(slope, 3 * slope) == pytest.approx(0, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_units_share_no_parameters_and_leave_none_out(data, variant):
    net = small(variant, data)
    groups = unit_groups(net)
    found = torch.cat(groups)
    count = sum(parameter.numel() for parameter in net.parameters()) // net.runs
    assert sorted(found.tolist()) == list(range(count))
    assert len(groups) == 6 * 10 + 10


def test_by_unit_nothing_between_units_counts():
    matrix = torch.eye(4, dtype=torch.float64) + 0.5
    slope = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    groups = [torch.tensor([0, 2]), torch.tensor([1, 3])]
    kept = torch.zeros_like(matrix)
    for group in groups:
        kept[group[:, None], group] = matrix[group[:, None], group]
    torch.testing.assert_close(natural_by_unit(matrix, groups, slope, 0.1), natural(kept, slope, 0.1))


@pytest.mark.slow
def test_a_whitened_net_is_nearer_to_the_natural_gradient(data):
    """What PRONG is for. On a net of six layers it is no identity, so only the order is asked for."""
    seeds = (0, 1)
    found = {}
    for variant in ("relu", "relu+prong"):
        net = build("small", variant_of(variant), seeds, data, "cpu")
        train(net, data, seeds, (0.01, 0.01), 3)
        found[variant] = angles(net, data, (1e-3, 1e-1))
    for plain, whitened in zip(found["relu"], found["relu+prong"], strict=True):
        assert whitened["unit_natural"][0] < plain["unit_natural"][0]
        assert len(plain["natural"]) == 2

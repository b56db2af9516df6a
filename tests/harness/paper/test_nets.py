"""Nets side by side: each run does what it would do alone."""

import math
from contextlib import nullcontext

import pytest
import torch

from harness.emulator.emulated import emulated
from harness.paper.activations import make
from harness.paper.data import Data, load
from harness.paper.nets import Convolutional, FullyConnected, initialise, stacked
from harness.paper.plan import ACTIVATIONS, ClaimError, Unit, variant_of
from harness.paper.training import build, run_losses, train
from kernels.primitives import INTERPRETED

SEEDS, RATES = (0, 1, 0), (0.01, 0.01, 0.05)


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return Data(data.train_images[:300], data.train_labels[:300], data.test_images[:50], data.test_labels[:50])


def trained(net, variant, data, seeds=SEEDS, rates=RATES, epochs=2):
    made = build(net, variant_of(variant), seeds, "cpu")
    return made, train(made, data, seeds, rates, epochs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "variant"),
    [("shallow", "elu"), ("shallow", "relu+bn"), ("shallow", "prelu"), ("shallow", "relu+centred"),
     ("shallow", "lrelu_0.1+prong"), ("conv", "elu+bn"), ("conv", "prelu")],
)  # fmt: skip
def test_a_run_among_others_learns_as_it_does_alone(few, net, variant):
    _, together = trained(net, variant, few)
    for run, (seed, rate) in enumerate(zip(SEEDS, RATES, strict=True)):
        _, alone = trained(net, variant, few, (seed,), (rate,))
        assert alone.loss[0] == pytest.approx(together.loss[run], rel=1e-3)
        assert alone.accuracy[0] == pytest.approx(together.accuracy[run], abs=0.05)
    assert together.loss[0] != together.loss[1]
    assert together.loss[0] != together.loss[2]


@pytest.mark.slow
def test_the_same_seeds_give_the_same_curves(few):
    first, second = trained("shallow", "elu", few)[1], trained("shallow", "elu", few)[1]
    assert (first.loss, first.accuracy) == (second.loss, second.accuracy)


def test_equal_seeds_start_from_equal_weights_whatever_the_activation():
    elu, relu = (build("deep", variant_of(name), (4,), "cpu") for name in ("elu", "relu+bn"))
    for a, b in zip((*elu.linears, elu.head), (*relu.linears, relu.head), strict=True):
        assert torch.equal(a.weight, b.weight)
    hidden = elu.linears[1].weight
    assert float(hidden.detach().std()) == pytest.approx(math.sqrt(2 / 128), rel=0.05)


@pytest.mark.slow
def test_a_run_that_diverges_leaves_the_others_alone(few):
    _, calm = trained("shallow", "relu", few, (0,), (0.01,))
    _, both = trained("shallow", "relu", few, (0, 1), (0.01, 1e6))
    assert not math.isfinite(both.loss[1][-1])
    assert math.isnan(both.accuracy[1][-1])
    assert both.loss[0] == pytest.approx(calm.loss[0], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["elu", "prelu+bn", "relu+centred", "relu+prong"])
def test_runs_can_be_taken_out_and_repeated(few, variant):
    net, _ = trained("shallow", variant, few, epochs=1)
    net.eval()
    with torch.no_grad():
        whole = net(stacked(few.test_images, 3)).view(50, 3, 10)
        taken = net.take([2, 0, 2, 2])(stacked(few.test_images, 4)).view(50, 4, 10)
    torch.testing.assert_close(taken, whole[:, [2, 0, 2, 2]], rtol=1e-4, atol=1e-4)


def test_slopes_of_prelu_are_learned_run_by_run(few):
    net, _ = trained("shallow", "prelu", few)
    slopes = torch.stack([activation.slope for activation in net.activations])
    assert len(set(slopes.flatten().tolist())) == slopes.numel()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_nets_of_a_gpu_run_on_this_suites_kernels_and_learn_the_same(name, monkeypatch):
    """Built as for a GPU; where there is none, the emulated GPU runs their kernels, or Triton's interpreter."""
    if INTERPRETED.value:
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    where = "cuda" if torch.cuda.is_available() and not INTERPRETED.value else "cpu"
    with emulated() if where == "cpu" and not INTERPRETED.value else nullcontext():
        learns_the_same(name, where)


def learns_the_same(name, where):
    images = torch.randn(6, 2 * 64, generator=torch.Generator().manual_seed(0)).to(where)
    labels = torch.arange(12, device=where).view(6, 2) % 10
    for make_net in (
        lambda kind: FullyConnected(2, (64, 5, 3, 10), variant_of(f"{name}+bn"), kind),
        lambda kind: Convolutional(2, ((2,), (3,)), variant_of(name), kind),
    ):
        theirs, ours = make_net("cpu"), make_net("cuda")
        losses, gradients = [], []
        for net in (theirs, ours):
            initialise(net, (3, 4))
            losses.append(run_losses(net.to(where)(images), labels))
            gradients.append(torch.autograd.grad(losses[-1].sum(), list(net.parameters())))
        torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-5)
    x = torch.randn(3, 4, device=where, requires_grad=True)
    step_of = {kind: type(make(name, 2, kind).to(where)(x).grad_fn) for kind in ("cpu", "cuda")}
    assert step_of["cuda"] is not step_of["cpu"]  # not PyTorch's operator, then


def test_an_unknown_activation_is_named():
    with pytest.raises(ClaimError, match="there is no activation 'gelu'; choose from elu, relu"):
        make("gelu", 1, "cpu")
    assert Unit("deep", variant_of("relu+bn"), (0.01,), ("learning",)).name == "deep relu+bn"

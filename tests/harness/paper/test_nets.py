"""Nets side by side: each run does what it would do alone."""

import math
from contextlib import nullcontext

import pytest
import torch

from harness.emulator.emulated import emulated
from harness.paper.activations import make
from harness.paper.data import Data, load
from harness.paper.nets import Convolutional, FullyConnected, initialise
from harness.paper.plan import ACTIVATIONS, ClaimError, variant_of
from harness.paper.step_time import folded
from harness.paper.training import build, evaluated, hits, run_losses, train
from kernels.primitives import INTERPRETED

SEEDS, RATES = (0, 1, 0), (0.01, 0.01, 0.05)


def few(seeds=SEEDS):
    """A few images, an own split for every seed."""
    data = load("digits", seeds)
    return Data(data.images, data.labels, data.train[:, :300], data.test[:, :50], data.shape)


def trained(net, variant, seeds=SEEDS, rates=RATES, epochs=2):
    data = few(seeds)
    made = build(net, variant_of(variant), seeds, data, "cpu")
    return made, train(made, data, seeds, rates, epochs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "variant"),
    [("shallow", "elu"), ("shallow", "relu+bn"), ("shallow", "srelu+lecun"), ("shallow", "relu+centred"),
     ("shallow", "lrelu_0.1+prong"), ("conv", "elu+bn"), ("conv", "srelu"), ("auto", "elu")],
)  # fmt: skip
def test_a_run_among_others_learns_as_it_does_alone(net, variant):
    _, together = trained(net, variant)
    for run, (seed, rate) in enumerate(zip(SEEDS, RATES, strict=True)):
        _, (alone,) = trained(net, variant, (seed,), (rate,))
        assert alone.loss == pytest.approx(together[run].loss, rel=1e-3)
        assert alone.score == pytest.approx(together[run].score, abs=0.05)
    assert together[0].loss != together[1].loss
    assert together[0].loss != together[2].loss


@pytest.mark.slow
def test_the_same_seeds_give_the_same_curves():
    assert trained("shallow", "elu")[1] == trained("shallow", "elu")[1]


def test_equal_seeds_start_from_equal_weights_whatever_the_activation():
    data = few((4,))
    elu, relu, lecun = (build("deep", variant_of(name), (4,), data, "cpu") for name in ("elu", "relu+bn", "relu+lecun"))
    for a, b, c in zip(elu.layers(), relu.layers(), lecun.layers(), strict=True):
        assert torch.equal(a.weight, b.weight)
        torch.testing.assert_close(a.weight, c.weight * math.sqrt(2))
    hidden = elu.layers()[1].weight
    assert float(hidden.detach().std()) == pytest.approx(math.sqrt(2 / 128), rel=0.05)


@pytest.mark.slow
def test_a_run_that_diverges_is_a_curve_and_leaves_the_others_alone():
    _, (calm,) = trained("shallow", "relu", (0,), (0.01,))
    _, (beside, wild) = trained("shallow", "relu", (0, 1), (0.01, 1e6))
    assert wild.diverged_at == 1
    assert all(map(math.isnan, (*wild.loss, *wild.score, wild.final_score)))
    assert calm.diverged_at is None
    assert beside.loss == pytest.approx(calm.loss, rel=1e-3)


def test_there_is_no_accuracy_of_a_run_whose_logits_are_not_finite():
    logits = torch.zeros(2, 3, 10)
    logits[:, :, 4] = 1
    logits[1, 2, 7] = math.nan
    found = hits(logits.flatten(1), torch.tensor([[4, 4, 4], [4, 0, 4]]))
    assert found[:2].tolist() == [1, 0.5]
    assert math.isnan(found[2])


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["elu", "relu+bn", "relu+centred", "relu+prong"])
def test_runs_can_be_taken_out_and_repeated(variant):
    net, _ = trained("shallow", variant, epochs=1)
    net.eval()
    images, _ = few().test_part(0, 50)
    images = images.view(50, 3, 64)
    chosen = [2, 0, 2, 2]
    with torch.no_grad():
        whole = net(images.flatten(1)).view(50, 3, 10)
        taken = net.take(chosen)(images[:, chosen].flatten(1)).view(50, 4, 10)
    torch.testing.assert_close(taken, whole[:, chosen], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("net", ["deep", "conv"])
def test_batch_normalisation_folds_into_the_weights_and_the_function_stays(net):
    made, _ = trained(net, "elu+bn", epochs=1)
    made.double().eval()
    images = few().test_part(0, 50)[0].double()
    without = folded(made)
    assert not [module for module in without.modules() if "BatchNorm" in type(module).__name__]
    torch.testing.assert_close(without(images), made(images), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_convolutions_run_over_signals():
    whole = load("digits", (0, 1))
    signals = whole.images[:, 12:52].contiguous()  # as long as those of mnist1d, which take seconds to draw
    data = Data(signals, whole.labels, whole.train[:, :640], whole.test[:, :100], (40,))
    net = build("conv", variant_of("elu+bn"), (0, 1), data, "cpu")
    first, second = train(net, data, (0, 1), (0.1, 0.1), 3)
    assert first.loss[-1] < first.loss[0]
    assert first.loss != second.loss


@pytest.mark.slow
def test_an_autoencoder_learns_its_images():
    net, curves = trained("auto", "elu", rates=(0.1, 0.1, 0.1), epochs=5)
    assert all(curve.loss[-1] < 0.9 * curve.loss[0] for curve in curves)
    images, _ = few().test_part(0, 50)
    errors = (net(images) - images).square().view(50, 3, 64).mean((0, 2))
    torch.testing.assert_close(evaluated(net, few(), 50), errors.detach())
    assert [curve.final_score for curve in curves] == pytest.approx(errors.tolist())


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
        lambda kind: Convolutional(2, ((2,), (3,)), variant_of(name), kind, (8, 8)),
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
    step_of = {kind: type(make(name, kind).to(where)(x).grad_fn) for kind in ("cpu", "cuda")}
    assert step_of["cuda"] is not step_of["cpu"]  # not PyTorch's operator, then


@pytest.mark.parametrize(
    ("name", "expected"),
    [("elu", [-0.8646647, -0.3934693, 2]), ("elu_0.5", [-0.4323324, -0.1967347, 2]), ("relu", [0, 0, 2]),
     ("lrelu_0.1", [-0.2, -0.05, 2]), ("srelu", [-1, -0.5, 2])],
)  # fmt: skip
def test_activations_are_what_the_paper_compares(name, expected):
    found = make(name, "cpu")(torch.tensor([-2.0, -0.5, 2.0]))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_an_unknown_activation_is_named():
    with pytest.raises(ClaimError, match="there is no activation 'gelu'; choose from elu, relu"):
        make("gelu", "cpu")

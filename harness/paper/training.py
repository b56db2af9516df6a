"""Training: plain stochastic gradient descent of many runs side by side, and what is recorded by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from harness.paper.centred import Centred
from harness.paper.data import CLASSES, PIXELS, Data
from harness.paper.nets import Convolutional, FullyConnected, Net, initialise, stacked
from harness.paper.plan import BATCH, Variant
from harness.paper.whitened import Whitened

_SIZES = {
    "deep": (PIXELS**2, *[128] * 8, CLASSES),
    "shallow": (PIXELS**2, *[128] * 3, CLASSES),
    "small": (PIXELS**2 // 4, *[10] * 6, CLASSES),
}
_STACKS = ((8,), (16, 16), (24, 24))


def build(net: str, variant: Variant, seeds: Sequence[int], device: str) -> Net:
    """The net of that name, a run for every seed, initialised."""
    if net == "conv":
        made: Net = Convolutional(len(seeds), _STACKS, variant, device)
    else:
        kind = {"centred": Centred, "prong": Whitened}.get(variant.form, FullyConnected)
        made = kind(len(seeds), _SIZES[net], variant, device)
    initialise(made, seeds)
    return made.to(device)


@dataclass
class Curves:
    """What training recorded: for every run, a value by epoch. A run that diverged holds values not finite."""

    loss: list[list[float]] = field(default_factory=list)  # mean cross-entropy of the epoch's batches
    accuracy: list[list[float]] = field(default_factory=list)  # on the test images, after the epoch


OnEpoch = Callable[[int, Net], None]


def train(
    net: Net,
    data: Data,
    seeds: Sequence[int],
    rates: Sequence[float],
    epochs: int,
    on_epoch: OnEpoch = lambda epoch, net: None,
) -> Curves:
    """Train run r with `seeds[r]`, which orders its images, at the rate `rates[r]`; batches of BATCH images.

    Before the first epoch and after every one `on_epoch` is called, with the net in evaluation mode. What is left
    of the images after the last whole batch of an epoch is not used in it. Equal seeds see equal batches.
    """
    steps = torch.tensor(rates, device=data.train_images.device)[:, None]
    orders = [torch.Generator().manual_seed(1_000_003 + seed) for seed in seeds]
    curves = Curves([[] for _ in seeds], [[] for _ in seeds])
    net.refresh(data.train_images)
    net.eval()
    on_epoch(0, net)
    for epoch in range(1, epochs + 1):
        net.train()
        # (count, runs): the order of the images in this epoch, run by run.
        order = torch.stack([torch.randperm(len(data.train_images), generator=each) for each in orders], 1)
        losses = [
            step(net, data.train_images[batch].flatten(1), data.train_labels[batch], steps)
            for batch in order.to(data.train_images.device).split(BATCH)
            if len(batch) == BATCH
        ]
        net.refresh(data.train_images)
        net.eval()
        for run, (loss, accuracy) in enumerate(
            zip(torch.stack(losses).mean(0).tolist(), test_accuracy(net, data).tolist(), strict=True)
        ):
            curves.loss[run].append(loss)
            curves.accuracy[run].append(accuracy if math.isfinite(loss) else math.nan)
        on_epoch(epoch, net)
    return curves


def step(net: Net, images: Tensor, labels: Tensor, rates: Tensor) -> Tensor:
    """One step of gradient descent for every run; the losses (runs,) before it.

    images: (batch, runs × pixels); labels: (batch, runs); rates: (runs, 1).
    """
    losses = run_losses(net(images), labels)
    parameters = list(net.parameters())
    gradients = torch.autograd.grad(losses.sum(), parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.view(net.runs, -1).sub_(rates * gradient.reshape(net.runs, -1))
    return losses.detach()


def run_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of every run: logits (batch, runs × classes), labels (batch, runs) to (runs,)."""
    runs = labels.shape[1]
    losses = functional.cross_entropy(logits.view(-1, CLASSES), labels.flatten(), reduction="none")
    return losses.view(-1, runs).mean(0)


@torch.no_grad()
def test_accuracy(net: Net, data: Data) -> Tensor:
    """The share of test images that every run classifies rightly: (runs,)."""
    logits = net(stacked(data.test_images, net.runs)).view(len(data.test_images), net.runs, CLASSES)
    return (logits.argmax(2) == data.test_labels[:, None]).float().mean(0)

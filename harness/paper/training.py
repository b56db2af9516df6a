"""Training: plain stochastic gradient descent of many runs side by side, and what is recorded by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from harness.paper.centred import Centred
from harness.paper.data import CLASSES, Data
from harness.paper.nets import Autoencoder, Convolutional, FullyConnected, Net, initialise
from harness.paper.plan import BATCH, Variant
from harness.paper.whitened import Whitened

_HIDDEN = {"deep": [128] * 8, "shallow": [128] * 3, "small": [10] * 6, "auto": [128, 64, 16, 64, 128]}
_STACKS = ((8,), (16, 16), (24, 24))
_REFRESHED_FROM = 1024  # training images, where a net does something from data now and then
_TESTED = 1_000  # test images after every epoch; all of them after the last
_AT_ONCE = 250  # images that are tested at once


def build(net: str, variant: Variant, seeds: Sequence[int], data: Data, device: str) -> Net:
    """The net of that name for such images, a run for every seed, initialised."""
    pixels = math.prod(data.shape)
    if net == "conv":
        made: Net = Convolutional(len(seeds), _STACKS, variant, device, data.shape)
    elif net == "auto":
        made = Autoencoder(len(seeds), (pixels, *_HIDDEN[net], pixels), variant, device)
    else:
        kind = {"centred": Centred, "prong": Whitened}.get(variant.form, FullyConnected)
        made = kind(len(seeds), (pixels, *_HIDDEN[net], CLASSES), variant, device)
    initialise(made, seeds, gain=1.0 if variant.form == "lecun" else 2.0)
    return made.to(device)


@dataclass(frozen=True)
class Curve:
    """What training recorded of one run, by epoch. From the epoch in which it diverged on nothing is finite."""

    loss: tuple[float, ...]  # the mean over the epoch's batches: cross-entropy, or squared error a pixel
    score: tuple[float, ...]  # after the epoch, over some test images: accuracy, or squared error a pixel
    final_score: float  # after the last epoch, over all test images

    @property
    def diverged_at(self) -> int | None:
        """The first epoch, from 1, whose loss is not finite."""
        return next((epoch for epoch, loss in enumerate(self.loss, 1) if not math.isfinite(loss)), None)


OnEpoch = Callable[[int, Net], None]


def train(
    net: Net,
    data: Data,
    seeds: Sequence[int],
    rates: Sequence[float],
    epochs: int,
    on_epoch: OnEpoch = lambda epoch, net: None,
) -> list[Curve]:
    """Train run r on its part of `data`, in an order by `seeds[r]`, at the rate `rates[r]`; batches of BATCH images.

    Before the first epoch and after every one `on_epoch` is called, with the net in evaluation mode. What is left
    of the images after the last whole batch of an epoch is not used in it. Equal seeds see equal batches.
    """
    device = data.images.device
    steps = torch.tensor(rates, device=device)[:, None]
    orders = [torch.Generator().manual_seed(1_000_003 + seed) for seed in seeds]
    refreshed_from, _ = data.train_part(0, _REFRESHED_FROM)
    losses, scores = [], []
    net.refresh(refreshed_from)
    net.eval()
    on_epoch(0, net)
    for epoch in range(1, epochs + 1):
        net.train()
        # (count, runs): the places of the images in the order of this epoch, run by run.
        order = torch.stack([torch.randperm(data.train.shape[1], generator=each) for each in orders]).to(device)
        places = data.train.gather(1, order).T
        found = [step(net, *data.batch(batch), steps) for batch in places.split(BATCH) if len(batch) == BATCH]
        net.refresh(refreshed_from)
        net.eval()
        losses.append(torch.stack(found).mean(0))
        scores.append(evaluated(net, data, _TESTED))
        on_epoch(epoch, net)
    final = evaluated(net, data, data.test.shape[1])
    return _curves(torch.stack(losses, 1), torch.stack(scores, 1), final)


def _curves(losses: Tensor, scores: Tensor, final: Tensor) -> list[Curve]:
    """Losses and scores are (runs, epochs); what was predicted by a net that diverged is no score."""
    is_finite = losses.isfinite().int().cummin(1).values.bool()
    losses, scores = (each.where(is_finite, math.nan) for each in (losses, scores))
    final = final.where(is_finite[:, -1], math.nan)
    return [
        Curve(tuple(loss), tuple(score), last)
        for loss, score, last in zip(losses.tolist(), scores.tolist(), final.tolist(), strict=True)
    ]


def step(net: Net, images: Tensor, labels: Tensor, rates: Tensor) -> Tensor:
    """One step of gradient descent for every run; the losses (runs,) before it.

    images: (batch, runs × pixels); labels: (batch, runs); rates: (runs, 1).
    """
    losses = objective(net, net(images), images, labels)
    parameters = list(net.parameters())
    gradients = torch.autograd.grad(losses.sum(), parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.view(net.runs, -1).sub_(rates * gradient.reshape(net.runs, -1))
    return losses.detach()


def objective(net: Net, outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """What every run minimises: (runs,)."""
    return squared_errors(outputs, images, net.runs) if net.reconstructs else run_losses(outputs, labels)


def run_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of every run: logits (batch, runs × classes), labels (batch, runs) to (runs,)."""
    runs = labels.shape[1]
    losses = functional.cross_entropy(logits.view(-1, CLASSES), labels.flatten(), reduction="none")
    return losses.view(-1, runs).mean(0)


def squared_errors(outputs: Tensor, images: Tensor, runs: int) -> Tensor:
    """Mean squared error a pixel of every run: outputs and images (batch, runs × pixels) to (runs,)."""
    return (outputs - images).square().view(len(images), runs, -1).mean((0, 2))


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of images that every run classifies rightly, (runs,); none of a run whose logits are not finite."""
    answers = logits.view(*labels.shape, CLASSES)
    is_right = (answers.argmax(2) == labels).float()
    return is_right.where(answers.isfinite().all(2), math.nan).mean(0)


@torch.no_grad()
def evaluated(net: Net, data: Data, count: int) -> Tensor:
    """Accuracy, or squared error a pixel, of every run over its first `count` test images: (runs,)."""
    count = min(count, data.test.shape[1])
    total = torch.zeros(net.runs, device=data.images.device)
    for start in range(0, count, _AT_ONCE):
        images, labels = data.test_part(start, min(start + _AT_ONCE, count))
        outputs = net(images)
        score = squared_errors(outputs, images, net.runs) if net.reconstructs else hits(outputs, labels)
        total += score * len(images)
    return total / count

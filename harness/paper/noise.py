"""Noise on the images: what it does to the accuracy of a net, and to its last hidden layer, by its size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.paper.data import Data
from harness.paper.mean_shift import by_run
from harness.paper.nets import Net, Trace
from harness.paper.plan import NOISE_SIZES
from harness.paper.training import hits

IMAGES = 1_000  # of each run's test images, or as many as there are
_SEED = 11


@torch.no_grad()
def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """What every run shows, by size of the noise (NOISE_SIZES); the net is in evaluation mode.

    accuracy: on the test images with the noise.
    change: of the last hidden layer, its root mean square over the layer's spread without noise.
    """
    images, labels = data.test_part(0, min(IMAGES, data.test.shape[1]))
    one = images.shape[1] // net.runs
    drawn = torch.randn(len(images), one, generator=torch.Generator().manual_seed(_SEED)).to(images.device)
    clean: Trace = []
    net(images, clean)
    spread = rms(clean[-1][1] - clean[-1][1].mean(0), net.runs)
    accuracies, changes = [], []
    for size in NOISE_SIZES:
        noisy: Trace = []
        logits = net(images + size * drawn.repeat(1, net.runs), noisy)
        accuracies.append(hits(logits, labels))
        changes.append(rms(noisy[-1][1] - clean[-1][1], net.runs) / spread)
    return by_run({"accuracy": torch.stack(accuracies, 1), "change": torch.stack(changes, 1)}, net.runs)


def rms(x: Tensor, runs: int) -> Tensor:
    """The root mean square over images and units of every run: (batch, runs × units) to (runs,)."""
    return x.view(len(x), runs, -1).square().mean((0, 2)).sqrt()

"""Vanishing gradient: the norm of the loss's gradient with respect to the input of every layer's activation."""

from __future__ import annotations

from typing import Any

import torch

from harness.paper.data import Data
from harness.paper.mean_shift import IMAGES, by_run
from harness.paper.nets import Net, Trace
from harness.paper.training import objective


def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """gradient_norm of every run: by hidden layer from the first, the root of the mean square over images and units.

    Of each image's own loss, so that the number of images does not matter; the net stays as it is.
    """
    net = net.take(range(net.runs)).train()
    trace: Trace = []
    images, labels = data.train_part(0, IMAGES)
    losses = objective(net, net(images, trace), images, labels)
    sums = [before for before, _ in trace]
    gradients = torch.autograd.grad(IMAGES * losses.sum(), sums)
    by_layer = [g.view(IMAGES, net.runs, -1).square().mean((0, 2)).sqrt() for g in gradients]
    return by_run({"gradient_norm": torch.stack(by_layer, 1)}, net.runs)

"""Vanishing gradient: the norm of the loss's gradient with respect to the input of every layer's activation."""

from __future__ import annotations

import torch

from harness.paper.data import Data
from harness.paper.mean_shift import IMAGES
from harness.paper.nets import Net, Trace, stacked
from harness.paper.training import run_losses


def gradient_norms(net: Net, data: Data) -> list[list[float]]:
    """For every run, by hidden layer from the first: the root of the mean square over images and units.

    Of each image's own loss, so that the number of images does not matter; the net stays as it is.
    """
    net = net.take(range(net.runs)).train()
    trace: Trace = []
    logits = net(stacked(data.train_images[:IMAGES], net.runs), trace)
    labels = data.train_labels[:IMAGES, None].expand(-1, net.runs)
    sums = [before for before, _ in trace]
    gradients = torch.autograd.grad(IMAGES * run_losses(logits, labels).sum(), sums)
    by_layer = [g.view(IMAGES, net.runs, -1).square().mean((0, 2)).sqrt() for g in gradients]
    return torch.stack(by_layer, 1).tolist()

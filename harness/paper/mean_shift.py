"""Mean shift: how far from zero the units' mean activations are, and what an update does to them.

The paper's own measures: the median over all hidden units of their mean activation on a part of the training
images (section 4.1, figure 2a), and the bias shift, the change of a unit's mean due to a weight update (section 2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.paper.data import Data
from harness.paper.nets import Net, Trace, stacked
from harness.paper.plan import BATCH, PAPER_RATE
from harness.paper.training import step

IMAGES = 512  # of the training images, always the same


def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """What every run of `net` shows now, on the statistics that it trains with; the net stays as it is.

    median_mean: the median over all hidden units of their mean activation.
    abs_mean, variance: by layer, the mean over units of the size of a unit's mean, and of its variance.
    bias_shift: mean over units of the size of the change of their mean by one update at the paper's rate.
    relative_shift: the same change over the unit's standard deviation, averaged over units that have one.
    """
    net = net.take(range(net.runs)).train()
    means, variances = _moments(net, data)
    every_mean, every_variance = torch.cat(means, 1), torch.cat(variances, 1)
    _update(net, data)
    change = (torch.cat(_moments(net, data)[0], 1) - every_mean).abs()
    deviations = every_variance.sqrt()
    alive = deviations > 1e-6
    relative = (change / deviations.where(alive, 1.0) * alive).sum(1) / alive.sum(1)
    columns = {
        "median_mean": every_mean.median(1).values,
        "abs_mean": torch.stack([mean.abs().mean(1) for mean in means], 1),
        "variance": torch.stack([variance.mean(1) for variance in variances], 1),
        "bias_shift": change.mean(1),
        "relative_shift": relative,
    }
    return [{name: column[run].tolist() for name, column in columns.items()} for run in range(net.runs)]


@torch.no_grad()
def _moments(net: Net, data: Data) -> tuple[list[Tensor], list[Tensor]]:
    """Means and variances over the images, (runs, units) for every hidden layer."""
    trace: Trace = []
    net(stacked(data.train_images[:IMAGES], net.runs), trace)
    outputs = [after.view(len(after), net.runs, -1) for _, after in trace]
    return [each.mean(0) for each in outputs], [each.var(0, correction=0) for each in outputs]


def _update(net: Net, data: Data) -> None:
    """One step on a batch, the same for every net, that `_moments` does not look at."""
    images = stacked(data.train_images[IMAGES : IMAGES + BATCH], net.runs)
    labels = data.train_labels[IMAGES : IMAGES + BATCH, None].expand(-1, net.runs)
    rates = torch.full((net.runs, 1), PAPER_RATE, device=images.device)
    step(net, images, labels, rates)

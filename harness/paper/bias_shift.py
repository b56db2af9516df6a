"""Bias shift: what a unit's own update does to its mean net input (the paper's section 2).

An update changes the net input of a unit by Δz(x), by its incoming weights and its bias, with the layers before it
held. Part of that change is the same for all images x: the shift of the mean, which the unit did not need to make.
Its share, (E Δz)² / E(Δz²), does not depend on the size of the update, and so not on how far a net has learned.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.paper.data import Data
from harness.paper.layers import flow_of
from harness.paper.mean_shift import by_run
from harness.paper.nets import Net
from harness.paper.plan import BATCH
from harness.paper.training import objective

PAIRS = 4  # of a batch that makes an update and held-out images that its effect is seen on
HELD_OUT = 128  # images


def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """What every run shows now, by hidden layer; the net stays as it is.

    share: the mean over units, and over pairs of an update and held-out images, of (E Δz)² / E(Δz²).
    size: the mean over them of |E Δz|, for an update at rate 1.
    correlation: the mean size of the correlation of two units of the layer, of those that vary.
    """
    found = [_shifts(net, data, number) for number in range(PAIRS)]
    share, size, correlation = (torch.stack(each).mean(0) for each in zip(*found, strict=True))
    return by_run({"share": share, "size": size, "correlation": correlation}, net.runs)


def _shifts(net: Net, data: Data, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Shares, sizes and correlations, (runs, hidden layers), of one update."""
    probed = net.take(range(net.runs)).train()
    images, labels = data.train_part(BATCH * number, BATCH * (number + 1))
    hidden = probed.layers()[:-1]
    losses = objective(probed, probed(images), images, labels)
    gradients = torch.autograd.grad(losses.sum(), [p for layer in hidden for p in (layer.weight, layer.bias)])
    start = BATCH * PAIRS + HELD_OUT * number
    with torch.no_grad():  # centres stay those of the update's batch, as they do in training
        held_out, _ = data.train_part(start, start + HELD_OUT)
        flow, _ = flow_of(probed.probing(), held_out)
    shares, sizes, correlations = [], [], []
    for layer, seen in enumerate(flow.seen[:-1]):
        change = -torch.baddbmm(gradients[2 * layer + 1][:, None], seen, gradients[2 * layer])
        shift, energy = change.mean(1), change.square().mean(1)
        shares.append(mean_of(shift.square() / energy, energy > 0))
        sizes.append(shift.abs().mean(1))
        correlations.append(_correlation(flow.seen[layer + 1]))
    return torch.stack(shares, 1), torch.stack(sizes, 1), torch.stack(correlations, 1)


def _correlation(outputs: Tensor) -> Tensor:
    """The mean size of the correlation of two units of a layer, (runs, batch, units) to (runs,)."""
    about = outputs - outputs.mean(1, keepdim=True)
    size = about.norm(dim=1)
    varies = size > 1e-6
    rows = about / size.where(varies, 1.0)[:, None] * varies[:, None]
    sizes = torch.bmm(rows.mT, rows).abs()
    count = varies.sum(1)
    return (sizes.sum((1, 2)) - sizes.diagonal(dim1=1, dim2=2).sum(1)) / (count * (count - 1)).clamp(min=1)


def mean_of(values: Tensor, chosen: Tensor) -> Tensor:
    """The mean over the chosen values of each run, (runs, count) to (runs,); none of a run that has none chosen."""
    return values.where(chosen, 0.0).sum(1) / chosen.sum(1)

"""Natural gradient: the angle between it and the plain gradient, by the exact Fisher matrix of a small net."""

from __future__ import annotations

import math
from typing import Any

import torch

from harness.paper.data import Data
from harness.paper.fisher import degrees, fisher, gradient, jacobian, natural, unit_groups, unitwise
from harness.paper.nets import Net, stacked

IMAGES = 256  # over which the Fisher matrix and the gradient are means


def angles(net: Net, data: Data) -> list[dict[str, Any]]:
    """For every run, in degrees: to the natural gradient, and to the unit natural gradient of the paper's section 2.

    The net is in evaluation mode: with batch normalisation the statistics are constants, without which one
    image's output would depend on the others and there would be no Fisher matrix. Both angles are those in the
    parameters that the net is trained in, as it is those that a plain step is taken in.
    """
    images, labels = data.train_images[:IMAGES], data.train_labels[:IMAGES]
    groups = unit_groups(net)
    with torch.no_grad():
        logits = net(stacked(images, net.runs)).view(len(images), net.runs, -1)
    found = []
    for run in range(net.runs):
        slope = gradient(net, run, images, labels)
        if not torch.isfinite(slope).all() or not slope.any():
            found.append({"natural": math.nan, "unit_natural": math.nan})  # diverged, or dead: there is no direction
            continue
        matrix = fisher(jacobian(net, run, images), logits[:, run])
        found.append(
            {
                "natural": degrees(slope, natural(matrix, slope)),
                "unit_natural": degrees(slope, natural(unitwise(matrix, groups), slope)),
            }
        )
    return found

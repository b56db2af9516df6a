"""Natural gradient: the angle between it and the plain gradient, by the exact Fisher matrix of a small net.

A supplement: the angle depends on the damping without which the matrix has no inverse, so it is given for several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from harness.paper.data import Data
from harness.paper.fisher import degrees, fisher, gradient, jacobian, natural, natural_by_unit, unit_groups
from harness.paper.nets import Net

IMAGES = 128  # over which the Fisher matrix and the gradient are means


def angles(net: Net, data: Data, dampings: Sequence[float]) -> list[dict[str, Any]]:
    """For every run, by damping, in degrees: to the natural gradient, and to the paper's unit natural gradient.

    The net is in evaluation mode: with batch normalisation the statistics are constants, without which one
    image's output would depend on the others and there would be no Fisher matrix. Both angles are those in the
    parameters that the net is trained in, as it is those that a plain step is taken in.
    """
    every_image, every_label = data.train_part(0, IMAGES)
    groups = unit_groups(net)
    with torch.no_grad():
        logits = net(every_image).view(IMAGES, net.runs, -1)
    found = []
    for run in range(net.runs):
        images, labels = every_image.view(IMAGES, net.runs, -1)[:, run], every_label[:, run]
        slope = gradient(net, run, images, labels)
        if not torch.isfinite(slope).all() or not slope.any():
            none = [math.nan] * len(dampings)  # diverged, or dead: there is no direction
            found.append({"natural": none, "unit_natural": none})
            continue
        matrix = fisher(jacobian(net, run, images), logits[:, run])
        found.append(
            {
                "natural": [degrees(slope, natural(matrix, slope, each)) for each in dampings],
                "unit_natural": [degrees(slope, natural_by_unit(matrix, groups, slope, each)) for each in dampings],
            }
        )
    return found

"""Mean shift: how far from zero the units' mean activations are.

The paper's own measure: the median over all hidden units of their mean activation on a part of the training
images (section 4.1, figure 2a).
"""

from __future__ import annotations

from typing import Any

import torch

from harness.paper.data import Data
from harness.paper.nets import Net, Trace

IMAGES = 512  # of each run's training images, always the same


@torch.no_grad()
def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """What every run of `net` shows now, on the statistics that it trains with; the net stays as it is.

    median_mean: the median over all hidden units of their mean activation.
    abs_mean, variance: by layer, the mean over units of the size of a unit's mean, and of its variance.
    """
    trace: Trace = []
    net.take(range(net.runs)).train()(data.train_part(0, IMAGES)[0], trace)
    outputs = [after.view(len(after), net.runs, -1) for _, after in trace]
    means = [each.mean(0) for each in outputs]  # (runs, units) for every hidden layer
    columns = {
        "median_mean": torch.cat(means, 1).median(1).values,
        "abs_mean": torch.stack([mean.abs().mean(1) for mean in means], 1),
        "variance": torch.stack([each.var(0, correction=0).mean(1) for each in outputs], 1),
    }
    return by_run(columns, net.runs)


def by_run(columns: dict[str, torch.Tensor], runs: int) -> list[dict[str, Any]]:
    """Tensors that have the runs first, as plain data run by run."""
    return [{name: column[run].tolist() for name, column in columns.items()} for run in range(runs)]

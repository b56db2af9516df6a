"""Saturation: how much of a perturbation of deactivated units is passed on.

A unit is deactivated where its input z is negative. The perturbation takes it further down, so that it stays
deactivated: what is asked is whether the net can tell one degree of absence from another (the paper's section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.paper.data import Data
from harness.paper.mean_shift import IMAGES
from harness.paper.nets import FullyConnected, Trace, stacked

SIZE = 0.5  # of the perturbation: |normal| noise, times this, times the standard deviation of the layer's z
GROUPS = 10  # deactivated inputs in groups of equal number, the most negative first
_SEED = 7


def probe(net: FullyConnected, data: Data) -> list[dict[str, Any]]:
    """What every run passes on. The net is in evaluation mode and stays as it is.

    passed: over all deactivated units of all layers, the mean change of the output over that of the input.
    by_depth: the same by tenths of the deactivated inputs, the most negative first.
    inactive: the share of (unit, image) pairs that are deactivated.
    through_net: the deactivated units of the first layer are perturbed; the change of the last hidden layer over
        its spread, over the change of the first layer's input over its spread.
    """
    images = stacked(data.train_images[:IMAGES], net.runs)
    trace: Trace = []
    with torch.no_grad():
        net(images, trace)
        through = _through_net(net, images, trace)
    results = []
    for run in range(net.runs):
        inputs, passed = _passed(net, trace, run)
        order = inputs.argsort()
        inactive = len(inputs) / sum(before.numel() // net.runs for before, _ in trace)
        results.append(
            {
                "passed": float(passed.mean()),
                "by_depth": [float(passed[group].mean()) for group in order.tensor_split(GROUPS)],
                "inactive": inactive,
                "through_net": float(through[run]),
            }
        )
    return results


@torch.no_grad()
def _passed(net: FullyConnected, trace: Trace, run: int) -> tuple[Tensor, Tensor]:
    """The deactivated inputs of all layers of a run, and what share of its perturbation each passes on.

    Inputs are in units of their layer's standard deviation, so that layers can be put together.
    """
    alone = net.take([run])
    assert isinstance(alone, FullyConnected)
    inputs, shares = [], []
    for layer, (before, _) in enumerate(trace):
        z = before.view(len(before), net.runs, -1)[:, run]
        noise = SIZE * z.std() * _noise(z)
        change = alone.activations[layer](z) - alone.activations[layer](z - noise)
        below = z < 0
        inputs.append(z[below] / z.std())
        shares.append((change[below].double() / noise[below].double()).abs())
    return torch.cat(inputs), torch.cat(shares)


def _through_net(net: FullyConnected, images: Tensor, trace: Trace) -> Tensor:
    first, last = trace[0][0], trace[-1][1]
    spread = first.view(len(first), net.runs, -1).std((0, 2)).repeat_interleave(first.shape[1] // net.runs)
    noise = torch.where(
        first < 0, SIZE * spread * _noise(first[:, : first.shape[1] // net.runs]).repeat(1, net.runs), 0
    )

    def disturb(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0] - noise

    hook = net.activations[0].register_forward_pre_hook(disturb)
    try:
        disturbed: Trace = []
        net(images, disturbed)
    finally:
        hook.remove()
    return (_size(disturbed[-1][1] - last, net.runs) / _spread(last, net.runs)) / (
        _size(noise, net.runs) / _spread(first, net.runs)
    )


def _noise(like: Tensor) -> Tensor:
    """|normal|, the same for every net and run of that shape; never 0, as a share of it is taken."""
    drawn = torch.randn(like.shape, generator=torch.Generator().manual_seed(_SEED))
    return drawn.abs().clamp(min=0.05).to(like.device)


def _size(x: Tensor, runs: int) -> Tensor:
    return x.view(len(x), runs, -1).square().mean((0, 2)).sqrt()


def _spread(x: Tensor, runs: int) -> Tensor:
    """The root mean square about each unit's mean, (runs,)."""
    return _size(x - x.mean(0), runs)

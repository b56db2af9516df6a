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
from harness.paper.nets import FullyConnected, Trace
from harness.paper.noise import rms
from harness.paper.plan import DOSES
from harness.paper.whitened import Whitened

SIZE = 0.5  # of the perturbation: |normal| noise, times this, times the standard deviation of the layer's z
GROUPS = 10  # deactivated inputs in groups of equal number, the most negative first
IMAGES = 128  # of each run's training images
_SEED = 7


@torch.no_grad()
def probe(net: FullyConnected | Whitened, data: Data) -> list[dict[str, Any]]:
    """What every run passes on. The net is in evaluation mode and stays as it is.

    passed: over all deactivated units of all layers, the mean change of the output over that of the input.
    by_depth: the same by tenths of the deactivated inputs, the most negative first.
    inactive: the share of (unit, image) pairs that are deactivated.
    through_net: by dose (DOSES), the deactivated units of the first layer are perturbed; the change of the last hidden
        layer over its spread, over the change of the first layer's input over its spread.
    """
    images, _ = data.train_part(0, IMAGES)
    trace: Trace = []
    net(images, trace)
    through = torch.stack([_through_net(net, images, trace, dose) for dose in DOSES], 1)
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
                "through_net": through[run].tolist(),
            }
        )
    return results


def _passed(net: FullyConnected | Whitened, trace: Trace, run: int) -> tuple[Tensor, Tensor]:
    """The deactivated inputs of all layers of a run, and what share of its perturbation each passes on.

    Inputs are in units of their layer's standard deviation, so that layers can be put together.
    """
    inputs, shares = [], []
    for activation, (before, _) in zip(net.activations, trace, strict=True):
        z = before.view(len(before), net.runs, -1)[:, run]
        noise = SIZE * z.std() * _noise(z)
        change = activation(z) - activation(z - noise)
        below = z < 0
        inputs.append(z[below] / z.std())
        shares.append((change[below].double() / noise[below].double()).abs())
    return torch.cat(inputs), torch.cat(shares)


def _through_net(net: FullyConnected | Whitened, images: Tensor, trace: Trace, dose: float) -> Tensor:
    first, last = trace[0][0], trace[-1][1]
    units = first.shape[1] // net.runs
    spread = first.view(len(first), net.runs, -1).std((0, 2)).repeat_interleave(units)
    noise = torch.where(first < 0, dose * spread * _noise(first[:, :units]).repeat(1, net.runs), 0)

    def disturb(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0] - noise

    hook = net.activations[0].register_forward_pre_hook(disturb)
    try:
        disturbed: Trace = []
        net(images, disturbed)
    finally:
        hook.remove()
    change = rms(disturbed[-1][1] - last, net.runs) / _spread(last, net.runs)
    return change / (rms(noise, net.runs) / _spread(first, net.runs))


def _noise(like: Tensor) -> Tensor:
    """|normal|, the same for every net and run of that shape; never 0, as a share of it is taken."""
    drawn = torch.randn(like.shape, generator=torch.Generator().manual_seed(_SEED))
    return drawn.abs().clamp(min=0.05).to(like.device)


def _spread(x: Tensor, runs: int) -> Tensor:
    """The root mean square about each unit's mean, (runs,)."""
    return rms(x - x.mean(0), runs)

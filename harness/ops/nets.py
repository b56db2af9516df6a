"""The small whole models that are timed as the last rows of workloads, in torch.nn: see harness.ops.models."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """SEANet's block: ELU, convolution to half of the channels, ELU, convolution back, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = nn.Conv1d(channels, channels // 2, 3, padding=1)
        self.block = nn.Sequential(nn.ELU(), narrow, nn.ELU(), nn.Conv1d(channels // 2, channels, 1))
        self.shortcut = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shortcut(x) + self.block(x)
        return out


def seanet(filters: int, ratios: tuple[int, ...]) -> nn.Module:
    """An encoder and a decoder of audio, (batch, 1, samples); without an LSTM and without weight norm."""
    layers: list[nn.Module] = [nn.Conv1d(1, filters, 7, padding=3)]
    channels = filters
    for ratio in reversed(ratios):
        wider = nn.Conv1d(channels, 2 * channels, 2 * ratio, stride=ratio, padding=ratio // 2)
        layers += [Residual(channels), nn.ELU(), wider]
        channels *= 2
    layers += [nn.ELU(), nn.Conv1d(channels, channels, 7, padding=3)]
    for ratio in ratios:
        narrower = nn.ConvTranspose1d(channels, channels // 2, 2 * ratio, stride=ratio, padding=ratio // 2)
        layers += [nn.ELU(), narrower, Residual(channels // 2)]
        channels //= 2
    return nn.Sequential(*layers, nn.ELU(), nn.Conv1d(channels, 1, 7, padding=3))


class Attention(nn.Module):
    """A layer of graph attention: each node looks at its neighbours, which are the same ones along a ring for all."""

    def __init__(self, features: int, heads: int, per_head: int, neighbours: int, activation: nn.Module) -> None:
        super().__init__()
        self.heads, self.reach = heads, neighbours // 2
        self.project = nn.Linear(features, heads * per_head, bias=False)
        self.own, self.other = (nn.Parameter(torch.empty(heads, per_head)) for _ in range(2))
        self.bias = nn.Parameter(torch.empty(heads * per_head))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        projected = self.project(x).unflatten(-1, (self.heads, -1))
        around = torch.stack([projected.roll(shift, 0) for shift in range(-self.reach, self.reach + 1)])
        scores = (projected * self.own).sum(-1) + (around * self.other).sum(-1)
        weights = nn.functional.leaky_relu(scores, 0.2).softmax(0)
        out: Tensor = self.activation((weights[..., None] * around).sum(0).flatten(1) + self.bias)
        return out


def gat(features: int, heads: int, per_head: int, classes: int, neighbours: int) -> nn.Module:
    """Two layers of graph attention, an ELU after the first."""
    first = Attention(features, heads, per_head, neighbours, nn.ELU())
    return nn.Sequential(first, Attention(heads * per_head, 1, classes, neighbours, nn.Identity()))


def policy(observations: int, hidden: tuple[int, ...], actions: int) -> nn.Module:
    """An actor: Linear and ELU in turns."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(observations, width), nn.ELU()]
        observations = width
    return nn.Sequential(*layers, nn.Linear(observations, actions))


def filled(model: nn.Module) -> nn.Module:
    """The model with parameters that are the same in every process, and no bias of 0, which nobody would miss."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            inputs = parameter[0].numel() if parameter.dim() > 1 else 16
            parameter.normal_(generator=generator).mul_(inputs**-0.5)
    return model

"""A net that learns on whitened inputs of every layer: PRONG (Desjardins et al., "Natural Neural Networks", 2015).

A layer computes V U (h - c) + d, where c is the mean of its input h and U whitens it. V and d are learned; U and
c are not: now and then they are estimated anew from data, and V and d are changed so that the layer computes
what it did. With such inputs the Fisher matrix of a layer's weights loses its dependence on h, and a plain
gradient step in (V, d) is nearer to a natural one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from harness.paper import activations
from harness.paper.nets import Net, StackedLinear, Trace
from harness.paper.plan import Variant

# Added to the eigenvalues of a covariance, as a share of their mean. Pixels that are always 0 have none; and a
# small eigenvalue is a large step, so with little damping nets of few units diverge at the paper's rate.
DAMPING = 0.1


class WhitenedLinear(StackedLinear):
    """`runs` linear layers on whitened inputs; `weight` and `bias` are V and d."""

    centre: Tensor
    whitening: Tensor

    def __init__(self, runs: int, inputs: int, outputs: int) -> None:
        super().__init__(runs, inputs, outputs)
        self.register_buffer("centre", torch.zeros(runs, inputs))
        self.register_buffer("whitening", torch.eye(inputs).repeat(runs, 1, 1))

    def whiten(self, x: Tensor) -> Tensor:
        """U (x - c): (runs, batch, inputs) to the same."""
        return torch.bmm(x - self.centre[:, None], self.whitening)

    def seen(self, x: Tensor) -> Tensor:
        return self.whiten(super().seen(x))

    def recondition(self, x: Tensor, damping: float = DAMPING) -> None:
        """Whiten over x, (count, runs × inputs), and keep what the layer computes.

        U is E (L + damping · mean(L))^(-1/2) for the eigenvectors E and eigenvalues L of the covariance, for rows
        on its left. Any rotation of it whitens as well, and gradient steps do not depend on the rotation.
        """
        runs, inputs, _ = self.weight.shape
        rows = x.view(len(x), runs, inputs).transpose(0, 1)
        weight = torch.bmm(self.whitening, self.weight)  # of the plain layer: h W + b
        bias = self.bias - torch.bmm(self.centre[:, None], weight)[:, 0]
        centre = rows.mean(1)
        about = rows - centre[:, None]
        covariance = torch.bmm(about.mT, about) / len(x)
        is_finite = covariance.isfinite().all(2, True).all(1, True)  # a run that diverged has none to factor
        values, vectors = torch.linalg.eigh(covariance.where(is_finite, torch.eye(inputs, device=x.device)))
        values = values.clamp(min=0)
        scales = (values + damping * values.mean(1, keepdim=True)).clamp(min=1e-12).sqrt()
        self.centre.copy_(centre)
        self.whitening.copy_(vectors / scales[:, None])
        self.weight.copy_(torch.bmm(scales[:, :, None] * vectors.mT, weight))
        self.bias.copy_(bias + torch.bmm(centre[:, None], weight)[:, 0])


class Whitened(Net):
    """Fully connected, every layer on whitened inputs."""

    def __init__(self, runs: int, sizes: Sequence[int], variant: Variant, device: str) -> None:
        super().__init__()
        self.runs = runs
        self.linears = nn.ModuleList(WhitenedLinear(runs, *pair) for pair in itertools.pairwise(sizes))
        self.activations = nn.ModuleList(activations.make(variant.activation, device) for _ in sizes[1:-1])

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        for layer, activation in enumerate(self.activations):
            before = self.linears[layer](x)
            x = activation(before)
            if trace is not None:
                trace.append((before, self._passed_on(layer, x)))
        return self.linears[-1](x)

    def _passed_on(self, layer: int, x: Tensor) -> Tensor:
        """What the next layer learns on: the output of a layer, whitened."""
        return self.layers()[layer + 1].seen(x).transpose(0, 1).flatten(1)

    def layers(self) -> list[StackedLinear]:
        return list(cast(Iterable[StackedLinear], self.linears))

    @torch.no_grad()
    def refresh(self, images: Tensor) -> None:
        """Whiten the input of every layer over `images`, (count, runs × pixels); the net's function stays as it is."""
        x = images
        for linear, activation in zip(self.linears, (*self.activations, nn.Identity()), strict=True):
            cast(WhitenedLinear, linear).recondition(x)
            x = activation(linear(x))

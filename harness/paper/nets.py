"""Nets of several runs side by side: the same architecture, each run with its own weights, data order and rate.

Every tensor of a batch is (batch, runs × units) or (batch, runs × channels, height, width), and every parameter
and buffer has the runs first, so a run can be taken out, copied and stepped by its own learning rate. No sum
ever crosses from one run to another, so a run does what it would do alone, up to rounding.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.paper import activations
from harness.paper.data import CLASSES, PIXELS
from harness.paper.plan import Variant

# Filled by a net on request: the input and the output of every activation, first layer first.
Trace = list[tuple[Tensor, Tensor]]


class StackedLinear(nn.Module):
    """`runs` linear layers: (batch, runs × inputs) to (batch, runs × outputs)."""

    def __init__(self, runs: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(runs, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(runs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        runs, inputs, _ = self.weight.shape
        rows = x.view(len(x), runs, inputs).transpose(0, 1)
        return torch.baddbmm(self.bias[:, None], rows, self.weight).transpose(0, 1).flatten(1)


class Net(nn.Module):
    """What all nets here have: a number of runs, logits with a trace, and a way to take runs out."""

    runs: int

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        """Logits (batch, runs × classes) of x, (batch, runs × pixels); a trace is appended to, if given."""
        raise NotImplementedError

    def refresh(self, images: Tensor) -> None:
        """Do what is to be done now and then from data, (count, pixels); most nets do nothing."""

    def take(self, chosen: Sequence[int]) -> Net:
        """A net of its own with the runs `chosen`, in that order; a run may be taken more than once."""
        made = copy.deepcopy(self)
        made.runs = len(chosen)
        for module in made.modules():
            for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                if tensor.dim() == 0:
                    continue  # batch normalisation's count of batches belongs to all
                shape = (tensor.shape[0] // self.runs * len(chosen), *tensor.shape[1:])
                taken = tensor.detach().view(self.runs, -1)[list(chosen)].reshape(shape)
                setattr(module, name, nn.Parameter(taken) if isinstance(tensor, nn.Parameter) else taken)
            if isinstance(module, nn.Conv2d):
                module.groups = len(chosen)
        return made


class FullyConnected(Net):
    """Hidden layers of `width` units, each with the activation, and a linear layer to the classes."""

    def __init__(self, runs: int, sizes: Sequence[int], variant: Variant, device: str) -> None:
        super().__init__()
        self.runs = runs
        *hidden, last = [StackedLinear(runs, *pair) for pair in itertools.pairwise(sizes)]
        self.linears, self.head = nn.ModuleList(hidden), last
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(runs * size) if variant.form == "bn" else nn.Identity() for size in sizes[1:-1]
        )
        self.activations = nn.ModuleList(activations.make(variant.activation, runs, device) for _ in hidden)

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        for linear, norm, activation in zip(self.linears, self.norms, self.activations, strict=True):
            before = norm(linear(x))
            x = activation(before)
            if trace is not None:
                trace.append((before, x))
        return self.head(x)


class Convolutional(Net):
    """Convolutions of 3×3 in stacks with a pooling between them, and a linear layer to the classes."""

    def __init__(self, runs: int, stacks: Sequence[Sequence[int]], variant: Variant, device: str) -> None:
        super().__init__()
        self.runs = runs
        layers: list[nn.Module] = []
        inputs, side = 1, PIXELS
        for number, stack in enumerate(stacks):
            if number:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            for outputs in stack:
                layers.append(nn.Conv2d(runs * inputs, runs * outputs, 3, padding=1, groups=runs))
                if variant.form == "bn":
                    layers.append(nn.BatchNorm2d(runs * outputs))
                layers.append(activations.make(variant.activation, runs, device))
                inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.head = StackedLinear(runs, inputs * side * side, CLASSES)

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        return self.head(self.layers(x.view(len(x), self.runs, PIXELS, PIXELS)).flatten(1))


def initialise(net: Net, seeds: Sequence[int]) -> None:
    """Draw every run's weights from its own seed: normal, with variance 2 / fan-in (He et al. 2015); biases 0.

    Equal seeds get equal weights, whatever the activation: what differs between two nets is not their draw.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def drawn(shape: Sequence[int], fan_in: int) -> Tensor:
        draws = [torch.randn(*shape, generator=generator) for generator in generators]
        return torch.stack(draws) * math.sqrt(2 / fan_in)

    with torch.no_grad():
        for layer in net.modules():
            _initialise_layer(layer, net.runs, drawn)


def _initialise_layer(layer: Any, runs: int, drawn: Callable[[Sequence[int], int], Tensor]) -> None:
    if isinstance(layer, StackedLinear):
        layer.weight.copy_(drawn(layer.weight.shape[1:], layer.weight.shape[1]))
        layer.bias.zero_()
    elif isinstance(layer, nn.Conv2d):
        shape = (layer.weight.shape[0] // runs, *layer.weight.shape[1:])
        layer.weight.copy_(drawn(shape, math.prod(shape[1:])).flatten(0, 1))
        assert layer.bias is not None
        layer.bias.zero_()


def stacked(images: Tensor, runs: int) -> Tensor:
    """The same images for every run: (count, pixels) to (count, runs × pixels)."""
    return images.repeat(1, runs)

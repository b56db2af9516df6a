"""Nets of several runs side by side: the same architecture, each run with its own weights, data order and rate.

Every tensor of a batch is (batch, runs × units) or (batch, runs × channels, …), and every parameter
and buffer has the runs first, so a run can be taken out, copied and stepped by its own learning rate. No sum
ever crosses from one run to another, so a run does what it would do alone, up to rounding.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from harness.paper import activations
from harness.paper.data import CLASSES
from harness.paper.plan import Variant

# Filled by a net on request: the input and the output of every activation, first layer first.
Trace = list[tuple[Tensor, Tensor]]


class StackedLinear(nn.Module):
    """`runs` linear layers: (batch, runs × inputs) to (batch, runs × outputs)."""

    def __init__(self, runs: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(runs, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(runs, outputs))

    def seen(self, x: Tensor) -> Tensor:
        """What the weights are multiplied by, (runs, batch, inputs)."""
        return x.view(len(x), len(self.weight), -1).transpose(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, None], self.seen(x), self.weight).transpose(0, 1).flatten(1)


class Net(nn.Module):
    """What all nets here have: a number of runs, logits with a trace, and a way to take runs out."""

    runs: int
    reconstructs = False  # whether its outputs are meant to be the images, and not logits

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        """Logits (batch, runs × classes) of x, (batch, runs × pixels); a trace is appended to, if given."""
        raise NotImplementedError

    def layers(self) -> list[StackedLinear]:
        """The linear layers of a fully connected net, first to last; a net of another kind has none to look at."""
        return []

    def refresh(self, images: Tensor) -> None:
        """Do what is to be done now and then from data, (count, runs × pixels); most nets do nothing."""

    def probing(self) -> Net:
        """A copy in evaluation mode, but with batch normalisation by the batch, as in training."""
        made = self.take(range(self.runs)).eval()
        for module in made.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.train()
        return made

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
            if isinstance(module, (nn.Conv1d, nn.Conv2d)):
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
        self.activations = nn.ModuleList(activations.make(variant.activation, device) for _ in hidden)

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        for linear, norm, activation in zip(self.linears, self.norms, self.activations, strict=True):
            before = norm(linear(x))
            x = activation(before)
            if trace is not None:
                trace.append((before, x))
        return self.head(x)

    def layers(self) -> list[StackedLinear]:
        return [*cast(Iterable[StackedLinear], self.linears), self.head]


class Autoencoder(FullyConnected):
    """Fully connected from the images to themselves."""

    reconstructs = True


class Convolutional(Net):
    """Convolutions over 3 neighbours a side in stacks with a pooling between them, and a linear layer to the classes.

    `shape` is that of an image: (height, width), or (length,) of a signal.
    """

    def __init__(
        self, runs: int, stacks: Sequence[Sequence[int]], variant: Variant, device: str, shape: Sequence[int]
    ) -> None:
        super().__init__()
        self.runs, self.shape = runs, tuple(shape)
        kinds: tuple[Any, Any, Any] = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d)
        if len(shape) == 2:
            kinds = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)
        convolution, norm, pooling = kinds
        body: list[nn.Module] = []
        inputs, sides = 1, list(shape)
        for number, stack in enumerate(stacks):
            if number:
                body.append(pooling(2))
                sides = [side // 2 for side in sides]
            for outputs in stack:
                body.append(convolution(runs * inputs, runs * outputs, 3, padding=1, groups=runs))
                body.append(norm(runs * outputs) if variant.form == "bn" else nn.Identity())
                body.append(activations.make(variant.activation, device))
                inputs = outputs
        self.body = nn.Sequential(*body)
        self.head = StackedLinear(runs, inputs * math.prod(sides), CLASSES)

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        return self.head(self.body(x.view(len(x), self.runs, *self.shape)).flatten(1))


def initialise(net: Net, seeds: Sequence[int], gain: float = 2.0) -> None:
    """Draw every run's weights from its own seed: normal, with variance gain / fan-in; biases 0.

    A gain of 2 is He's (He et al. 2015), of 1 LeCun's. Equal seeds get equal weights, whatever the activation: what
    differs between two nets is not their draw.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def drawn(shape: Sequence[int], fan_in: int) -> Tensor:
        draws = [torch.randn(*shape, generator=generator) for generator in generators]
        return torch.stack(draws) * math.sqrt(gain / fan_in)

    with torch.no_grad():
        for layer in net.modules():
            _initialise_layer(layer, net.runs, drawn)


def _initialise_layer(layer: Any, runs: int, drawn: Callable[[Sequence[int], int], Tensor]) -> None:
    if isinstance(layer, StackedLinear):
        layer.weight.copy_(drawn(layer.weight.shape[1:], layer.weight.shape[1]))
        layer.bias.zero_()
    elif isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        shape = (layer.weight.shape[0] // runs, *layer.weight.shape[1:])
        layer.weight.copy_(drawn(shape, math.prod(shape[1:])).flatten(0, 1))
        assert layer.bias is not None
        layer.bias.zero_()

"""A net whose units have zero mean and zero mean slope, after Raiko, Valpola and LeCun (AISTATS 2012).

A unit gives f(z) + a z + b, with a and b such that its output and its slope are 0 on average over the data. What
a and b take away from the net is given back by shortcuts: every layer sees all layers before it, and whenever a
and b change, the shortcuts change so that the net's function stays what it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from harness.paper import activations
from harness.paper.nets import Net, StackedLinear, Trace, stacked
from harness.paper.plan import Variant


class Centred(Net):
    """Fully connected, with shortcuts from every layer to every later one; they start at 0."""

    def __init__(self, runs: int, sizes: Sequence[int], variant: Variant, device: str) -> None:
        super().__init__()
        self.runs = runs
        self.sizes = tuple(sizes)
        self.activations = nn.ModuleList(activations.make(variant.activation, runs, device) for _ in sizes[1:-1])
        # Layer n is linear in the outputs of layers 0 (the images) to n - 1; its own weights are the last.
        self.linears = nn.ModuleList(
            StackedLinear(runs, inputs, outputs) for inputs, outputs in itertools.pairwise(sizes)
        )
        self.shortcuts = nn.ModuleList(
            nn.ParameterList(torch.zeros(runs, sizes[source], sizes[layer + 1]) for source in range(layer))
            for layer in range(len(sizes) - 1)
        )
        for layer, size in enumerate(sizes[1:-1]):
            self.register_buffer(f"slope{layer}", torch.zeros(runs, size))
            self.register_buffer(f"offset{layer}", torch.zeros(runs, size))

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        outputs = [_unflat(x, self.runs)]
        last = len(self.sizes) - 2
        for layer in range(last):
            before = _flat(self._linear(layer, outputs))
            outputs.append(self._unit(layer, _unflat(before, self.runs)))
            if trace is not None:
                trace.append((before, _flat(outputs[-1])))
        return _flat(self._linear(last, outputs))

    def _linear(self, layer: int, outputs: list[Tensor]) -> Tensor:
        """The sums of a layer, (runs, batch, units), of all outputs before it."""
        z = torch.baddbmm(self._layer(layer).bias[:, None], outputs[layer], self._weight(layer, layer))
        for source in range(layer):
            z = torch.baddbmm(z, outputs[source], self._weight(layer, source))
        return z

    def _unit(self, layer: int, z: Tensor) -> Tensor:
        slope, offset = getattr(self, f"slope{layer}"), getattr(self, f"offset{layer}")
        return self._activate(layer, z) + slope[:, None] * z + offset[:, None]

    def _activate(self, layer: int, z: Tensor) -> Tensor:
        return _unflat(self.activations[layer](_flat(z)), self.runs)

    def refresh(self, images: Tensor) -> None:
        """Centre every unit over `images`, (count, pixels), and keep the function of the net by its shortcuts."""
        trace: Trace = []
        with torch.no_grad():
            self(stacked(images, self.runs), trace)
        for layer, (z, _) in enumerate(trace):
            z = _unflat(z, self.runs).detach().requires_grad_()
            with torch.enable_grad():
                activated = self._activate(layer, z)
                (derivative,) = torch.autograd.grad(activated.sum(), z)
            with torch.no_grad():
                slope = -derivative.mean(1)
                offset = -(activated + slope[:, None] * z).mean(1)
                self._transform(layer, slope, offset)

    def _transform(self, layer: int, slope: Tensor, offset: Tensor) -> None:
        """Set a layer's slope and offset; every later layer gives back what they change.

        The output of the layer changes by da z + db, where z is linear in what comes before the layer. So a
        later layer that weighs the output by W loses W (da z + db) to its shortcuts past the layer and its bias.
        """
        old_slope, old_offset = getattr(self, f"slope{layer}"), getattr(self, f"offset{layer}")
        more_slope, more_offset = slope - old_slope, offset - old_offset
        own = self._layer(layer)
        for later in range(layer + 1, len(self.sizes) - 1):
            weight = self._weight(later, layer + 1)
            steered = more_slope[:, :, None] * weight
            for source in range(layer + 1):
                self._weight(later, source).sub_(torch.bmm(self._weight(layer, source), steered))
            bias = (own.bias * more_slope + more_offset)[:, None]
            self._layer(later).bias.sub_(torch.bmm(bias, weight)[:, 0])
        old_slope.copy_(slope)
        old_offset.copy_(offset)

    def _weight(self, layer: int, source: int) -> Tensor:
        """The weights by which a layer sees the output of `source`: 0 for the images, n + 1 for layer n."""
        if source == layer:
            return self._layer(layer).weight
        return cast(nn.ParameterList, self.shortcuts[layer])[source]

    def _layer(self, layer: int) -> StackedLinear:
        return cast(StackedLinear, self.linears[layer])


def _flat(z: Tensor) -> Tensor:
    return z.transpose(0, 1).flatten(1)


def _unflat(z: Tensor, runs: int) -> Tensor:
    return z.view(len(z), runs, -1).transpose(0, 1)

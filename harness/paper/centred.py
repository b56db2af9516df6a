"""A net whose hidden units are centred: the mean over the batch is taken from every unit.

This alone is what the paper says that ELUs are good for, without what batch normalisation does to variances. A unit
gives f(z) - c to the next layer. In training c becomes the unit's mean over every batch, and the bias of the next
layer takes up the change, so the function of the net is what it was at the moment it is applied: what changes is the
gradient. No gradient passes through c.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.paper.nets import FullyConnected, Trace
from harness.paper.plan import Variant


class Centred(FullyConnected):
    """Fully connected; the centres of layer n are the buffer `centre{n}`, (runs, units)."""

    def __init__(self, runs: int, sizes: Sequence[int], variant: Variant, device: str) -> None:
        super().__init__(runs, sizes, variant, device)
        for layer, size in enumerate(sizes[1:-1]):
            self.register_buffer(f"centre{layer}", torch.zeros(runs, size))

    def forward(self, x: Tensor, trace: Trace | None = None) -> Tensor:
        for layer, (linear, activation) in enumerate(zip(self.linears, self.activations, strict=True)):
            before = linear(x)
            after = activation(before)
            if self.training:
                self._centre(layer, after.detach())
            x = after - self.get_buffer(f"centre{layer}").flatten()
            if trace is not None:
                trace.append((before, x))
        return self.head(x)

    @torch.no_grad()
    def _centre(self, layer: int, outputs: Tensor) -> None:
        """Make the means of `outputs`, (batch, runs × units), the centres; the next bias gives back the change."""
        centre, following = self.get_buffer(f"centre{layer}"), self.layers()[layer + 1]
        mean = outputs.mean(0).view(self.runs, -1)
        following.bias.add_(torch.bmm((mean - centre)[:, None], following.weight)[:, 0])
        centre.copy_(mean)

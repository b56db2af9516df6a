"""What goes into and comes out of the linear layers of a net, and the error signals there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness.paper.nets import Net, StackedLinear
from harness.paper.training import objective


@dataclass
class LayerFlow:
    """By linear layer, first to last: what its weights are multiplied by, (runs, batch, inputs), and its output."""

    seen: list[Tensor] = field(default_factory=list)
    sums: list[Tensor] = field(default_factory=list)  # (batch, runs × outputs)


def flow_of(net: Net, images: Tensor) -> tuple[LayerFlow, Tensor]:
    """The flow of images, (batch, runs × pixels), through the net, and the net's outputs."""
    flow = LayerFlow()
    with _hooked(net.layers(), flow):
        outputs = net(images)
    return flow, outputs


def error_signals(net: Net, images: Tensor, labels: Tensor) -> tuple[LayerFlow, list[Tensor]]:
    """The flow, and by layer the gradient of every image's own loss with respect to the layer's output.

    Signals are (runs, batch, outputs). With batch normalisation by the batch, images share in each other's loss.
    """
    flow, outputs = flow_of(net, images)
    loss = objective(net, outputs, images, labels).sum() * len(images)
    gradients = torch.autograd.grad(loss, flow.sums)
    return flow, [each.view(len(images), net.runs, -1).transpose(0, 1) for each in gradients]


@contextmanager
def _hooked(layers: Sequence[StackedLinear], flow: LayerFlow) -> Iterator[None]:
    def record(layer: Any, inputs: Any, output: Tensor) -> None:
        flow.seen.append(layer.seen(inputs[0]).detach())
        flow.sums.append(output)

    hooks: list[Any] = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

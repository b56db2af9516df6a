"""The time of a training step and of inference, net by net, also with batch normalisation folded into the weights.

All variants of a net are timed in turns, in one process with one thread, while no net is trained beside it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from harness.device.devices import Device
from harness.paper.data import Data, load
from harness.paper.nets import Convolutional, FullyConnected, Net
from harness.paper.plan import BATCH, PAPER_RATE, Plan, Unit
from harness.paper.rows import ClaimRow, make_row
from harness.paper.training import build, step

RUNS = 12  # nets side by side, as many as are trained so
_ROUNDS = {"full": 15, "quick": 6}
_CALLS = 3  # of which one time is the mean


def rows(units: list[Unit], plan: Plan, device: Device) -> list[ClaimRow]:
    """A row for every unit, with a time in seconds for each round.

    step_s: forward, backward and update, for a batch of every net. forward_s: inference on the same.
    folded_s: the same with batch normalisation folded, where there is any.
    """
    from harness.paper.run import prepare

    prepare()
    data = load(plan.dataset, [0] * RUNS, device.torch_device)
    found = {net: _timed([unit for unit in units if unit.net == net], plan, data, device) for net in ("deep", "conv")}
    return [row for each in found.values() for row in each]


def _timed(units: list[Unit], plan: Plan, data: Data, device: Device) -> list[ClaimRow]:
    calls = {unit: _calls(unit, data, device) for unit in units}
    times: dict[Unit, dict[str, list[float]]] = {unit: {name: [] for name in calls[unit]} for unit in units}
    order = [(unit, name) for unit in units for name in calls[unit]]
    shuffled = random.Random(0)
    for unit, name in order:
        calls[unit][name]()  # once before anything counts
    for _ in range(_ROUNDS[plan.name]):
        shuffled.shuffle(order)
        for unit, name in order:
            times[unit][name].append(_seconds(calls[unit][name], device))
    return [
        make_row(unit.stage, "step_time", unit.net, unit.variant.name, PAPER_RATE, 0, times[unit], device.name)
        for unit in units
    ]


def _seconds(call: Callable[[], Any], device: Device) -> float:
    is_gpu = device.kind == "cuda"
    if is_gpu:
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(_CALLS):
        call()
    if is_gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / _CALLS


def _calls(unit: Unit, data: Data, device: Device) -> dict[str, Callable[[], Any]]:
    images, labels = data.train_part(0, BATCH)
    trained = build(unit.net, unit.variant, range(RUNS), data, device.torch_device)
    trained.refresh(images)
    rates = torch.full((RUNS, 1), PAPER_RATE, device=images.device)
    used = trained.take(range(RUNS)).eval()

    def inference(net: Net) -> Callable[[], Any]:
        return torch.no_grad()(lambda: net(images))

    found: dict[str, Callable[[], Any]] = {
        "step_s": lambda: step(trained.train(), images, labels, rates),
        "forward_s": inference(used),
    }
    if unit.variant.form == "bn":
        assert isinstance(used, (FullyConnected, Convolutional))
        found["folded_s"] = inference(folded(used))
    return found


@torch.no_grad()
def folded(net: FullyConnected | Convolutional) -> Net:
    """The same function, in evaluation mode, without batch normalisation: it scales the weights before it."""
    made = net.take(range(net.runs)).eval()
    if isinstance(made, FullyConnected):
        for layer, (linear, norm) in enumerate(zip(made.linears, made.norms, strict=True)):
            _fold(linear, norm, made.runs)
            made.norms[layer] = nn.Identity()
    elif isinstance(made, Convolutional):
        for place, (before, after) in enumerate(pairwise(made.body)):
            if isinstance(after, (nn.BatchNorm1d, nn.BatchNorm2d)):
                _fold(before, after, made.runs)
                made.body[place + 1] = nn.Identity()
    return made


def _fold(layer: Any, norm: Any, runs: int) -> None:
    """Into a stacked linear layer, whose weights are (runs, inputs, outputs), or a convolution of all runs."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        layer.weight.mul_(scale.view(-1, *[1] * (layer.weight.dim() - 1)))
        assert layer.bias is not None
        layer.bias.copy_(layer.bias * scale + shift)
    else:
        layer.weight.mul_(scale.view(runs, 1, -1))
        layer.bias.copy_(layer.bias * scale.view(runs, -1) + shift.view(runs, -1))

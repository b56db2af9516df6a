"""Small whole models with ELUs: one pass forward, and one forward and backward. They have no kernel of their own.

What is timed is the model as it is, compiled, or with its ELUs put on this suite's kernels by `kernels.fuse`. The truth
is the same model in fp64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.ops.op import AtenCalls, Op, Unsupported
from harness.ops.reference import Expected, ulp_size

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.ops.cases import Case

Shape = tuple[int, ...]

# How far an element may be off, over the largest of its tensor. On a GPU PyTorch's convolutions round to TF32.
BOUND = {"cpu": 5e-5, "cuda": 4e-3}

FILTERS, RATIOS = 32, (4, 2)
HEADS, PER_HEAD, CLASSES, NEIGHBOURS = 8, 8, 7, 4
HIDDEN, ACTIONS = (512, 256, 128), 12


@dataclass(frozen=True)
class _Net:
    """A model: how it is made for an input, what shape its output has, and how many parameters it has."""

    name: str
    summary: str
    make: Callable[[Shape], nn.Module]
    output: Callable[[Shape], Shape]
    parameters: Callable[[Shape], int]


def _seanet(shape: Shape) -> nn.Module:
    from harness.ops import nets

    return nets.seanet(FILTERS, RATIOS)


def _seanet_parameters(shape: Shape) -> int:
    def residual(channels: int) -> int:
        half = channels // 2
        return _conv(channels, half, 3) + _conv(half, channels, 1) + _conv(channels, channels, 1)

    found, channels = _conv(1, FILTERS, 7) + _conv(FILTERS, 1, 7), FILTERS
    for ratio in reversed(RATIOS):
        both_ways = _conv(channels, 2 * channels, 2 * ratio) + _conv(2 * channels, channels, 2 * ratio)
        found += 2 * residual(channels) + both_ways
        channels *= 2
    return found + _conv(channels, channels, 7)


def _conv(inputs: int, outputs: int, taps: int) -> int:
    return inputs * outputs * taps + outputs


def _gat(shape: Shape) -> nn.Module:
    from harness.ops import nets

    return nets.gat(shape[-1], HEADS, PER_HEAD, CLASSES, NEIGHBOURS)


def _gat_parameters(shape: Shape) -> int:
    width = HEADS * PER_HEAD
    return (shape[-1] + 3) * width + (width + 3) * CLASSES


def _policy(shape: Shape) -> nn.Module:
    from harness.ops import nets

    return nets.policy(shape[-1], HIDDEN, ACTIONS)


def _policy_parameters(shape: Shape) -> int:
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise((shape[-1], *HIDDEN, ACTIONS)))


_NETS = (
    _Net(
        "model_encodec",
        f"a SEANet like EnCodec's, encoder and decoder: {FILTERS} filters, ratios {RATIOS}",
        _seanet,
        lambda shape: shape,
        _seanet_parameters,
    ),
    _Net(
        "model_gat",
        f"two layers of graph attention: {HEADS} heads of {PER_HEAD} features, {CLASSES} classes, a ring of nodes",
        _gat,
        lambda shape: (*shape[:-1], CLASSES),
        _gat_parameters,
    ),
    _Net(
        "model_ppo",
        f"an actor of PPO: {', '.join(map(str, HIDDEN))} units, {ACTIONS} actions",
        _policy,
        lambda shape: (*shape[:-1], ACTIONS),
        _policy_parameters,
    ),
)


def forward(model: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """The model's output."""
    import torch

    with torch.no_grad():
        return (model(x),)


def backward(model: nn.Module, grad: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    """The model's output, the gradient of its input, and those of its parameters in one vector."""
    out, gradients = _passed(model, grad, x)
    return out, gradients[0], _in_one(gradients[1:])


def _passed(model: nn.Module, grad: Tensor, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    import torch

    x = x.detach().requires_grad_()
    out = model(x)
    return out.detach(), torch.autograd.grad(out, [x, *model.parameters()], grad)


def _in_one(gradients: tuple[Tensor, ...]) -> Tensor:
    import torch

    return torch.cat([each.flatten() for each in gradients])


def _expected(net: _Net) -> Callable[..., tuple[Expected, ...]]:
    def expected(case: Case, x: Tensor) -> tuple[Expected, ...]:
        (out,) = forward(_wide(net, x), x.double())
        return (_near(out, x),)

    return expected


def _backward_expected(net: _Net) -> Callable[..., tuple[Expected, ...]]:
    def expected(case: Case, grad: Tensor, x: Tensor) -> tuple[Expected, ...]:
        out, gradients = _passed(_wide(net, x), grad.double(), x.double())
        return tuple(_near(each, x) for each in (out, gradients[0], _in_one(gradients[1:])))

    return expected


def _wide(net: _Net, x: Tensor) -> nn.Module:
    return built(net.make, tuple(x.shape)).double().to(x.device)


def _near(value: Tensor, x: Tensor) -> Expected:
    """The truth, and a bound relative to the largest value; errors are counted in ULP of that."""
    size = value.abs().max().expand(value.shape)
    return Expected(value, BOUND[x.device.type] * size / ulp_size(size, x.dtype), magnitude=size)


def built(make: Callable[[Shape], nn.Module], shape: Shape) -> nn.Module:
    """A model with its parameters, the same ones each time, on the CPU in float32."""
    from harness.ops.nets import filled

    return filled(make(shape))


def _calls(aten: Any, case: Case) -> AtenCalls:
    raise Unsupported("this is a whole model, which has no operator")


def _ops(net: _Net) -> tuple[Op, Op]:
    def shapes(shape: Shape) -> Mapping[str, Shape]:
        out = net.output(shape)
        return {"out": out, "grad_output": out, "grad_parameters": (net.parameters(shape),)}

    def module(case: Case) -> nn.Module:
        if case.dtype != "float32":
            raise Unsupported("whole models are timed in float32")
        return built(net.make, case.shape)

    once = Op(
        net.name, net.summary, {}, ("x",), ("out",), 0, _expected(net), _calls,
        mixes_elements=True, has_kernel=False, shapes=shapes, module=module, run=forward,
    )  # fmt: skip
    both = Op(
        f"{net.name}_backward", f"{net.name}, forward and backward", {}, ("grad_output", "x"),
        ("out", "grad_x", "grad_parameters"), 0, _backward_expected(net), _calls,
        mixes_elements=True, has_kernel=False, shapes=shapes, module=module, run=backward,
    )  # fmt: skip
    return once, both


OPS = tuple(op for net in _NETS for op in _ops(net))

"""Puts a model of torch.nn on this suite's kernels, and back: `fuse(model)`, `unfuse(model)`.

Modules stay the objects that they are: they get another class, as parametrizations give them one. So names, parameters,
hooks, the state dict and modules that are used in several places are not touched; nothing is kept to undo it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from . import private
from .ops.bias_elu import bias_elu
from .ops.elu import elu


def _convolved(module: Any, x: Tensor) -> Tensor:
    return module._conv_forward(x, module.weight, None)


def _spread(convolve: Callable[..., Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def spread(module: Any, x: Tensor) -> Tensor:
        options = (module.stride, module.padding, module.output_padding, module.groups, module.dilation)
        return convolve(x, module.weight, None, *options)

    return spread


@dataclass(frozen=True)
class _Producer:
    """A layer whose bias can be left to `bias_elu`: what it computes without, and along which dimension the bias is."""

    without_bias: Callable[[Any, Tensor], Tensor]
    dim: int  # from the end, since a convolution also takes an input without a batch


_CONVOLUTIONS = {
    nn.Conv1d: _Producer(_convolved, -2),
    nn.Conv2d: _Producer(_convolved, -3),
    nn.Conv3d: _Producer(_convolved, -4),
    nn.ConvTranspose1d: _Producer(_spread(functional.conv_transpose1d), -2),
    nn.ConvTranspose2d: _Producer(_spread(functional.conv_transpose2d), -3),
    nn.ConvTranspose3d: _Producer(_spread(functional.conv_transpose3d), -4),
}
_LINEAR = _Producer(lambda module, x: functional.linear(x, module.weight), -1)
_PRODUCERS: dict[type, _Producer] = {**_CONVOLUTIONS, nn.Linear: _LINEAR}
# They compute the layer's weight before each call, and do nothing else.
_WEIGHT_HOOKS = (WeightNorm, SpectralNorm)

_OF_LINEAR = "a GPU's matrix product adds Linear's bias itself; linear=True saves a pass over the bias's gradient"


def functional_elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """torch.nn.functional.elu, in its own signature, on this suite's kernel."""
    return elu(input, alpha, inplace=inplace)


class FusedELU(nn.ELU):
    """What `fuse` makes of an nn.ELU."""

    def forward(self, input: Tensor) -> Tensor:
        return elu(input, self.alpha, inplace=self.inplace)


class FusedSequential(nn.Sequential):
    """What `fuse` makes of an nn.Sequential: the bias of a convolution and the ELU after it are one kernel.

    Which can be is asked in every call, since hooks and modules may come and go; called on its own, every module still
    does all of its work.
    """

    linear = False

    def forward(self, input: Any) -> Any:
        is_done = False  # with the module before
        for module, after in pairwise((*self, None)):
            if is_done:
                is_done = False
            elif after is not None and _why_not(module, after, self.linear) is None:
                input, is_done = _fused(module, after, input), True
            else:
                input = module(input)
        return input


class FusedLinearSequential(FusedSequential):
    """`FusedSequential` for Linear layers too."""

    linear = True


_FUSED: dict[type, type] = {FusedELU: nn.ELU, FusedSequential: nn.Sequential, FusedLinearSequential: nn.Sequential}


@dataclass(frozen=True)
class Fusion:
    """What `fuse` did, by the names of modules.

    Args:
        replaced: by what each is replaced. A pair, "net.0 + net.1", is a layer and the ELU after it.
        left: why each could not be replaced.
    """

    replaced: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        made = [f"{name} -> {by}" for name, by in self.replaced.items()]
        left = [f"{name} is left: {why}" for name, why in self.left.items()]
        return "\n".join([*(made or ["nothing was replaced"]), *left])


def fuse(model: nn.Module, *, linear: bool = False) -> Fusion:
    """Put the ELUs of a model on this suite's kernels, in place; `unfuse(model)` puts them back.

    Replaced are nn.ELU wherever it is; a convolution's bias and the nn.ELU right after it in an nn.Sequential, by
    `bias_elu`; and torch.nn.functional.elu where a module holds it as an attribute, such as `activation`. Left as they
    are: layers that a hook looks at, ELUs that work in place after a layer (one kernel would need a tensor more), and
    calls in a module's own forward, which only its source can change.

    ELU alone has the same values to 2 ULP. A fused bias is added to the layer's rounded result and not within the
    layer, and in 16 bits the sum is not rounded before the ELU: outputs differ by a rounding of the layer's result.

    Args:
        linear: also fuse the bias of Linear layers. See docs/fuse.md: it pays, if at all, in training.

    Returns:
        what was replaced, and what was left, with the reason. A model without anything to replace is unchanged.
    """
    fusion = Fusion()
    sequentials = []
    for name, module in model.named_modules():
        if type(module) is nn.Sequential and "forward" not in vars(module):
            pairs = _pairs(name, module)
            fits = [_note(fusion, where, _why_not(layer, after, linear)) for where, layer, after in pairs]
            sequentials += [module] if any(fits) else []
        elif isinstance(module, nn.ELU) and _note(fusion, name or _ROOT, _why_not_elu(module)):
            module.__class__ = FusedELU
        elif not isinstance(module, nn.ELU):
            _replace_functions(fusion, name, module)
    for sequential in sequentials:
        sequential.__class__ = FusedLinearSequential if linear else FusedSequential
    return fusion


def unfuse(model: nn.Module) -> None:
    """Undo `fuse`, in a copy of a fused model too. What was not fused is not touched.

    Raises:
        RuntimeError: where something else has given a fused module another class since, which is to be undone first.
    """
    fused = [module for module in model.modules() if isinstance(module, tuple(_FUSED))]
    for module in fused:
        if type(module) not in _FUSED:
            raise RuntimeError(f"a module that was fused has since become a {type(module).__name__}; undo that first")
    for module in fused:
        module.__class__ = _FUSED[type(module)]
    for module in model.modules():
        _exchange(module, functional_elu, functional.elu)


_ROOT = "the model"


def _note(fusion: Fusion, where: str, why_not: str | None) -> bool:
    """Whether something is replaced, once that is noted, or why not."""
    if why_not is None:
        fusion.replaced[where] = "bias_elu" if " + " in where else "elu"
    else:
        fusion.left[where] = why_not
    return why_not is None


def _pairs(name: str, sequential: nn.Sequential) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Neighbours of which the second is an ELU, and the first a layer with a bias or something that has one inside."""
    children = [(f"{name}.{own}".lstrip("."), module) for own, module in sequential._modules.items()]
    for (first_name, first), (second_name, second) in pairwise(children):
        if isinstance(second, nn.ELU) and any(_has_bias(each) for each in first.modules()):
            yield f"{first_name} + {second_name}", first, second


def _has_bias(module: nn.Module) -> bool:
    return _producer(module) is not None and module.bias is not None


def _producer(module: nn.Module) -> _Producer | None:
    """What is known of a layer, weight norm and other parametrizations included, which make a class for each module."""
    known = _PRODUCERS.get(type(module))
    if known is None and parametrize.is_parametrized(module):
        return _PRODUCERS.get(type(module).__bases__[0])
    return known


def _why_not(layer: nn.Module, activation: nn.Module, linear: bool) -> str | None:
    """Why a layer's bias and the ELU after it cannot be one kernel, if that is so."""
    producer = _producer(layer)
    if type(activation) not in (nn.ELU, FusedELU):
        return "no ELU of torch.nn follows"
    if producer is None:
        return f"whether {type(layer).__name__} gives out what its last layer does is not known"
    if producer is _LINEAR and not linear:
        return _OF_LINEAR
    if layer.bias is None:
        return "it has no bias"
    if activation.inplace:
        return "the ELU works in place, and one kernel would need a tensor more"
    if "forward" in vars(layer) or "forward" in vars(activation):
        return "it has a forward of its own"
    if _is_hooked(layer) or _is_hooked(activation) or private.has_global_hooks():
        return "a hook looks at what is between the two"
    return None


def _is_hooked(module: nn.Module) -> bool:
    if module._forward_hooks or module._backward_hooks or module._backward_pre_hooks:
        return True
    return not all(isinstance(hook, _WEIGHT_HOOKS) for hook in module._forward_pre_hooks.values())


def _fused(layer: Any, activation: Any, x: Tensor) -> Tensor:
    for hook in layer._forward_pre_hooks.values():  # weight norm of the older kind
        hook(layer, (x,))
    producer = _producer(layer)
    assert producer is not None
    return bias_elu(producer.without_bias(layer, x), layer.bias, activation.alpha, producer.dim)


def _why_not_elu(module: nn.ELU) -> str | None:
    if type(module) is FusedELU:
        return "it is fused already"
    if type(module) is not nn.ELU or "forward" in vars(module):
        return "it has a forward of its own"
    return None


def _replace_functions(fusion: Fusion, name: str, module: nn.Module) -> None:
    """Replace the function where a module holds it, and note where its forward calls it."""
    for attribute in _exchange(module, functional.elu, functional_elu):
        _note(fusion, f"{name}.{attribute}".lstrip("."), None)
    forward: Any = type(module).forward
    names = getattr(getattr(forward, "__code__", None), "co_names", ())
    is_theirs = getattr(forward, "__globals__", {}).get("elu", functional.elu) is functional.elu
    if "elu" in names and is_theirs and not hasattr(module, "elu"):
        _note(fusion, name or _ROOT, "its forward calls elu; write an nn.ELU, or this suite's elu, there instead")


def _exchange(module: nn.Module, old: object, new: object) -> list[str]:
    """The attributes that held one function and now hold another."""
    held = [name for name, value in vars(module).items() if value is old]
    for name in held:
        setattr(module, name, new)
    return held

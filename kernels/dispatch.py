"""Registers operators with PyTorch, and decides when a call may skip its dispatcher.

What traces or wraps tensors (torch.compile, export, fake tensors, subclasses, dispatch modes) sees an operator with a
schema, a fake kernel and derivatives. An ordinary tensor in ordinary code skips the dispatcher, whose way to an
operator written in Python costs the host more than a launch does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from . import __version__, private
from .primitives import INTERPRETED, run_on_cpu

Operator = Callable[..., Any]
_ORDINARY = (Tensor, torch.nn.Parameter)
# Asked here, since torch.compile cannot trace the question (torch 2.11).
_HAVE_AUTOCAST = frozenset(filter(torch.amp.is_autocast_available, ("cpu", "cuda", "xpu", "mps", "hpu")))


def _namespace() -> str:
    """Where the operators are: "elubench", or a namespace of this package's own where other kernels have that one.

    The same package may be imported under two names: from a checkout, installed, copied into a model's repository. If
    both are of one version they share their operators, so that what one exported the other loads. A namespace object
    lives as long as the process, so it also holds the library whose end would take the operators away.
    """
    made_here = (__version__, INTERPRETED.value)
    for name in ("elubench", "elubench_" + __package__.replace(".", "_")):
        operators = getattr(torch.ops, name)
        if getattr(operators, "made_by", None) is None:
            operators.library = torch.library.Library(name, "DEF")
            operators.made_by = made_here
        if operators.made_by == made_here:
            return name
    raise ImportError(f"{__package__} was imported already, as another version; start a new process to use this one")


NAMESPACE = _namespace()


def define(
    name: str, schema: str, compute: Callable[..., Any], fake: Callable[..., Any], differentiable: Callable[..., Any]
) -> Operator:
    """Register an operator, where it is not registered yet, and return it.

    Not by torch.library.custom_op, whose operators have no forward-mode derivative and cost the host 7 µs a call.

    Args:
        schema: what follows the name: "(Tensor x, float alpha) -> Tensor".
        compute: on tensors with memory, below autograd, on every device.
        fake: the same for shapes alone; it raises what `compute` raises for dtypes and shapes.
        differentiable: what autograd sees: `apply` of a `Function` whose forward ends in `run`.
    """
    operators = getattr(torch.ops, NAMESPACE)
    if not hasattr(operators, name):
        library = operators.library
        library.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
        library.impl(name, compute, "CompositeExplicitAutograd")
        library.impl(name, differentiable, "Autograd")
        torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=library)
    return getattr(operators, name).default


def floats(names: Iterable[str]) -> str:
    """The part of a schema that declares float parameters, to be followed by others."""
    return "".join(f"float {each}, " for each in names)


def completed(given: tuple[Any, ...], defaults: Mapping[str, float], *last: Any) -> tuple[Any, ...]:
    """The arguments given, and the defaults of those that were left out: parameters, then `last`."""
    if len(given) == len(defaults) + len(last):
        return given
    return (*given, *(*defaults.values(), *last)[len(given) :])


def at_front(info: Any, dim: int | None, tensor: Tensor) -> Tensor:
    """The tensor with the dimension that vmap goes over in front, whether it has one or not."""
    return tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def run(operator: Operator, compute: Callable[..., Any], *args: Any) -> Any:
    """The computation of an operator inside its `Function`: itself for ordinary tensors, else what others may see."""
    if is_ordinary(*[each for each in args if isinstance(each, Tensor)]):
        return compute(*args)
    with private.BelowAutograd():
        return operator(*args)


def is_ordinary(*tensors: Tensor) -> bool:
    """Whether these are dense tensors in ordinary code: no compiler, tracer, mode, transform or subclass looks on."""
    if torch.compiler.is_compiling() or private.count_dispatch_modes() or private.has_transforms():
        return False
    for tensor in tensors:
        if type(tensor) not in _ORDINARY or tensor.layout is not torch.strided or tensor.is_nested:
            return False
        if private.is_legacy_batched(tensor):
            return False
    return not private.is_jit_tracing()


def is_foreign(*tensors: Tensor) -> bool:
    """Whether only PyTorch's own operators know what to do, and how to derive it, where nothing is ordinary.

    That is for nested and sparse tensors, for subclasses that dispatch by themselves (DTensor, and so on), and where
    transforms of torch.func do not know a `Function`: in compiled code, and under functionalize.
    """
    if private.has_transforms():
        if torch.compiler.is_compiling() or private.is_functionalized():
            return True
        tensors = tuple([private.unwrapped(tensor) for tensor in tensors])
    for tensor in tensors:
        if tensor.layout is not torch.strided or tensor.is_nested or private.dispatches(type(tensor)):
            return True
    return False


def needs_derivative(*tensors: Tensor) -> bool:
    """Whether autograd, in reverse or forward mode, has to hear of these ordinary tensors."""
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor.requires_grad:
                return True
    return private.has_forward_mode()


def on_triton(*tensors: Tensor) -> bool:
    """Whether our kernels compute with these tensors; for CPU, meta, mps, xpu and so on PyTorch's own operators do.

    They also do where the numbers are not those in memory: in a view that negates, as the imaginary part of a conjugate
    does, and in zeros that have no memory.
    """
    device = tensors[0].device.type
    ours = device == "cuda" or (device == "cpu" and run_on_cpu())
    for tensor in tensors:
        ours = ours and not (tensor.is_neg() or private.is_zero(tensor))
    return ours


def as_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors as autocast, where it is on, gives them to a Linear layer; fp64 ones stay as they are."""
    device = tensors[0].device.type
    if device not in _HAVE_AUTOCAST or not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(
        each.to(dtype) if each.is_floating_point() and each.dtype != torch.float64 else each for each in tensors
    )

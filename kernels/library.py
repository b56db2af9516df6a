"""Operators registered with PyTorch, and when a call may go past its dispatcher.

What traces or wraps tensors (torch.compile, export, fake tensors, subclasses, dispatch modes) sees an operator with a
schema, a fake kernel and derivatives. An ordinary tensor in ordinary code skips the dispatcher, whose way to an
operator written in Python costs the host more than a launch does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .primitives import INTERPRETED

# Named after the package, so that a copy of this folder in another project may be loaded beside this one.
NAMESPACE = "elubench_" + __name__.rpartition(".")[0].replace(".", "_")
_library = torch.library.Library(NAMESPACE, "DEF")
_ORDINARY = (Tensor, torch.nn.Parameter)
# What torch.autograd.grad(is_grads_batched=True) calls backward with; its fallback wants an operator to loop over.
_is_batched = torch._C._functorch.is_legacy_batchedtensor


def define(
    name: str, schema: str, compute: Callable[..., Any], fake: Callable[..., Any], differentiable: Callable[..., Any]
) -> torch._ops.OpOverload:
    """Register an operator and return it.

    Not by torch.library.custom_op, whose operators have no forward-mode derivative and cost the host 7 µs a call.

    Args:
        schema: what follows the name: "(Tensor x, float alpha) -> Tensor".
        compute: on tensors with memory, below autograd, on every device.
        fake: the same for shapes alone; it raises what `compute` raises for dtypes and shapes.
        differentiable: what autograd sees: `apply` of a `Function` whose forward ends in `run`.
    """
    _library.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, compute, "CompositeExplicitAutograd")
    _library.impl(name, differentiable, "Autograd")
    torch.library.register_fake(f"{NAMESPACE}::{name}", fake, lib=_library)
    return getattr(getattr(torch.ops, NAMESPACE), name).default


def run(operator: Callable[..., Any], compute: Callable[..., Any], *args: Any) -> Any:
    """The computation of an operator inside its `Function`: itself for ordinary tensors, else what others may see."""
    if is_traced(*[each for each in args if isinstance(each, Tensor)]):
        with torch._C._AutoDispatchBelowAutograd():
            return operator(*args)
    return compute(*args)


def is_traced(*tensors: Tensor) -> bool:
    """Whether a compiler, a mode or a subclass has to see what is done with these tensors."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or any(type(tensor) not in _ORDINARY or _is_batched(tensor) for tensor in tensors)
    )


def needs_derivative(*tensors: Tensor) -> bool:
    """Whether autograd, in reverse or forward mode, or a transform of torch.func has to hear of these tensors."""
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor.requires_grad:
                return True
    return forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()


def on_triton(tensor: Tensor) -> bool:
    """Whether our kernels compute with this tensor; on a CPU without the interpreter PyTorch's own operators do."""
    return tensor.device.type != "cpu" or INTERPRETED.value

"""The undocumented names of torch and Triton that the kernels use: a new version of either may drop one.

Each is looked up once. Where a call can do without a name that is gone, it takes a slower way to the same result;
without the others there is no way, and importing the kernels says which version lacks what. The tests fail as soon as
one is gone, and say which.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import torch
import triton

_NEEDED = object()
missing: list[str] = []  # names that the installed versions do not have


def _lacking(what: object) -> ImportError:
    versions = f"torch {torch.__version__} with triton {triton.__version__}"
    return ImportError(f"these kernels need what {versions} lacks: {what}; use torch 2.11 to 2.13 with its own triton")


def _private(name: str, instead: Any = _NEEDED) -> Any:
    """The object called `name` ("module:attribute"), or `instead`. Raises ImportError where nothing can replace it."""
    try:
        return resolve_name(name)
    except (AttributeError, ImportError):
        missing.append(name)
        if instead is _NEEDED:
            raise _lacking(name) from None
        return instead


def _yes(*_: Any) -> bool:
    """The answer where a question can no longer be asked: the way that is right for every tensor is taken."""
    return True


def _no(*_: Any) -> bool:
    """The answer without which a kind of tensor is not told apart, and meets the error that PyTorch has for it."""
    return False


def _nothing(*_: Any) -> None:
    """No trace to set aside: it then also holds what a check asks, and a jagged tensor may refuse to answer."""


# What torch.autograd.grad(is_grads_batched=True) calls backward with; its fallback wants an operator to loop over.
is_legacy_batched: Callable[[torch.Tensor], bool] = _private("torch._C._functorch:is_legacy_batchedtensor", _yes)
count_dispatch_modes: Callable[[], int] = _private("torch._C:_len_torch_dispatch_stack", _yes)
has_transforms: Callable[[], bool] = _private("torch._C:_are_functorch_transforms_active", _yes)
is_zero: Callable[[torch.Tensor], bool] = _private("torch:Tensor._is_zerotensor", _no)
is_jit_tracing: Callable[[], bool] = _private("torch._C:_is_tracing", torch.jit.is_tracing)
# What torch.jit.trace writes into, or None.
_trace: Callable[[], Any] = _private("torch._C:_get_tracing_state", _nothing)
_set_trace: Callable[[Any], None] = _private("torch._C:_set_tracing_state", _nothing)
_transforms: Callable[[], Any] = _private("torch._C._functorch:get_interpreter_stack", tuple)
_is_wrapped: Callable[[torch.Tensor], bool] = _private("torch._C._functorch:is_functorch_wrapped_tensor", _no)
_unwrap: Callable[[torch.Tensor], torch.Tensor] = _private("torch._C._functorch:get_unwrapped")
# Subclasses that dispatch for themselves, but hand every operator on.
_TRACERS = (
    _private("torch._subclasses.fake_tensor:FakeTensor", torch.Tensor),
    _private("torch._subclasses.functional_tensor:FunctionalTensor", torch.Tensor),
)
BelowAutograd: Any = _private("torch._C:_AutoDispatchBelowAutograd")
has_global_hooks: Callable[[], Any] = _private("torch.nn.modules.module:_has_any_global_hook", _yes)
# PyTorch's prelu whose weight broadcasts against x: the public one takes channels in dimension 1 only.
prelu: Callable[..., Any] = _private("torch:ops.aten._prelu_kernel")
prelu_backward: Callable[..., Any] = _private("torch:ops.aten._prelu_kernel_backward")
# Makes a function that the compiler calls while it builds a kernel, with itself as `_semantic`.
builtin: Callable[..., Any] = _private("triton.language.core:builtin")

_forward_ad: Any = _private("torch.autograd:forward_ad")
if not hasattr(_forward_ad, "_current_level"):
    missing.append("torch.autograd.forward_ad:_current_level")


def unwrapped(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor inside those that transforms of torch.func wrap around it."""
    while _is_wrapped(tensor):
        tensor = _unwrap(tensor)
    return tensor


def untraced(check: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Call `check`, which asks tensors for numbers, while torch.jit.trace does not look on.

    Those numbers are no part of what is computed, and within a trace a jagged tensor does not tell its sizes (torch
    2.11).
    """
    trace = None if torch.compiler.is_compiling() else _trace()
    if trace is None:
        return check(*args, **kwargs)
    _set_trace(None)
    try:
        check(*args, **kwargs)
    finally:
        _set_trace(trace)


def is_functionalized() -> bool:
    """Whether torch.func.functionalize, which knows no autograd.Function, is among the transforms at work."""
    return any(each.key().name == "Functionalize" for each in _transforms() or ())


def dispatches(kind: type[torch.Tensor]) -> bool:
    """Whether a class of tensors says by itself what operators do, and may not know those that are registered here."""
    return kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__ and not issubclass(kind, _TRACERS)


def has_forward_mode() -> bool:
    """Whether forward-mode derivatives are being computed."""
    return getattr(_forward_ad, "_current_level", 0) >= 0


def compiled_for(semantic: Any) -> tuple[str, str]:
    """(backend, architecture) that a kernel is compiled for, such as ("cuda", "90"); `semantic` is a builtin's."""
    try:
        options = semantic.builder.options
        return options.backend_name, str(options.arch).removeprefix("sm")
    except AttributeError as gone:
        raise _lacking(gone) from None


# A compiled kernel is called with the grid, a stream, itself and its metadata, then hooks and its arguments. That
# order is known for these versions; others, and AMD, where what is compiled also depends on how large a tensor's
# storage is, launch by Triton's own way.
CALL_IS_KNOWN = triton.__version__.startswith(("3.6.", "3.7.")) and torch.version.hip is None


def handle(compiled: Any) -> tuple[Any, Any, Any] | None:
    """(call, function, metadata) of what Triton compiled, to launch it again; None where that is not known."""
    if compiled is None or not CALL_IS_KNOWN:
        return None
    parts = tuple(getattr(compiled, name, None) for name in ("run", "function", "packed_metadata"))
    return None if any(each is None for each in parts) else parts  # type: ignore[return-value]


def launches_on_host() -> bool:
    """Whether Triton's active driver launches on tensors of the host, as one that emulates a GPU does."""
    active = getattr(triton.runtime.driver, "_active", None)
    return active is not None and active.get_active_torch_device().type == "cpu"


def is_watched() -> bool:
    """Whether a profiler has asked to be called around launches."""
    runtime = triton.knobs.runtime
    return any(_has_listener(hook) for hook in (runtime.launch_enter_hook, runtime.launch_exit_hook))


def _has_listener(hook: Any) -> bool:
    """A hook is a chain of calls, or, where a tool has set it so, one call or None."""
    return bool(getattr(hook, "calls", hook))

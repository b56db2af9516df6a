"""Finds out whether a provider's code has replaced what measures it (clocks, events, the gate, the sampler), or changed
the state of the process that every number depends on.

A provider runs in the measuring process, so it could. What is watched is noted when this module is imported, which
is before any provider's code is; `restore` puts back what was replaced and names it. This finds the tricks that
are known, and accidents. It is no protection against code that sets out to deceive: that runs with the user's rights.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import torch

from harness.correctness.global_state import SETTINGS, GlobalState

_TIME = ("perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time", "time_ns", "process_time")
_CUDA = ("Event", "CUDAGraph", "graph", "synchronize", "current_stream", "stream", "_sleep", "get_device_properties")
_EVENT = ("record", "query", "synchronize", "elapsed_time", "__init__", "__new__")
_TENSOR = ("clone", "copy_", "fill_", "normal_", "to", "double", "__getitem__", "__setitem__", "view", "abs")
_TORCH = ("equal", "isnan", "where", "expm1", "exp", "empty", "randn")

_ABSENT = object()


def _watched() -> Iterator[tuple[Any, str]]:
    yield from ((time, name) for name in _TIME)
    yield from ((torch, name) for name in _TORCH)
    yield from ((torch.Tensor, name) for name in _TENSOR)
    yield from ((torch.cuda, name) for name in _CUDA)
    yield from ((torch.cuda.Event, name) for name in _EVENT)
    yield from ((torch.cuda.CUDAGraph, name) for name in ("replay", "capture_begin", "capture_end"))


def _of_module(module: ModuleType) -> Iterator[tuple[Any, str]]:
    """The functions and classes that a module of ours defines, and the functions of those classes."""
    for name, value in list(vars(module).items()):
        if callable(value):
            yield module, name
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from ((value, each) for each, method in vars(value).items() if isinstance(method, FunctionType))


def _values(watched: Iterable[tuple[Any, str]]) -> dict[tuple[Any, str], Any]:
    return {(owner, name): vars(owner).get(name, _ABSENT) for owner, name in watched}


_known = _values(_watched())
_state: list[GlobalState] = []  # as it was when `watch` was called last


def watch(modules: Iterable[ModuleType]) -> None:
    """Note what these modules define, and the process's state. Before the first provider's code is loaded."""
    for module in modules:
        for key, value in _values(_of_module(module)).items():
            _known.setdefault(key, value)
    _state.append(GlobalState())


def restore() -> list[str]:
    """Put back what was replaced; the names of it, such as "time.perf_counter" or "torch's number of threads"."""
    replaced = _state[-1].put_back() if _state else []
    for (owner, name), value in _known.items():
        if vars(owner).get(name, _ABSENT) is value:
            continue
        replaced.append(_name(owner, name))
        if value is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
    return replaced


def _name(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"


def sentence(replaced: list[str]) -> str:
    """Why a provider that did so is rejected."""
    names = ", ".join(replaced[:3])
    if set(replaced) <= {setting.name for setting in SETTINGS}:
        return f"state: its code changed {names}, on which the times of all providers depend; leave it as it is"
    return f"clock: its code replaced {names}, with which it is measured"

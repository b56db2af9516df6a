"""All ops, by name, in the order in which they are listed. A new op is a file in this folder, and nothing here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

import harness.ops
from harness.ops.op import Op

# The files of this folder that are not ops, but what ops are made of.
_PARTS = {"buffers", "cases", "catalogue", "elementwise", "nets", "op", "reference"}
# ELU, and what it is compared with first, lead; the others follow by name, those without a kernel last.
_FIRST = ("elu", "bias_elu", "elu_plus_one", "relu")


def modules() -> tuple[ModuleType, ...]:
    """The files of ops in this folder, each with the op and its gradient in `OPS`."""
    names = {each.name for each in pkgutil.iter_modules(harness.ops.__path__)} - _PARTS
    return tuple(sorted((importlib.import_module(f"harness.ops.{name}") for name in sorted(names)), key=_place))


def _place(module: ModuleType) -> tuple[bool, int]:
    op = module.OPS[0]
    return not op.has_kernel, _FIRST.index(op.name) if op.name in _FIRST else len(_FIRST)


MODULES = modules()
OPS: Mapping[str, Op] = {op.name: op for module in MODULES for op in module.OPS}

# Those that this suite has Triton kernels for; the others are there to compare with.
KERNEL_OPS = {name: op for name, op in OPS.items() if op.has_kernel}

# Whole models with ELUs, which are the last rows of workloads.
MODEL_OPS = {name: op for name, op in OPS.items() if op.module is not None}

# The activations whose costs the paper's tables and figures hold against each other.
ACTIVATIONS = {name: op for name, op in OPS.items() if op.shown is not None}

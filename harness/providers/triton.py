"""The provider `triton`: the kernels of this suite. Where they cannot run it fails; it never uses PyTorch instead."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from harness.ops.cases import Case
from harness.ops.catalogue import KERNEL_OPS, MODEL_OPS
from harness.ops.op import Unsupported
from harness.providers import models


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches the Triton kernel of the case.

    Launchers take the inputs, the outputs and the parameters of their op, in the order in which harness.ops has them:
    `relu_backward_out` in kernels/ops/relu.py. A whole model is fused.
    """
    if case.op in MODEL_OPS:
        return models.prepare(case, _fused)
    if case.op not in KERNEL_OPS:
        raise Unsupported(f"this suite has no kernel for {case.op}")
    module = importlib.import_module(f"kernels.ops.{case.op.removesuffix('_backward')}")
    launch, params = getattr(module, f"{case.op}_out"), tuple(case.params.values())
    return lambda *tensors: launch(*tensors, *params)


def _fused(model: Any) -> Any:
    from kernels import fuse

    fuse(model)
    return model

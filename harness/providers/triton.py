"""The kernels of this suite. Never anything else: without a GPU, or an emulated one, there is nothing to run."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from harness.ops.cases import Case
from harness.ops.catalogue import KERNEL_OPS
from harness.ops.op import Unsupported


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches the Triton kernel of the case.

    Launchers take the inputs, the outputs and the parameters of their op, in the order in which harness.ops has them:
    `relu_backward_out` in kernels/ops/relu.py.
    """
    if case.op not in KERNEL_OPS:
        raise Unsupported(f"this suite has no kernel for {case.op}")
    module = importlib.import_module(f"kernels.ops.{case.op.removesuffix('_backward')}")
    launch, params = getattr(module, f"{case.op}_out"), tuple(case.params.values())
    return lambda *tensors: launch(*tensors, *params)

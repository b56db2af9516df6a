"""All ops, by name, in the order in which they are listed. A new op is a module here."""

from __future__ import annotations

from collections.abc import Mapping

from harness.ops import (
    batch_norm_relu,
    bias_elu,
    elu,
    elu_plus_one,
    leaky_relu,
    prelu,
    relu,
    shifted_relu,
)
from harness.ops.op import Op

MODULES = (elu, bias_elu, elu_plus_one, relu, leaky_relu, prelu, shifted_relu, batch_norm_relu)

OPS: Mapping[str, Op] = {op.name: op for module in MODULES for op in module.OPS}

# Those that this suite has Triton kernels for; the others are there to compare with.
KERNEL_OPS = {name: op for name, op in OPS.items() if op.has_kernel}

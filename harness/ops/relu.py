"""relu, which elu is compared with, and its gradient."""

from __future__ import annotations

from harness.ops.elementwise import activation
from harness.ops.op import Shown

OPS = activation(
    "relu",
    "x if x > 0 else 0",
    value=lambda x: x.relu(),
    # ATen's order of comparison: a NaN input takes the positive branch.
    gradient=lambda grad, x: grad.where(~(x <= 0), 0.0),
    calls=lambda aten: (aten.relu, lambda x, out: aten.clamp_min.out(x, 0.0, out=out)),
    backward_calls=lambda aten: (
        lambda grad, x: aten.threshold_backward(grad, x, 0.0),
        lambda grad, x, out: aten.threshold_backward.grad_input(grad, x, 0.0, grad_input=out),
    ),
    flops_per_element=1,
    in_triton="tl.where(x <= 0, 0.0, x)",
    backward_in_triton="tl.where(x <= 0, 0.0, grad_output)",
    shown=Shown("ReLU", "#000000", "s", "--"),
)

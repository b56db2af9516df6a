"""The shifted ReLU of the ELU paper's figure 1, max(x, -1), and its gradient."""

from __future__ import annotations

from harness.ops.elementwise import activation
from harness.ops.op import Shown

OPS = activation(
    "shifted_relu",
    "the larger of x and -1",
    value=lambda x: x.clamp(min=-1.0),
    # As torch.nn.functional.threshold(x, -1, -1) compares: 0 at -1, and a NaN input takes the positive branch.
    gradient=lambda grad, x: grad.where(~(x <= -1), 0.0),
    calls=lambda aten: (lambda x: aten.clamp_min(x, -1.0), lambda x, out: aten.clamp_min.out(x, -1.0, out=out)),
    backward_calls=lambda aten: (
        lambda grad, x: aten.threshold_backward(grad, x, -1.0),
        lambda grad, x, out: aten.threshold_backward.grad_input(grad, x, -1.0, grad_input=out),
    ),
    flops_per_element=1,
    in_triton="tl.where(x < -1, -1.0, x)",
    backward_in_triton="tl.where(x <= -1, 0.0, grad_output)",
    shown=Shown("SReLU", "#8a8a8a", "x", ":"),
)

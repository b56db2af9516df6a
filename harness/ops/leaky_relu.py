"""leaky_relu, which elu is compared with, and its gradient."""

from __future__ import annotations

from harness.ops.elementwise import activation
from harness.ops.op import Shown

OPS = activation(
    "leaky_relu",
    "x if x > 0 else negative_slope * x",
    {"negative_slope": 0.01},
    value=lambda x, slope: x.where(x > 0, x * slope),
    gradient=lambda grad, x, slope: grad.where(x > 0, grad * slope),
    calls=lambda aten, slope: (
        lambda x: aten.leaky_relu(x, slope),
        lambda x, out: aten.leaky_relu.out(x, slope, out=out),
    ),
    backward_calls=lambda aten, slope: (
        lambda grad, x: aten.leaky_relu_backward(grad, x, slope, False),
        lambda grad, x, out: aten.leaky_relu_backward.grad_input(grad, x, slope, False, grad_input=out),
    ),
    flops_per_element=2,
    signed_zero=True,
    in_triton="tl.where(x > 0, x, negative_slope * x)",
    backward_in_triton="tl.where(x > 0, grad_output, negative_slope * grad_output)",
    shown=Shown("LReLU", "#d55e00", "^", "-."),
)

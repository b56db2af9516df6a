"""The kernels of this suite. Never anything else: on a CPU without the interpreter there is nothing to run."""

from __future__ import annotations

from collections.abc import Callable

from harness.ops.cases import Case
from harness.providers import Unsupported
from kernels.ops import bias_elu, elu, elu_plus_one, leaky_relu, prelu, relu

# Each takes the inputs, the outputs and the parameters of its op, in the order in which harness.ops.cases has them.
_LAUNCHERS: dict[str, Callable[..., None]] = {
    "elu": elu.elu_out,
    "elu_backward": elu.elu_backward_out,
    "bias_elu": bias_elu.bias_elu_out,
    "bias_elu_backward": bias_elu.bias_elu_backward_out,
    "elu_plus_one": elu_plus_one.elu_plus_one_out,
    "elu_plus_one_backward": elu_plus_one.elu_plus_one_backward_out,
    "relu": relu.relu_out,
    "relu_backward": relu.relu_backward_out,
    "leaky_relu": leaky_relu.leaky_relu_out,
    "leaky_relu_backward": leaky_relu.leaky_relu_backward_out,
    "prelu": prelu.prelu_out,
    "prelu_backward": prelu.prelu_backward_out,
}


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches the Triton kernel of the case."""
    if case.op not in _LAUNCHERS:
        raise Unsupported(f"this suite has no kernel for {case.op}")
    launch, params = _LAUNCHERS[case.op], tuple(case.params.values())
    return lambda *tensors: launch(*tensors, *params)

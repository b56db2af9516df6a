"""The kernels of this suite. Never anything else: on a CPU without the interpreter there is nothing to run."""

from __future__ import annotations

from collections.abc import Callable

from harness.ops.cases import Case
from harness.providers import Unsupported
from kernels import elementwise, vector

# Each takes the inputs, the outputs and the parameters of its op, in the order in which harness.ops.cases has them.
_LAUNCHERS: dict[str, Callable[..., None]] = {
    "elu": elementwise.elu_out,
    "elu_backward": elementwise.elu_backward_out,
    "bias_elu": vector.bias_elu_out,
    "bias_elu_backward": vector.bias_elu_backward_out,
    "elu_plus_one": elementwise.elu_plus_one_out,
    "elu_plus_one_backward": elementwise.elu_plus_one_backward_out,
    "relu": elementwise.relu_out,
    "relu_backward": elementwise.relu_backward_out,
    "leaky_relu": elementwise.leaky_relu_out,
    "leaky_relu_backward": elementwise.leaky_relu_backward_out,
    "prelu": vector.prelu_out,
    "prelu_backward": vector.prelu_backward_out,
}


def prepare(case: Case) -> Callable[..., None]:
    """A call that launches the Triton kernel of the case."""
    if case.op not in _LAUNCHERS:
        raise Unsupported(f"this suite has no kernel for {case.op}")
    launch, params = _LAUNCHERS[case.op], tuple(case.params.values())
    return lambda *tensors: launch(*tensors, *params)

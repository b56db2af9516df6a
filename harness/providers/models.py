"""A whole model as a provider runs it: as it is, compiled, or fused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.ops.catalogue import OPS
from harness.ops.op import Unsupported

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.ops.cases import Case


def prepare(case: Case, changed: Callable[[nn.Module], Any] = lambda model: model) -> Callable[..., None]:
    """A call of the case's model, changed once; it copies the results into the outputs, in the time."""
    op, inputs = OPS[case.op], len(case.inputs)
    if op.module is None or op.run is None:
        raise Unsupported(f"{case.op} is no whole model")
    run, model = op.run, op.module(case)
    ready: list[Any] = []

    def call(*tensors: Tensor) -> None:
        if not ready:
            ready.append(changed(model.to(tensors[0].device)))
        for output, result in zip(tensors[inputs:], run(ready[0], *tensors[:inputs]), strict=True):
            output.copy_(result)

    return call

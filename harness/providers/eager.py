"""PyTorch's own operators, into preallocated outputs, so that no allocation is timed."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from harness.ops.cases import Case
from harness.ops.catalogue import MODEL_OPS, OPS
from harness.providers import models


def prepare(case: Case) -> Callable[..., None]:
    """A call that runs the case by ATen's operators.

    Where ATen has none that writes into a given tensor, results are copied, which is in the time.
    """
    if case.op in MODEL_OPS:
        return models.prepare(case)
    return OPS[case.op].into(case) or copied(case)


def copied(case: Case) -> Callable[..., None]:
    """A call that computes the op and copies its results into the outputs; Inductor fuses the two."""
    compute, inputs = OPS[case.op].pytorch(case), len(case.inputs)

    def call(*tensors: Tensor) -> None:
        for output, result in zip(tensors[inputs:], compute(*tensors[:inputs]), strict=True):
            output.copy_(result)

    return call

"""What an op is: its tensors and parameters, its arithmetic, its reference and its PyTorch form.

Each op has a file of its own in this folder, its gradient beside it, both in the file's `OPS`; `catalogue` finds them.
Importing them imports no torch: the command line, sweeps and reports read them too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.ops.cases import Case
    from harness.ops.reference import Expected

ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
# As narrow tables print dtypes; what is printed is taken as input too.
SHORT_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "float64": "fp64"}

Params = Mapping[str, Any]


class Unsupported(Exception):
    """There is no implementation for a case; the message says what is missing."""


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a case: its name in the op's signature, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_BYTES[self.dtype]


# (a function of the inputs that returns the output or outputs, and one that writes them into what follows the inputs,
# or None where PyTorch has no operator that does)
AtenCalls = tuple[Callable[..., Any], Callable[..., Any] | None]


@dataclass(frozen=True)
class Shown:
    """The name and the look of an activation in the paper's tables and figures; marker and line as in matplotlib."""

    name: str
    colour: str  # as "#rrggbb"
    marker: str
    line: str = "-"


@dataclass(frozen=True)
class Op:
    """What is computed, and how it is known to be right.

    Args:
        params: with their defaults, in the order of the signatures.
        inputs, outputs: names of the tensors. A name with a star, "bias*", is 1-D and lies along `dim`; the others
            have the shape of the case.
        flops_per_element: operations of the formula in `kernels/formulas.py`, an exponential counted as one.
        expected: (case, *inputs) -> the true outputs in fp64.
        calls: (ATen's operators, case) -> `AtenCalls` that compute it by PyTorch's operators. Raises Unsupported.
        mixes_elements: an output depends on many inputs, so that one NaN or overflow hides the others.
        has_kernel: whether this suite has a Triton kernel for it.
        least_result: of the activation, for ops that take `self_or_result`, by params.
        variants: parameters that ask for another specialisation of the kernel, by its name.
        in_triton: the result in Triton's language, of fp32 blocks called as the inputs, and of the parameters: what
            `elubench new-provider` begins with. Empty where it has nothing to begin with.
        shown: of an activation that is in the paper's table of costs, and in the sweep `activations`.
        shapes: of tensors whose shape is not that of the case, by name, from that of the case.
        module: of a whole model: (case) -> the model in torch.nn, the same one each time. Raises Unsupported.
        run: of a whole model: (model, *inputs) -> the outputs.
    """

    name: str
    summary: str
    params: Params
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    flops_per_element: int
    expected: Callable[..., tuple[Expected, ...]]
    calls: Callable[[Any, Case], AtenCalls]
    mixes_elements: bool = False
    has_kernel: bool = True
    least_result: Callable[[Params], float] | None = None
    variants: Mapping[str, Params] = field(default_factory=lambda: {"": {}})
    in_triton: str = ""
    shown: Shown | None = None
    shapes: Callable[[tuple[int, ...]], Mapping[str, tuple[int, ...]]] = lambda shape: {}
    module: Callable[[Case], nn.Module] | None = None
    run: Callable[..., tuple[Tensor, ...]] | None = None

    def pytorch(self, case: Case) -> Callable[..., tuple[Tensor, ...]]:
        """A function of the inputs that returns the outputs by PyTorch's operators. Raises Unsupported."""
        compute = self.calls(_aten(), case)[0]
        return compute if len(self.outputs) > 1 else lambda *inputs: (compute(*inputs),)

    def into(self, case: Case) -> Callable[..., Any] | None:
        """The same by operators that write into the outputs, which follow the inputs; None where there are none."""
        return self.calls(_aten(), case)[1]


def _aten() -> Any:
    """ATen's operators, for those who compute: torch is imported here and not before."""
    import torch

    return torch.ops.aten


def vector_shape(case: Case) -> list[int]:
    """The shape in which a vector along `dim` broadcasts against the main tensor."""
    shape = [1] * len(case.shape)
    shape[case.params["dim"]] = -1
    return shape


def other_dims(case: Case) -> list[int]:
    """The dimensions over which the gradient of a vector along `dim` is a sum."""
    dims = len(case.shape)
    return [axis for axis in range(dims) if axis != case.params["dim"] % dims]


def summed(terms: Tensor, case: Case) -> Tensor:
    """The sums over all dimensions but `dim`."""
    others = other_dims(case)
    return terms.sum(others) if others else terms

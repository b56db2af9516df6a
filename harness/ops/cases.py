"""Cases: an op with its parameters, a shape, a dtype and a layout. Pure data; imports no torch.

Bytes moved are derived here, once, from the tensors an op reads and writes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.ops.catalogue import OPS
from harness.ops.op import ITEM_BYTES, SHORT_DTYPES, TensorSpec

_SCALAR = "scalar"
_LONG_DTYPES = {short: name for name, short in SHORT_DTYPES.items()}
LAYOUTS = ("contiguous", "transposed", "channels_last")
NORMAL, POSITIVE = DATA = ("normal", "positive")  # of inputs but for gradients: mixed signs; uniform between 0 and 1


class CaseError(ValueError):
    """A case that cannot exist; the message names the fault and the mend."""


@dataclass(frozen=True)
class Case:
    """An op with its parameters, the main tensor's shape, a dtype, a memory layout, and what the inputs hold."""

    op: str
    params: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str
    layout: str = "contiguous"
    data: str = NORMAL

    @property
    def key(self) -> str:
        """The case as one readable string; equal cases have equal keys."""
        params = ",".join(f"{name}={_text(value)}" for name, value in sorted(self.params.items()))
        shape = "x".join(map(str, self.shape)) or _SCALAR
        data = "" if self.data == NORMAL else f" {self.data}"
        return f"{self.op}({params}) {shape} {self.dtype} {self.layout}{data}"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._specs(OPS[self.op].inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._specs(OPS[self.op].outputs)

    def _specs(self, names: tuple[str, ...]) -> tuple[TensorSpec, ...]:
        """Tensors of the case's shape, or that the op says, or, with a star to their name, vectors along `dim`."""
        own = OPS[self.op].shapes(self.shape)
        return tuple(
            TensorSpec(
                name.rstrip("*"),
                (self.shape[self.params["dim"]],) if "*" in name else own.get(name, self.shape),
                self.dtype,
            )
            for name in names
        )

    @property
    def bytes_moved(self) -> int:
        """The fewest bytes the op can move: every input read once, every output written once."""
        return sum(spec.nbytes for spec in (*self.inputs, *self.outputs))

    @property
    def flops(self) -> int:
        return self.elements * OPS[self.op].flops_per_element

    @property
    def roof(self) -> str:
        """The traffic mix of the matching roof: one large read per write is a copy, two or more are a triad."""
        reads = sum(spec.shape == self.shape for spec in self.inputs)
        return "triad" if reads >= 2 else "copy"

    @property
    def least_known(self) -> float:
        """The least that `self_or_result` can be: -inf for an input of the activation, a bound for a result of it."""
        least = OPS[self.op].least_result
        return least(self.params) if least is not None and self.params["is_result"] else -math.inf

    def reduced(self, max_elements: int) -> Case:
        """This case with its first dimension cut so that it has at most about `max_elements` elements."""
        if self.elements <= max_elements or not self.shape:
            return self
        row = self.elements // self.shape[0]
        return replace(self, shape=(max(1, max_elements // row), *self.shape[1:]))


def full_dtype(name: str) -> str:
    """The name that a case has for a dtype, also of what a table prints: "bf16" is "bfloat16"."""
    return _LONG_DTYPES.get(name, name)


def full_text(text: str) -> str:
    """A part of a case's key, also as tables print it: "4096×4096 bf16" is "4096x4096 bfloat16"."""
    return re.sub(r"\b\w+\b", lambda word: full_dtype(word[0]), text.replace("×", "x"))


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape that a text such as "4096x4096", "4096×4096", "300" or "scalar" names. Raises CaseError."""
    if text == _SCALAR:
        return ()
    sizes = re.split(r"[x×]", text)
    if not all(re.fullmatch(r"[0-9]{1,18}", size) and int(size) for size in sizes):
        raise CaseError(f"{text!r} is no shape; write one as 4096x4096, each size at least 1, or as {_SCALAR}")
    return tuple(map(int, sizes))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def make_case(
    op: str,
    shape: tuple[int, ...],
    dtype: str,
    params: Mapping[str, Any] | None = None,
    layout: str = "contiguous",
    data: str = NORMAL,
) -> Case:
    """A checked case with the op's defaults filled in. Raises CaseError."""
    dtype = full_dtype(dtype)
    if op not in OPS:
        raise CaseError(f"there is no op {op!r}; choose from {', '.join(OPS)}")
    if dtype not in ITEM_BYTES:
        raise CaseError(f"there is no dtype {dtype!r}; choose from {', '.join(ITEM_BYTES)}")
    if layout not in LAYOUTS:
        raise CaseError(f"there is no layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    if data not in DATA:
        raise CaseError(f"there is no data {data!r}; choose from {', '.join(DATA)}")
    case = Case(op, _checked_params(op, params or {}), tuple(shape), dtype, layout, data)
    _check_shape(case)
    return case


def _checked_params(op: str, given: Mapping[str, Any]) -> dict[str, Any]:
    params = dict(OPS[op].params)
    for name, value in given.items():
        if name not in params:
            raise CaseError(f"{op} has no parameter {name!r}; it takes {', '.join(params)}")
        wanted = type(params[name])
        number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if not number and type(value) is not wanted:
            raise CaseError(f"{op}'s parameter {name!r} is a {wanted.__name__}, not {value!r}")
        params[name] = wanted(value)
        if wanted is float and not math.isfinite(params[name]):
            raise CaseError(f"{op}'s parameter {name!r} is a finite number, not {value!r}")
    return params


def _check_shape(case: Case) -> None:
    if not all(type(size) is int and size >= 1 for size in case.shape):
        raise CaseError(f"a shape is a list of whole numbers of at least 1, not {list(case.shape)}")
    if case.layout == "channels_last" and len(case.shape) != 4:
        raise CaseError(f"layout 'channels_last' needs 4 dimensions, and {list(case.shape)} is not that")
    if case.layout == "transposed" and len(case.shape) < 2:
        raise CaseError(f"layout 'transposed' needs at least 2 dimensions, and {list(case.shape)} is not that")
    if "dim" in case.params and not -len(case.shape) <= case.params["dim"] < len(case.shape):
        raise CaseError(f"dim={case.params['dim']} is outside the {len(case.shape)} dimensions of {list(case.shape)}")

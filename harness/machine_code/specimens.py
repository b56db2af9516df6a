"""The cases for which kernels are counted: every op, all parameters that choose another kernel, full blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.ops.cases import Case, make_case
from harness.ops.catalogue import OPS

DTYPES = ("bfloat16", "float16", "float32", "float64")


@dataclass(frozen=True)
class Shapes:
    """Of the cases: whole numbers of blocks however they are cut, a size that no block size divides, and images."""

    matrix: tuple[int, int]
    odd: tuple[int, int]
    images: tuple[int, int, int, int]


# Large, so that what is counted is the way of a full block.
LARGE = Shapes((8192, 8192), (8191, 8193), (32, 256, 64, 64))


@dataclass(frozen=True)
class Specimen:
    """A case, and the name of the specialisation that it asks for."""

    variant: str
    case: Case


def specimens(op: str, dtype: str, shapes: Shapes = LARGE) -> Iterator[Specimen]:
    """The cases of one op: from input and result, along the last dimension and channels, unit and general.

    Where elements have no neighbours that matter, one more has an odd number of them.
    """
    params = OPS[op].params
    for is_result in (False, True) if "is_result" in params else (None,):
        for dim in (-1, 1) if "dim" in params else (None,):
            for form, asked in OPS[op].variants.items():
                given: dict[str, Any] = dict(asked)
                given |= {} if is_result is None else {"is_result": is_result}
                given |= {} if dim is None else {"dim": dim}
                where = {None: "", -1: "last", 1: "conv"}[dim]
                name = " ".join(filter(None, ("result" if is_result else "", where, form)))
                yield Specimen(
                    name or "default", make_case(op, shapes.images if dim == 1 else shapes.matrix, dtype, given)
                )
                if dim is None and form in ("", "unit"):
                    yield Specimen(f"{name} odd".strip(), make_case(op, shapes.odd, dtype, given))

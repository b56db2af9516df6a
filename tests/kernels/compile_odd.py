"""Compile what launchers use beside the kernels that are inspected: odd parameters, strides, sizes beyond 2^31.

Run as a process of its own, without the interpreter: python -m tests.kernels.compile_odd sm_90. Tensors have no memory,
so that their sizes cost nothing. It ends with JSON: the kernels that each case launched.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from harness import providers
from harness.machine_code.driver import noting
from harness.machine_code.worker import target
from harness.ops.cases import Case, make_case
from harness.ops.catalogue import KERNEL_OPS

SHAPES = {"small": (3, 5, 7), "odd": (64, 250, 7), "huge": (2**17, 2**14 + 16)}


def cases(op: str, dtype: str) -> Iterator[tuple[str, Case]]:
    """(what is odd about it, the case)."""
    params = KERNEL_OPS[op].params
    dims: tuple[dict[str, Any], ...] = ({"dim": -1}, {"dim": 1}) if "dim" in params else ({},)
    for what, shape in SHAPES.items():
        yield from ((f"{what} {dim}", make_case(op, shape, dtype, dim)) for dim in dims)
    if "alpha" in params:
        yield from (
            (f"negative alpha {dim}", make_case(op, SHAPES["odd"], dtype, dim | {"alpha": -0.5})) for dim in dims
        )
    yield "transposed", make_case(op, (64, 200), dtype, dims[0], "transposed")


def tensors(case: Case) -> list[Tensor]:
    """Inputs and outputs without memory; where the case is transposed, the inputs' dimensions only."""
    made = [
        torch.empty(each.shape, dtype=getattr(torch, each.dtype), device="meta")
        for each in (*case.inputs, *case.outputs)
    ]
    if case.layout == "transposed" and "dim" not in case.params:
        inputs = len(case.inputs)
        return [torch.empty_like(each.t()).t() for each in made[:inputs]] + made[inputs:]
    if case.layout == "transposed":
        return [each if each.dim() < 2 else torch.empty_like(each.t()).t() for each in made]
    return made


def main(arch: str) -> None:
    provider = providers.load("triton")
    launched: dict[str, list[str]] = {}
    with noting(target(arch), multiprocessors=132) as driver:
        for op in KERNEL_OPS:
            for dtype in ("bfloat16", "float32", "float64"):
                for what, case in cases(op, dtype):
                    name = f"{op} {dtype} {what}"
                    try:
                        provider.prepare(case)(*tensors(case))
                    except Exception as error:
                        sys.exit(f"{name} on {arch}: {type(error).__name__}: {error}")
                    launched[name] = [f"{each.kernel} {each.constants}" for each in driver.take()]
    json.dump(launched, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])

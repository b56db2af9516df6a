"""The tables of docs/numerics.md: python -m tests.kernels.error_tables

The largest errors in ULP over all inputs of 16 bits, and over a grid and random bits of fp32, against fp64. On a GPU
they are the device's; elsewhere the interpreter's, with ex2 as wrong as the PTX ISA allows, both ways.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from unittest import mock

import torch

if __name__ == "__main__" and not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

import triton.language as tl
from torch import Tensor

from harness.emulator.emulated import emulated
from harness.emulator.instructions import approximate
from kernels import elu, elu_backward, primitives
from tests.kernels.values import (
    BF16,
    DEVICE,
    FP16,
    FP32,
    GENERAL,
    NARROW,
    SELU,
    UNIT,
    errors,
    every,
    name_of,
    named,
    telling,
)

Parameters = tuple[float, float, float]
PARAMETERS: tuple[Parameters, ...] = (UNIT, SELU, GENERAL)
# The relative errors of ex2 that are tried. A device has its own, wherever in between that is.
EX2_ERRORS = (0.0,) if DEVICE == "cuda" else (-primitives.EX2_BOUND, 0.0, primitives.EX2_BOUND)


@contextmanager
def ex2_off_by(error: float) -> Iterator[None]:
    """The emulated GPU's ex2, or the interpreter's, relative to the truth: at the end of a bound of |error|."""
    if not primitives.INTERPRETED.value:
        with _ex2_within(error):
            yield
        return
    before, primitives.EX2_ERROR = primitives.EX2_ERROR, tl.constexpr(error)
    try:
        yield
    finally:
        primitives.EX2_ERROR = before


def _ex2_within(error: float) -> AbstractContextManager[object]:
    stack = ExitStack()
    if error:
        stack.enter_context(mock.patch.object(approximate, "EX2_BOUND", abs(error)))
        stack.enter_context(emulated(ex2="low" if error < 0 else "high"))
    return stack


def inputs(dtype: torch.dtype) -> Tensor:
    return every(dtype) if dtype in NARROW else telling(dtype)


def forward_error(x: Tensor, parameters: Parameters, ex2_error: float) -> float:
    """The largest error of elu over x, in ULP; infinite where a number became 0 or a special value is wrong."""
    with ex2_off_by(ex2_error):
        result = elu(x, *parameters)
    return errors("elu", (x,), result, bound=0.5, **named(parameters))[0].max_ulp


def slope_error(x: Tensor, parameters: Parameters, ex2_error: float) -> float:
    """The same of the derivative at x: the gradient for a gradient of 1."""
    ones = torch.ones_like(x)
    with ex2_off_by(ex2_error):
        result = elu_backward(ones, *parameters, False, x)
    return errors("elu_backward", (ones, x), result, bound=0.5, **named(parameters))[0].max_ulp


def aten_errors(x: Tensor, parameters: Parameters) -> tuple[float, float]:
    """(forward, derivative) of PyTorch's own operators."""
    ones = torch.ones_like(x)
    forward = errors("elu", (x,), torch.ops.aten.elu(x, *parameters), bound=0.5, **named(parameters))[0]
    slope = torch.ops.aten.elu_backward(ones, *parameters, False, x)
    return forward.max_ulp, errors("elu_backward", (ones, x), slope, bound=0.5, **named(parameters))[0].max_ulp


def main() -> None:
    columns = [
        f"ex2 {error / primitives.EX2_BOUND:+.0f}·2^-22.5" if error else "ex2 to nearest" for error in EX2_ERRORS
    ]
    print(f"| | dtype | (alpha, scale, input_scale) | {' | '.join(columns)} | ATen |")
    print("| --- | --- | --- |" + " --- |" * (len(columns) + 1))
    for dtype in (BF16, FP16, FP32):
        x = inputs(dtype)
        for parameters in PARAMETERS:
            for name, error_of, aten in zip(
                ("elu", "its slope"), (forward_error, slope_error), aten_errors(x, parameters), strict=True
            ):
                found = " | ".join(f"{error_of(x, parameters, error):.4f}" for error in EX2_ERRORS)
                shown = ", ".join(f"{each:.5g}" for each in parameters)
                print(f"| {name} | {name_of(dtype)} | ({shown}) | {found} | {aten:.4f} |", flush=True)


if __name__ == "__main__":
    main()

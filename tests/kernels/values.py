"""Inputs that matter, and outputs held against the fp64 reference, for the tests of kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.correctness.errors import Error, measure
from harness.ops.cases import Case
from harness.ops.catalogue import OPS
from kernels.primitives import INTERPRETED

DEVICE = "cuda" if torch.cuda.is_available() and not INTERPRETED.value else "cpu"
FP16, BF16, FP32, FP64 = DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NARROW = (FP16, BF16)
UNIT, SELU, GENERAL = (1.0, 1.0, 1.0), (1.6732632423543772, 1.0507009873554805, 1.0), (2.0, 3.0, 1.25)
CELU = (2.0, 1.0, 0.5)
# What the formula for "any" parameters is for: no negative side, signs of every kind, an exponential that grows.
STRANGE = ((0.0, 1.0, 1.0), (-2.0, 1.0, 3.0), (0.7, -1.5, 0.5), (1.0, 2.0, -0.75), (1.5, 1.0, 0.0), (1.0, 0.0, 1.0))
PARAMETERS = (UNIT, SELU, CELU, GENERAL, *STRANGE)
SPECIALS = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45, -1e-45, 1e-40, -1e-40, 1e-8, -1e-8)


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def every(dtype: torch.dtype) -> Tensor:
    """All 65,536 values of a 16-bit dtype."""
    return torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype).to(DEVICE)


def telling(dtype: torch.dtype, points: int = 8_000) -> Tensor:
    """Special values, a grid over where elu bends, magnitudes from subnormal up, random bits: fp32 or fp64."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.linspace(-110, 4, points, dtype=FP64)
    near = torch.logspace(-46, 2, points, dtype=FP64)
    integer = torch.int32 if dtype == FP32 else torch.int64
    limits = torch.iinfo(integer)
    bits = torch.randint(limits.min, limits.max, (points,), generator=generator, dtype=integer).view(dtype)
    parts = (torch.tensor(SPECIALS, dtype=FP64), grid, near, -near)
    return torch.cat([*(part.to(dtype) for part in parts), bits]).to(DEVICE)


def normals(*shape: int, dtype: torch.dtype = FP32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=FP64).to(dtype).to(DEVICE)


def errors(op: str, inputs: tuple[Tensor, ...], *outputs: Tensor, bound: float, **params: Any) -> list[Error]:
    """How far each output of `op` is from the truth, `bound` and the op's own conditioning being allowed."""
    inputs = tuple(tensor.detach().cpu() for tensor in inputs)
    case = Case(op, {**OPS[op].params, **params}, tuple(inputs[0].shape), name_of(inputs[0].dtype))
    truths = OPS[case.op].expected(case, *inputs)
    return [measure(actual.detach().cpu(), true, bound) for actual, true in zip(outputs, truths, strict=True)]


def check(op: str, inputs: tuple[Tensor, ...], *outputs: Tensor, bound: float, **params: Any) -> None:
    """Fail unless every output of `op` is within `bound` ULP, and right wherever it is 0, infinite or NaN."""
    for output, error in zip(outputs, errors(op, inputs, *outputs, bound=bound, **params), strict=True):
        assert output.device.type == DEVICE
        assert error.excess_ulp <= 0, f"{op} {params} {output.dtype}: {error}; the input is {_at(inputs, error.index)}"


def _at(inputs: tuple[Tensor, ...], index: int) -> list[float]:
    return [float(tensor.reshape(-1)[index]) for tensor in inputs if index < tensor.numel()]


def named(parameters: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("alpha", "scale", "input_scale"), parameters, strict=True))


def same_bits(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors hold the same bits; every NaN counts as the same."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[first.element_size()]
    first, second = (torch.where(each.isnan(), torch.nan, each).contiguous().cpu() for each in (first, second))
    return torch.equal(first.view(integer), second.view(integer))


def bound_of(dtype: torch.dtype, parameters: tuple[float, float, float] = UNIT) -> float:
    """The largest error allowed, in ULP. Half of one is the rounding of the result itself.

    Measured: 0.519 in fp16, 0.50001 in bf16; in fp32 and fp64, 1.02 at (1, 1, 1) and 2.5 elsewhere, where
    parameters cost a few roundings, and alpha * scale multiplies that of a subnormal input_scale * x.
    """
    if dtype in NARROW:
        return 0.53 if dtype == FP16 else 0.505
    alpha, scale, _ = parameters
    oracles_own = 1.0 if dtype == FP64 else 0.0  # which computes in fp64, too
    return oracles_own + (1.1 if parameters == UNIT else 2.0 + abs(alpha * scale) / 2)


def slope_bound_of(dtype: torch.dtype, parameters: tuple[float, float, float] = UNIT) -> float:
    """`bound_of` a gradient. In fp32 its exponential is ex2's, and the product with the incoming gradient is rounded.

    Measured at (1, 1, 1), with an ex2 to nearest: 1.00 for a gradient of 1, and 1.62 for others. A
    device's ex2 is its own: the ISA's bound allows 2 more than one to nearest.
    """
    ex2_ulp = 2.0 if DEVICE == "cuda" else 0.0
    return bound_of(dtype, parameters) + (0.8 + ex2_ulp if dtype == FP32 else 0.0)

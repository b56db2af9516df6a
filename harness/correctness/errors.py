"""Measures the error of an output in units in the last place (ULP) of its dtype."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness.ops.reference import Expected, ulp_size


@dataclass(frozen=True)
class Error:
    """The largest error of one output: in ULP, and beyond what the bound and the slack allow."""

    max_ulp: float
    excess_ulp: float  # positive where some element misses its bound; inf for a wrong special value
    index: int  # flat index of the element that misses most, or of the largest error where none misses


def measure(actual: torch.Tensor, expected: Expected, bound_ulp: float) -> Error:
    """The largest error of `actual` against `expected`; special values must match exactly."""
    value = expected.value
    if (clean := _measure_finite(actual, expected, bound_ulp)) is not None:
        return clean
    rounded = value.to(actual.dtype)
    wrong = torch.isnan(actual) != torch.isnan(rounded)
    wrong |= (torch.isinf(rounded) | torch.isinf(actual)) & (actual != rounded) & ~torch.isnan(rounded)
    if expected.nan_allowed is not None:
        wrong &= ~(expected.nan_allowed & torch.isnan(actual))
    scale = value if expected.magnitude is None else expected.magnitude
    error = (actual.double() - value).abs() / ulp_size(scale, actual.dtype)
    finite = torch.isfinite(rounded) & torch.isfinite(actual)
    error = torch.where(finite, error, 0.0)
    excess = error - (bound_ulp + expected.slack_ulp)
    excess = torch.where(wrong, math.inf, torch.where(finite, excess, -math.inf))
    if expected.signed_zero:
        # The least of excesses: where a provider also has a large error, that is the one to show.
        excess = torch.where(_wrong_zeros(actual, value), 0.5, excess)
    if not excess.numel():
        return Error(0.0, -math.inf, 0)
    # Where nothing is wrong the largest error is of interest, not the least margin.
    index = int((excess if excess.max() > 0 else error).argmax())
    max_ulp = math.inf if bool(wrong.any()) else float(error.max())
    return Error(max_ulp, float(excess.max()), index)


def without_flushed(
    actual: torch.Tensor, expected: Expected, inputs: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, bool]:
    """`actual` with the truth in place of every 0 that a flush of subnormals explains, and whether there is any.

    Arithmetic that flushes takes numbers below the smallest normal one for 0, and gives 0 in their place. In 16-bit
    types the arithmetic is fp32's, and so is that number: 1.2e-38. `inputs` are those of the output's shape.
    """
    least = torch.finfo(torch.promote_types(actual.dtype, torch.float32)).tiny
    small = expected.value.abs() < least
    for each in inputs:
        if each.shape == actual.shape:
            small |= (each != 0) & (each.double().abs() < least)
    flushed = small & (actual == 0) & (expected.value != 0)
    return torch.where(flushed, expected.value.to(actual.dtype), actual), bool(flushed.any())


def _wrong_zeros(actual: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return (actual == 0) & (value == 0) & (torch.signbit(actual) != torch.signbit(value))


def _measure_finite(actual: torch.Tensor, expected: Expected, bound_ulp: float) -> Error | None:
    """The same where no value is special, as of normals, in a third of the time; None where some may be."""
    value = expected.value
    if not value.numel() or not bool(value.abs().max() < torch.finfo(actual.dtype).max):
        return None
    scale = value if expected.magnitude is None else expected.magnitude
    error = (actual.double() - value).abs_() / ulp_size(scale, actual.dtype)
    max_ulp = float(error.max())  # NaN or infinite if any output is
    if not math.isfinite(max_ulp) or (expected.signed_zero and bool(_wrong_zeros(actual, value).any())):
        return None
    excess = error - (bound_ulp + expected.slack_ulp)
    most = float(excess.max())
    return Error(max_ulp, most, int((excess if most > 0 else error).argmax()))

"""The parts of a reference: the true value, the error that is allowed on top, and the roundoff of each dtype.

A reference computes in fp64 by the methods of its tensors, on any device. `Expected` holds the true value and how much
error the op's own conditioning forgives, so that a correct implementation in the usual arithmetic passes for all
parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.ops.op import vector_shape

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness.ops.cases import Case

# Significand bits and smallest normal exponent of each dtype (IEEE 754; bfloat16 shares float32's exponents).
FORMATS = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126), "float64": (53, -1022)}

# Means over a channel are sums of up to millions of terms, in fp32 and in an order of the implementation's own.
STATISTICS_ULP = 64.0


@dataclass(frozen=True)
class Expected:
    """The true output in fp64, and the allowance beyond the gate's bound in ULP (a tensor or a number).

    `magnitude` is what an error is counted against where it is not the value itself: the sum of absolute
    terms, for a sum. `signed_zero` says whether the sign of a zero is part of the contract. Where
    `nan_allowed`, NaN is as good as the value: ATen's own CPU operator gives grad * scale for a NaN input in
    its scalar path and NaN in its vectorised one.
    """

    value: Tensor
    slack_ulp: Tensor | float = 0.0
    magnitude: Tensor | None = None
    signed_zero: bool = False
    nan_allowed: Tensor | None = None


def significand_bits(dtype: torch.dtype) -> int:
    """How many bits the significand of a dtype has, the hidden one included."""
    return FORMATS[_name(dtype)][0]


def ulp_size(value: Tensor, dtype: torch.dtype) -> Tensor:
    """The distance of neighbouring `dtype` numbers at |value|, in fp64; that of subnormals at and near 0."""
    import torch

    digits, least_exponent = FORMATS[_name(dtype)]
    if dtype == torch.float64:  # whose smallest steps are subnormal
        _, exponent = torch.frexp(value.double().abs())  # |value| in [2^(e-1), 2^e)
        exponent = torch.where(value == 0, least_exponent, exponent - 1)  # frexp gives 0 the exponent 0
        exponent = torch.clamp(exponent, min=least_exponent) - (digits - 1)
        return torch.ldexp(torch.ones_like(value, dtype=torch.float64), exponent)
    # By the exponent's bits, several times as fast: whole tensors are checked, for every provider.
    exponent = value.double().view(torch.int64) & (0x7FF << 52)
    return exponent.clamp_(min=(least_exponent + 1023) << 52).sub_((digits - 1) << 52).view(torch.float64)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def arithmetic_ulp(dtype: torch.dtype) -> float:
    """A relative error of half an ulp of the arithmetic's type, in ULP of `dtype`.

    Sums and products inside an op are computed in fp32, or in fp64 for fp64 tensors.
    """
    bits = significand_bits(dtype)
    return 2.0 ** (bits - (53 if bits == 53 else 24))


def finite(slack: Tensor) -> Tensor:
    """The slack, and none where it is infinite or NaN."""
    return slack.nan_to_num(nan=0.0, posinf=0.0)


def broadcast(vector: Tensor, case: Case) -> Tensor:
    """The vector along `dim` in fp64, made to broadcast against the main tensor."""
    return vector.double().view(vector_shape(case))

"""The reference in fp64, and how far an output is from it: in ULP of the output's dtype.

Tensors are torch's, on any device. `Expected` holds the true value and how much error the op's own
conditioning forgives, so that a correct implementation in the usual arithmetic passes for all parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from harness.ops.cases import Case

# Significand bits and smallest normal exponent of each dtype (IEEE 754; bfloat16 shares float32's exponents).
_FORMAT = {
    torch.float16: (11, -14),
    torch.bfloat16: (8, -126),
    torch.float32: (24, -126),
    torch.float64: (53, -1022),
}


@dataclass(frozen=True)
class Expected:
    """The true output in fp64, and the allowance beyond the gate's bound in ULP (a tensor or a number).

    `magnitude` is what an error is counted against where it is not the value itself: the sum of absolute
    terms, for a sum. `signed_zero` says whether the sign of a zero is part of the contract. Where
    `nan_allowed`, NaN is as good as the value: ATen's own CPU operator gives grad * scale for a NaN input in
    its scalar path and NaN in its vectorised one.
    """

    value: torch.Tensor
    slack_ulp: torch.Tensor | float = 0.0
    magnitude: torch.Tensor | None = None
    signed_zero: bool = False
    nan_allowed: torch.Tensor | None = None


@dataclass(frozen=True)
class Error:
    """The largest error of one output: in ULP, and beyond what the bound and the slack allow."""

    max_ulp: float
    excess_ulp: float  # positive where some element misses its bound; inf for a wrong special value
    index: int  # flat index of the element that misses most, or of the largest error where none misses


def ulp_size(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The distance of neighbouring `dtype` numbers at |value|, in fp64; that of subnormals at and near 0."""
    digits, least_exponent = _FORMAT[dtype]
    if dtype == torch.float64:  # whose smallest steps are subnormal
        _, exponent = torch.frexp(value.double().abs())  # |value| in [2^(e-1), 2^e)
        exponent = torch.where(value == 0, least_exponent, exponent - 1)  # frexp gives 0 the exponent 0
        exponent = torch.clamp(exponent, min=least_exponent) - (digits - 1)
        return torch.ldexp(torch.ones_like(value, dtype=torch.float64), exponent)
    # By the exponent's bits, several times as fast: whole tensors are checked, for every provider.
    exponent = value.double().view(torch.int64) & (0x7FF << 52)
    return exponent.clamp_(min=(least_exponent + 1023) << 52).sub_((digits - 1) << 52).view(torch.float64)


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


def expected(case: Case, inputs: tuple[torch.Tensor, ...]) -> tuple[Expected, ...]:
    """The true outputs of `case` on `inputs`, in the order of `case.outputs`."""
    return _EXPECTED[case.op](case, *inputs)


def _compute_eps_over_ulp(dtype: torch.dtype) -> float:
    """A relative error of half an ulp of the arithmetic's type, in ULP of `dtype`.

    Sums and products inside an op are computed in fp32, or in fp64 for fp64 tensors.
    """
    arithmetic = 53 if dtype == torch.float64 else 24
    return 2.0 ** (_FORMAT[dtype][0] - arithmetic)


def _elu_value(x: torch.Tensor, alpha: float, scale: float, input_scale: float) -> torch.Tensor:
    return scale * torch.where(x > 0, x, alpha * torch.expm1(input_scale * x))


def _gradient(grad: torch.Tensor, x: torch.Tensor, alpha: float, scale: float, input_scale: float) -> torch.Tensor:
    # ATen's order of comparison: a NaN input takes the positive branch, and its gradient is grad * scale.
    slope = alpha * scale * input_scale * torch.exp(input_scale * x)
    return grad * torch.where(x <= 0, slope, torch.full_like(slope, scale))


def _product_slack(x: torch.Tensor, input_scale: float, dtype: torch.dtype) -> torch.Tensor | float:
    """exp's condition number is |input_scale·x|: it multiplies the rounding error of that product."""
    if input_scale == 1.0:
        return 0.0
    return _finite((input_scale * x).abs()) * _compute_eps_over_ulp(dtype)


def _sum_error(gradient: torch.Tensor, total: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What a sum rounded to `dtype` before exp does to the gradient: a factor of up to e^(half an ulp of the sum)."""
    rounding = _finite(total.abs()) * 2.0 ** -_FORMAT[dtype][0]
    return _finite(torch.where(total <= 0, gradient.abs() * torch.expm1(rounding), 0.0))


def _finite(slack: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(slack, nan=0.0, posinf=0.0)


def _elu(case: Case, x: torch.Tensor) -> tuple[Expected]:
    alpha, scale, input_scale = (case.params[name] for name in ("alpha", "scale", "input_scale"))
    wide = x.double()
    slack = _product_slack(wide, input_scale, x.dtype)
    return (Expected(_elu_value(wide, alpha, scale, input_scale), slack, signed_zero=True),)


def _elu_backward(case: Case, grad: torch.Tensor, x: torch.Tensor) -> tuple[Expected]:
    alpha, scale, input_scale = (case.params[name] for name in ("alpha", "scale", "input_scale"))
    wide_grad, wide = grad.double(), x.double()
    if not case.params["is_result"]:
        value = _gradient(wide_grad, wide, alpha, scale, input_scale)
        return (Expected(value, _product_slack(wide, input_scale, x.dtype), nan_allowed=x.isnan()),)
    total = wide + alpha * scale
    value = wide_grad * torch.where(wide <= 0, input_scale * total, torch.full_like(total, scale))
    # The sum cancels near the result's limit of -alpha·scale, and both terms are rounded before it.
    cancellation = (wide.abs() + abs(alpha * scale)) / total.abs()
    slack = torch.where(wide <= 0, cancellation * _compute_eps_over_ulp(x.dtype), 0.0)
    return (Expected(value, torch.nan_to_num(slack, nan=0.0), nan_allowed=x.isnan()),)


def _broadcast(bias: torch.Tensor, like: torch.Tensor, dim: int) -> torch.Tensor:
    shape = [1] * like.dim()
    shape[dim] = -1
    return bias.double().view(shape)


def _bias_elu(case: Case, x: torch.Tensor, bias: torch.Tensor) -> tuple[Expected]:
    total = x.double() + _broadcast(bias, x, case.params["dim"])
    # x + bias may be rounded to the tensors' dtype before the activation, as it is when they are two calls. The
    # condition number of ELU is at most 1, so half an ulp of the sum is at most one of the result.
    return (Expected(_elu_value(total, case.params["alpha"], 1.0, 1.0), 1.0, signed_zero=True),)


def _bias_elu_backward(
    case: Case, grad: torch.Tensor, x: torch.Tensor, bias: torch.Tensor
) -> tuple[Expected, Expected]:
    dim = case.params["dim"]
    total = x.double() + _broadcast(bias, x, dim)
    grad_x = _gradient(grad.double(), total, case.params["alpha"], 1.0, 1.0)
    others = [axis for axis in range(x.dim()) if axis != dim % x.dim()]
    grad_bias = grad_x.sum(dim=others) if others else grad_x
    terms = grad_x.abs().sum(dim=others) if others else grad_x.abs()
    error = _sum_error(grad_x, total, x.dtype)
    slack = _finite(error / ulp_size(grad_x, x.dtype)).clamp(min=1.0)
    sum_error = error.sum(dim=others) if others else error
    has_nan = total.isnan()
    column_has_nan = has_nan.any(dim=tuple(others)) if others else has_nan
    return (
        Expected(grad_x, slack, nan_allowed=has_nan),
        Expected(grad_bias, _finite(sum_error / ulp_size(terms, x.dtype)), terms, nan_allowed=column_has_nan),
    )


def _elu_plus_one(case: Case, x: torch.Tensor) -> tuple[Expected]:
    wide = x.double()
    value = torch.where(wide > 0, wide + 1, torch.exp(wide))
    # In two calls elu(x) is rounded before 1 is added: far below 0, no digit of e^x is left of it.
    rounding = ulp_size(torch.expm1(wide), x.dtype) / ulp_size(value, x.dtype)
    return (Expected(value, torch.where(wide <= 0, rounding, 0.0)),)


def _elu_plus_one_backward(case: Case, grad: torch.Tensor, known: torch.Tensor) -> tuple[Expected]:
    wide_grad, wide = grad.double(), known.double()
    if not case.params["is_result"]:
        return (Expected(_gradient(wide_grad, wide, 1.0, 1.0, 1.0), nan_allowed=known.isnan()),)
    value = wide_grad * torch.where(wide <= 1, wide, 1.0)
    # The slope is the result itself, up to 1. Whoever asks elu for it, of result - 1, rounds that difference.
    rounding = wide_grad.abs() * ulp_size(wide - 1, known.dtype) / ulp_size(value, known.dtype)
    return (Expected(value, torch.where(wide <= 1, _finite(rounding), 0.0), nan_allowed=known.isnan()),)


def _relu(case: Case, x: torch.Tensor) -> tuple[Expected, ...]:
    return (Expected(torch.relu(x.double())),)


def _relu_backward(case: Case, grad: torch.Tensor, x: torch.Tensor) -> tuple[Expected, ...]:
    # ATen's order of comparison: a NaN input takes the positive branch.
    return (Expected(torch.where(x <= 0, 0.0, grad.double()), nan_allowed=x.isnan()),)


def _leaky_relu(case: Case, x: torch.Tensor) -> tuple[Expected, ...]:
    wide = x.double()
    return (Expected(torch.where(wide > 0, wide, wide * case.params["negative_slope"]), signed_zero=True),)


def _leaky_relu_backward(case: Case, grad: torch.Tensor, x: torch.Tensor) -> tuple[Expected, ...]:
    wide = grad.double()
    return (Expected(torch.where(x > 0, wide, wide * case.params["negative_slope"]), nan_allowed=x.isnan()),)


def _prelu(case: Case, x: torch.Tensor, weight: torch.Tensor) -> tuple[Expected, ...]:
    wide, slope = x.double(), _broadcast(weight, x, case.params["dim"])
    return (Expected(torch.where(wide > 0, wide, wide * slope), signed_zero=True),)


def _prelu_backward(
    case: Case, grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor
) -> tuple[Expected, ...]:  # fmt: skip
    dim, wide = case.params["dim"], grad.double()
    terms = torch.where(x > 0, 0.0, wide * x.double())
    others = _others(x, dim)
    grad_weight, size = (each.sum(others) if others else each for each in (terms, terms.abs()))
    has_nan = x.isnan().sum(others) > 0 if others else x.isnan()
    return (
        Expected(torch.where(x > 0, wide, wide * _broadcast(weight, x, dim)), nan_allowed=x.isnan()),
        Expected(grad_weight, _STATISTICS_ULP, magnitude=size, nan_allowed=has_nan),
    )


# Means over a channel are sums of up to millions of terms, in fp32 and in an order of the implementation's own.
_STATISTICS_ULP = 64.0


def _batch_norm_relu(case: Case, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> tuple[Expected, ...]:
    dim, others = case.params["dim"], _others(x, case.params["dim"])
    wide = x.double()
    mean = wide.mean(others)
    rstd = (wide.var(others, correction=0) + case.params["eps"]).rsqrt()
    scale, centre, shift = (_broadcast(each, x, dim) for each in (weight.double() * rstd, mean, bias))
    terms = scale.abs() * (wide.abs() + centre.abs()) + shift.abs()
    return (
        Expected(torch.relu(scale * (wide - centre) + shift), _STATISTICS_ULP, magnitude=terms),
        Expected(mean, _STATISTICS_ULP, magnitude=wide.abs().mean(others)),
        Expected(rstd, _STATISTICS_ULP),
    )


def _batch_norm_relu_backward(
    case: Case, grad: torch.Tensor, result: torch.Tensor, x: torch.Tensor, weight: torch.Tensor,
    mean: torch.Tensor, rstd: torch.Tensor,
) -> tuple[Expected, ...]:  # fmt: skip
    dim, others = case.params["dim"], _others(x, case.params["dim"])
    inner = torch.where(result > 0, grad.double(), 0.0)
    deviation, scale = _broadcast(rstd, x, dim), _broadcast(weight.double() * rstd.double(), x, dim)
    normal = (x.double() - _broadcast(mean, x, dim)) * deviation
    grad_weight, grad_bias = (inner * normal).sum(others), inner.sum(others)
    count = x.numel() // grad_bias.numel()
    along, level = _broadcast(grad_weight, x, dim) / count, _broadcast(grad_bias, x, dim) / count
    # The sizes of the same terms, none of them cancelling another.
    normal_size = (x.double().abs() + _broadcast(mean, x, dim).abs()) * deviation.abs()
    size, level_size = (inner.abs() * normal_size).sum(others), inner.abs().sum(others)
    means = _broadcast(level_size, x, dim) + normal_size * _broadcast(size, x, dim)
    terms = scale.abs() * (inner.abs() + means / count)
    return (
        Expected(scale * (inner - level - normal * along), _STATISTICS_ULP, magnitude=terms),
        Expected(grad_weight, _STATISTICS_ULP, magnitude=size),
        Expected(grad_bias, _STATISTICS_ULP, magnitude=level_size),
    )


def _others(x: torch.Tensor, dim: int) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != dim % x.dim()]


_EXPECTED: dict[str, Callable[..., tuple[Expected, ...]]] = {
    "elu": _elu,
    "elu_backward": _elu_backward,
    "bias_elu": _bias_elu,
    "bias_elu_backward": _bias_elu_backward,
    "elu_plus_one": _elu_plus_one,
    "elu_plus_one_backward": _elu_plus_one_backward,
    "relu": _relu,
    "relu_backward": _relu_backward,
    "leaky_relu": _leaky_relu,
    "leaky_relu_backward": _leaky_relu_backward,
    "prelu": _prelu,
    "prelu_backward": _prelu_backward,
    "batch_norm_relu": _batch_norm_relu,
    "batch_norm_relu_backward": _batch_norm_relu_backward,
}

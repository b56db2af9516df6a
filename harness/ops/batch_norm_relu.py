"""Batch normalisation in training mode, then relu, and its gradients: to compare activations with; it has no kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.ops.op import AtenCalls, Op, Shown, Unsupported, other_dims
from harness.ops.reference import STATISTICS_ULP, Expected, broadcast

if TYPE_CHECKING:
    from torch import Tensor

    from harness.ops.cases import Case

_PARAMS = {"dim": 1, "eps": 1e-5}


def _forward(case: Case, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Expected, ...]:
    others, wide = other_dims(case), x.double()
    mean = wide.mean(others)
    rstd = (wide.var(others, correction=0) + case.params["eps"]).rsqrt()
    scale, centre, shift = (broadcast(each, case) for each in (weight.double() * rstd, mean, bias))
    terms = scale.abs() * (wide.abs() + centre.abs()) + shift.abs()
    return (
        Expected((scale * (wide - centre) + shift).relu(), STATISTICS_ULP, magnitude=terms),
        Expected(mean, STATISTICS_ULP, magnitude=wide.abs().mean(others)),
        Expected(rstd, STATISTICS_ULP),
    )


def _backward(
    case: Case, grad: Tensor, result: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor
) -> tuple[Expected, ...]:
    others = other_dims(case)
    inner = grad.double().where(result > 0, 0.0)
    deviation, scale = broadcast(rstd, case), broadcast(weight.double() * rstd.double(), case)
    normal = (x.double() - broadcast(mean, case)) * deviation
    grad_weight, grad_bias = (inner * normal).sum(others), inner.sum(others)
    count = x.numel() // grad_bias.numel()
    along, level = broadcast(grad_weight, case) / count, broadcast(grad_bias, case) / count
    # The sizes of the same terms, none of them cancelling another.
    normal_size = (x.double().abs() + broadcast(mean, case).abs()) * deviation.abs()
    size, level_size = (inner.abs() * normal_size).sum(others), inner.abs().sum(others)
    means = broadcast(level_size, case) + normal_size * broadcast(size, case)
    terms = scale.abs() * (inner.abs() + means / count)
    return (
        Expected(scale * (inner - level - normal * along), STATISTICS_ULP, magnitude=terms),
        Expected(grad_weight, STATISTICS_ULP, magnitude=size),
        Expected(grad_bias, STATISTICS_ULP, magnitude=level_size),
    )


def _eps(case: Case) -> float:
    if case.params["dim"] != 1:
        raise Unsupported("PyTorch's batch normalisation has its channels in dimension 1")
    if case.dtype not in ("float32", "float64"):
        raise Unsupported("the statistics of a 16-bit batch normalisation are float32, which this op's outputs are not")
    return float(case.params["eps"])


def _calls(aten: Any, case: Case) -> AtenCalls:
    eps = _eps(case)

    def compute(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
        normal, mean, rstd = aten.native_batch_norm(x, weight, bias, None, None, True, 0.1, eps)
        return aten.relu(normal), mean, rstd

    def into(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor, mean: Tensor, rstd: Tensor) -> None:
        aten.native_batch_norm.out(
            x, weight, bias, None, None, True, 0.1, eps, out=out, save_mean=mean, save_invstd=rstd
        )  # fmt: skip
        aten.relu_(out)

    return compute, into


def _backward_calls(aten: Any, case: Case) -> AtenCalls:
    """ATen's backward of batch normalisation cannot write into given tensors: its results are copied."""
    eps = _eps(case)

    def gradients(inner: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor) -> Any:
        return aten.native_batch_norm_backward(
            inner, x, weight, None, None, mean, rstd, True, eps, [True, True, True]
        )  # fmt: skip

    def compute(grad: Tensor, result: Tensor, *kept: Tensor) -> Any:
        return gradients(aten.threshold_backward(grad, result, 0.0), *kept)

    def into(grad: Tensor, result: Tensor, *tensors: Tensor) -> None:
        kept, outputs = tensors[:4], tensors[4:]
        aten.threshold_backward.grad_input(grad, result, 0.0, grad_input=outputs[0])
        for output, gradient in zip(outputs, gradients(outputs[0], *kept), strict=True):
            output.copy_(gradient)

    return compute, into


OPS = (
    Op(
        "batch_norm_relu",
        "batch normalisation in training mode, then relu: a comparison for activations",
        _PARAMS,
        inputs=("x", "weight*", "bias*"),
        outputs=("out", "mean*", "rstd*"),
        flops_per_element=8,
        expected=_forward,
        calls=_calls,
        mixes_elements=True,
        has_kernel=False,
        shown=Shown("BN + ReLU", "#000000", "*"),
    ),
    Op(
        "batch_norm_relu_backward",
        "gradients of batch_norm_relu with respect to x, weight and bias, from what autograd keeps",
        _PARAMS,
        inputs=("grad_output", "result", "x", "weight*", "mean*", "rstd*"),
        outputs=("grad_x", "grad_weight*", "grad_bias*"),
        flops_per_element=12,
        expected=_backward,
        calls=_backward_calls,
        mixes_elements=True,
        has_kernel=False,
    ),
)

"""Judges: each puts a provider to one demand in one dtype, and says how it stands, with a witness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.conformance.rows import RowStatus
from harness.conformance.subject import CheckedProvider, Formula, laid_out
from harness.correctness import errors
from harness.correctness.gate import BOUND_ULP
from harness.device.devices import free_memory
from harness.ops import elu
from harness.ops.cases import Case, make_case
from harness.ops.catalogue import OPS
from harness.ops.op import Unsupported
from harness.ops.reference import Expected
from harness.plumbing.errors import first_line

if TYPE_CHECKING:
    from harness.conformance.checks import SemanticCheck

GRAD = -1.5  # what comes from behind, in all checks of gradients
FLUSHED = "flushed: 0 for a subnormal input or result"
_DERIVED_ULP = 64.0  # of a derivative from the result, or of a second one: both cancel
HUGE = 2**31 + 2**10  # elements: beyond what 32 bits count, with or without a sign
_SMALL = 64


@dataclass(frozen=True)
class CheckResult:
    """How a provider stands, and the witness: element `index` of tensors of `shape`. See `harness.conformance.rows`."""

    status: RowStatus
    shape: tuple[int, ...] = ()
    index: int | None = None
    input: float | None = None
    got: float | None = None
    true: float | None = None
    max_ulp: float | None = None
    note: str | None = None


def pointwise(subject: CheckedProvider, check: SemanticCheck, dtype: str) -> CheckResult:
    """Every output of a case is within the gate's bound of the truth, whose special values it has."""
    case = make_case(check.op, check.shape, dtype, check.params, check.layout)
    inputs = _inputs(subject, case, check.values(getattr(torch, dtype)))
    output = subject.compute(case, inputs)
    (true,) = OPS[case.op].expected(case, *inputs)
    if check.counts_from_one:
        true = replace(true, magnitude=true.value.abs().clamp(min=1.0))
    return _judged(inputs, output, true, BOUND_ULP[dtype], check.forgives_flush)


def empty(subject: CheckedProvider, check: SemanticCheck, dtype: str) -> CheckResult:
    """A tensor without elements goes through."""
    case = Case(check.op, dict(OPS[check.op].params), (0,), dtype)
    try:
        subject.compute(case, _inputs(subject, case, torch.empty(0)))
    except Unsupported:
        raise
    except Exception as error:
        return CheckResult(RowStatus.FAIL, (0,), note=f"raises {type(error).__name__}: {first_line(error)}"[:300])
    return CheckResult(RowStatus.PASS, (0,))


def huge(subject: CheckedProvider, check: SemanticCheck, dtype: str) -> CheckResult:
    """More elements than 32 bits count: the first, the last and those about 2^31 are computed."""
    if subject.gpu is not None:
        raise Unsupported("so many elements would take the emulated GPU hours")
    case = Case(check.op, dict(OPS[check.op].params), (HUGE,), dtype)
    on_cpu = subject.device == "cpu"
    free = free_memory() if on_cpu else torch.cuda.mem_get_info()[0]
    needed = 4 * case.inputs[0].nbytes  # the result may be made apart from the output, and others want some, too
    if free < needed:
        raise Unsupported(f"it needs {needed / 2**30:.0f} GiB of free memory, and there are {free / 2**30:.0f}")
    x = torch.zeros(HUGE, dtype=getattr(torch, dtype), device=subject.device)
    output = torch.empty_like(x)
    places = torch.tensor([0, 2**31 - 1, 2**31, 2**31 + 1, HUGE - 1], device=subject.device)
    x[places] = torch.tensor([-1.0, -0.5, -2.0, 2.0, -1.0], dtype=x.dtype, device=x.device)
    output[places] = math.nan
    subject.call(case, x, output)
    (true,) = OPS[case.op].expected(case, x[places])
    return _judged((x[places],), output[places], true, BOUND_ULP[dtype], False)


def in_place(subject: CheckedProvider, check: SemanticCheck, dtype: str) -> CheckResult:
    """The gradient of ELU in place is right, or it is refused where the result does not tell the input's side."""
    formula = subject.in_place()
    if formula is None:
        raise Unsupported("it has no ELU in place that can be differentiated")
    params = {**OPS["elu"].params, **check.params}
    x = _small(subject, dtype).requires_grad_()
    try:
        formula(x, *params.values()).sum().backward()
    except (RuntimeError, ValueError, NotImplementedError) as error:
        is_guard = any(value < 0 for value in params.values())
        note = f"{'refused' if is_guard else 'raises'}: {first_line(error)}"[:300]
        return CheckResult(RowStatus.PASS if is_guard else RowStatus.FAIL, note=note)
    wide = x.detach().double()
    true = elu.gradient(torch.ones_like(wide), wide, *params.values())
    if x.grad is None:
        return CheckResult(RowStatus.FAIL, note="there is no gradient")
    return _judged((x.detach(),), x.grad, Expected(true), _DERIVED_ULP, False)


def second_derivative(subject: CheckedProvider, check: SemanticCheck, dtype: str) -> CheckResult:
    """The derivative of the gradient is that of the formula."""
    formula: Formula | None = subject.second_derivative()
    if formula is None:
        raise Unsupported("it has no second derivative")
    params = {**OPS["elu"].params, **check.params}
    x = _small(subject, dtype)
    try:
        second = formula(x, *params.values()).detach()
    except RuntimeError as error:
        raise Unsupported(first_line(error)[:200]) from error
    alpha, scale, input_scale = params.values()
    wide = x.double()
    slope = elu.gradient(torch.ones_like(wide), wide, alpha, scale, input_scale)
    true = (slope * input_scale).where(wide <= 0, 0.0)
    return _judged((x,), second, Expected(true), _DERIVED_ULP, False)


def _small(subject: CheckedProvider, dtype: str) -> Tensor:
    values = torch.tensor([-1.0, -0.5, 1.0, 2.0, -0.25, -4.0, 0.5, -2.0], dtype=getattr(torch, dtype))
    return values.repeat(_SMALL // len(values)).to(subject.device)


def _inputs(subject: CheckedProvider, case: Case, values: Tensor) -> tuple[Tensor, ...]:
    """The values as the activation's argument; what comes from behind is the same everywhere."""
    *grads, argument = case.inputs
    grad = torch.tensor([GRAD], dtype=values.dtype)
    return (
        *(laid_out(case, each, subject.device, grad) for each in grads),
        laid_out(case, argument, subject.device, values),
    )


def _judged(
    inputs: Sequence[Tensor], output: Tensor, true: Expected, bound_ulp: float, forgives_flush: bool
) -> CheckResult:
    """The output against the truth, with the element that is furthest from it."""
    error = errors.measure(output, true, bound_ulp)
    note = None
    if error.excess_ulp > 0:
        forgiven, flushed = errors.without_flushed(output, true, inputs)
        unflushed = errors.measure(forgiven, true, bound_ulp) if flushed else error
        if unflushed.excess_ulp <= 0:
            note = FLUSHED
            error = unflushed if forgives_flush else error
    got, wanted = (float(each.reshape(-1)[error.index]) for each in (output, true.value))
    max_ulp: float | None = error.max_ulp
    if error.excess_ulp > 0 and (got == wanted == 0 or not math.isfinite(error.max_ulp)):
        note, max_ulp = "a zero of the wrong sign" if got == wanted == 0 else "a wrong special value", None
    return CheckResult(
        RowStatus.FAIL if error.excess_ulp > 0 else RowStatus.PASS,
        tuple(output.shape),
        error.index,
        float(inputs[-1].reshape(-1)[error.index]),
        got,
        wanted,
        max_ulp,
        note,
    )

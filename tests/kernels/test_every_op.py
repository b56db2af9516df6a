"""What holds for the kernels of every op that the catalogue has: a new op is tested here without a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import kernels
from harness import providers
from harness.correctness import gate
from harness.machine_code.specimens import specimens
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS
from harness.ops.op import ITEM_BYTES
from kernels import dispatch
from tests.kernels.values import DEVICE

FLOATS = (0.7, 1.2, 1.5)  # for the float parameters, in their order
ACTIVATIONS = [op for op in KERNEL_OPS if not op.endswith("_backward")]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ITEM_BYTES)
@pytest.mark.parametrize("op", KERNEL_OPS)
def test_the_gate_lets_all_its_kernels_pass(op, dtype):
    triton = providers.load("triton")
    asked = [dict(each.case.params) for each in specimens(op, dtype)]
    for number, params in enumerate(asked):
        if params not in asked[:number]:
            case = make_case(op, (29, 37), dtype, params)
            verdict = gate.check(case, triton.prepare(case), allocate(case, 1, DEVICE)[0], seed=3)
            assert verdict.passed, f"{case.key}: {verdict.reason} at {verdict.worst_input}"


def calls(op: str) -> Iterator[tuple[Any, list[torch.Tensor], tuple[Any, ...]]]:
    """(operator, tensors, other arguments) of an op, with each of its flags set and not, along the last dimension."""
    operator = getattr(getattr(torch.ops, dispatch.NAMESPACE), op).default
    generator = torch.Generator().manual_seed(5)
    shapes = [(2,) if "*" in name else (3, 2) for name in KERNEL_OPS[op].inputs]
    tensors = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]
    kinds = [str(argument.type) for argument in operator._schema.arguments[len(tensors) :]]
    floats = FLOATS[: kinds.count("float")]
    for flag in (False, True) if "bool" in kinds else (None,):
        rest = (*floats, *([] if flag is None else [flag]), *([-1] if "int" in kinds else []))
        yield operator, [each.to(DEVICE).requires_grad_() for each in tensors], rest


@pytest.mark.slow
@pytest.mark.parametrize("op", KERNEL_OPS)
def test_pytorchs_own_check_of_operators_passes(op):
    for operator, tensors, rest in calls(op):
        checks = torch.library.opcheck(operator, (*tensors, *rest))
        assert len(checks) == 4
        assert set(checks.values()) == {"SUCCESS"}


@pytest.mark.slow
@pytest.mark.parametrize("op", ACTIVATIONS)
def test_it_is_differentiable_in_every_mode(op):
    for operator, tensors, rest in calls(op):

        def function(*inputs: torch.Tensor, operator: Any = operator, rest: tuple[Any, ...] = rest) -> torch.Tensor:
            return operator(*inputs, *rest)

        assert gradcheck(function, tensors, check_forward_ad=True, check_batched_grad=True)
        assert gradgradcheck(function, tensors, check_fwd_over_rev=True)


@pytest.mark.parametrize("op", KERNEL_OPS)
def test_the_library_has_it_under_its_name(op):
    assert op in kernels.__all__ and callable(getattr(kernels, op))

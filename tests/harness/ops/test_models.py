"""Whole models as ops: their shapes, their truth, and who computes them."""

from __future__ import annotations

import pytest
import torch

from harness import providers
from harness.correctness import gate
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import MODEL_OPS, OPS
from harness.run.memory import peak_bytes

SMALL = {"model_encodec": (1, 1, 64), "model_gat": (9, 6), "model_ppo": (5, 6)}
CASES = {op: make_case(op, SMALL[op.removesuffix("_backward")], "float32") for op in MODEL_OPS}


@pytest.mark.parametrize("op", MODEL_OPS)
def test_parameters_are_as_many_as_the_model_has_and_the_same_each_time(op):
    first, second = (OPS[op].module(CASES[op]) for _ in range(2))
    outputs = {each.name: each.shape for each in CASES[op].outputs}
    assert outputs.get("grad_parameters", (sum(p.numel() for p in first.parameters()),)) == (
        sum(p.numel() for p in first.parameters()),
    )
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), second.parameters(), strict=True))
    assert any(isinstance(each, torch.nn.ELU) for each in first.modules())


@pytest.mark.parametrize("op", MODEL_OPS)
def test_the_model_itself_passes_the_gate_and_needs_memory(op):
    buffers = allocate(CASES[op], 1, "cpu")[0]
    call = providers.load("eager").prepare(CASES[op])
    verdict = gate.check(CASES[op], call, buffers, seed=0)
    assert verdict.passed, verdict.reason
    assert peak_bytes(call, buffers) >= CASES[op].outputs[0].nbytes


@pytest.mark.parametrize("op", MODEL_OPS)
def test_a_model_without_its_elus_is_rejected(op):
    case = CASES[op]

    def call(*tensors):
        model = OPS[op].module(case)
        for name, module in list(model.named_modules()):
            if isinstance(module, torch.nn.ELU):
                model.get_submodule(name.rpartition(".")[0]).register_module(name.rpartition(".")[2], torch.nn.ReLU())
        inputs = len(case.inputs)
        for output, result in zip(tensors[inputs:], OPS[op].run(model, *tensors[:inputs]), strict=True):
            output.copy_(result)

    verdict = gate.check(case, call, allocate(case, 1, "cpu")[0], seed=0)
    assert not verdict.passed and "out is" in verdict.reason


def test_what_has_no_such_model_says_so():
    with pytest.raises(providers.Unsupported, match="whole models are timed in float32"):
        providers.load("eager").prepare(make_case("model_ppo", (5, 6), "bfloat16"))
    with pytest.raises(providers.Unsupported, match="has no model_ppo"):
        providers.load("numba").prepare(CASES["model_ppo"])


def test_every_call_is_of_the_same_model():
    case = CASES["model_ppo"]
    call = providers.load("eager").prepare(case)
    buffers = allocate(case, 2, "cpu")
    results = []
    for each in buffers:
        call(*each.inputs, *each.outputs)
        results.append(each.outputs[0].clone())
    model = OPS["model_ppo"].module(case)
    torch.testing.assert_close(results, [model(each.inputs[0]).detach() for each in buffers])

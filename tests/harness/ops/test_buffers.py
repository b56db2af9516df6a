"""The tensors of a case hold what the case says."""

from __future__ import annotations

from harness.ops.buffers import allocate
from harness.ops.cases import make_case


def test_positive_data_are_what_the_case_says_and_gradients_keep_both_signs():
    case = make_case("elu_backward", (300, 20), "float32", data="positive")
    grad, known = allocate(case, 1, "cpu")[0].inputs
    assert float(known.min()) >= 0 and float(known.max()) < 1
    assert float(grad.min()) < 0 < float(grad.max())
    mixed = allocate(make_case("elu", (300, 20), "float32"), 1, "cpu")[0].inputs[0]
    assert float(mixed.min()) < 0 < float(mixed.max())

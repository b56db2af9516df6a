import math

import pytest

from harness.ops.cases import CaseError, make_case
from harness.ops.catalogue import MODEL_OPS, OPS


@pytest.mark.parametrize(
    ("op", "params", "dtype", "shape", "by_hand"),
    [
        ("elu", {}, "bfloat16", (8192, 8192), 2 * 8192 * 8192 * 2),
        ("elu", {}, "float64", (3, 5), 2 * 15 * 8),
        ("elu_backward", {}, "float16", (1024, 1024), 3 * 1024 * 1024 * 2),
        ("elu_backward", {"is_result": True}, "float32", (10,), 3 * 10 * 4),
        ("bias_elu", {}, "float32", (4096, 512), 2 * 4096 * 512 * 4 + 512 * 4),
        ("bias_elu", {"dim": 1}, "bfloat16", (32, 64, 56, 56), 2 * 32 * 64 * 56 * 56 * 2 + 64 * 2),
        ("bias_elu_backward", {}, "bfloat16", (8192, 8192), 3 * 8192 * 8192 * 2 + 2 * 8192 * 2),
        ("bias_elu_backward", {"dim": 1}, "float32", (2, 3, 4, 5), 3 * 120 * 4 + 2 * 3 * 4),
        ("elu_plus_one", {}, "bfloat16", (8192, 8192), 2 * 8192 * 8192 * 2),
        ("elu_plus_one_backward", {"is_result": True}, "float32", (10,), 3 * 10 * 4),
        ("prelu", {}, "float32", (2, 3, 4, 5), 2 * 120 * 4 + 3 * 4),
        ("prelu_backward", {"dim": 0}, "float32", (1, 100), 3 * 100 * 4 + 2 * 4),
        ("batch_norm_relu", {}, "float32", (2, 3, 4, 5), 2 * 120 * 4 + 4 * 3 * 4),
        ("batch_norm_relu_backward", {}, "float32", (2, 3, 4, 5), 4 * 120 * 4 + 5 * 3 * 4),
    ],
)
def test_bytes_moved_are_the_hand_counted_ones(op, params, dtype, shape, by_hand):
    assert make_case(op, shape, dtype, params).bytes_moved == by_hand


@pytest.mark.parametrize("op", [op for op in OPS if op not in MODEL_OPS])
def test_an_activation_has_the_roof_of_a_copy_and_a_gradient_that_of_a_triad(op):
    assert make_case(op, (64, 64), "float32").roof == ("triad" if op.endswith("_backward") else "copy")


def test_a_bias_as_long_as_the_main_tensor_is_counted_like_any_tensor():
    assert make_case("bias_elu", (7,), "float32").bytes_moved == 3 * 7 * 4


def test_what_is_known_is_bounded_where_it_is_a_result():
    def least(op, **params):
        return make_case(op, (4,), "float32", params).least_known

    assert least("elu_backward") == least("elu_plus_one_backward") == least("relu_backward") == -math.inf
    assert least("elu_backward", is_result=True, alpha=2.0, scale=1.5) == -3.0
    assert least("elu_plus_one_backward", is_result=True) == 0.0


def test_keys_tell_cases_apart_and_join_equal_ones():
    base = make_case("elu", (4, 4), "float32")
    assert base.key == make_case("elu", (4, 4), "float32", {"alpha": 1}).key
    others = [
        make_case("elu", (4, 4), "float32", {"alpha": 2.0}),
        make_case("elu", (16,), "float32"),
        make_case("elu", (4, 4), "float16"),
        make_case("elu", (4, 4), "float32", layout="transposed"),
    ]
    assert len({base.key, *(case.key for case in others)}) == 5


def test_a_reduced_case_keeps_everything_but_its_first_dimension():
    case = make_case("bias_elu", (4096, 512), "bfloat16", {"alpha": 0.5})
    small = case.reduced(2**17)
    assert small.shape == (256, 512)
    assert (small.params, small.dtype, small.op) == (case.params, case.dtype, case.op)
    assert case.reduced(2**30) is case
    assert make_case("elu", (4096, 393216), "float32").reduced(2**17).shape == (1, 393216)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("gelu", (4,), "float32"), "no op 'gelu'"),
        (("elu", (4,), "int8"), "no dtype 'int8'"),
        (("elu", (4,), "float32", {"beta": 1.0}), "no parameter 'beta'"),
        (("elu", (4,), "float32", {"alpha": "one"}), "'alpha' is a float"),
        (("elu", (4,), "float32", {"alpha": True}), "'alpha' is a float"),
        (("elu_backward", (4,), "float32", {"is_result": 1}), "'is_result' is a bool"),
        (("elu", (0, 4), "float32"), "at least 1"),
        (("elu", (4.0,), "float32"), "whole numbers"),
        (("elu", (4, 4), "float32", {}, "diagonal"), "no layout 'diagonal'"),
        (("elu", (4, 4), "float32", {}, "channels_last"), "4 dimensions"),
        (("elu", (4,), "float32", {}, "transposed"), "2 dimensions"),
        (("bias_elu", (4, 4), "float32", {"dim": 2}), "dim=2"),
        (("bias_elu", (), "float32"), "dim=-1"),
    ],
)
def test_an_impossible_case_is_refused_in_one_sentence(arguments, named):
    with pytest.raises(CaseError, match=named) as caught:
        make_case(*arguments)
    assert "\n" not in str(caught.value)

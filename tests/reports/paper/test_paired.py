"""The tests for few paired seeds: against closed forms and scipy, and what must hold of any values."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.paper import paired as s

VALUES = st.lists(st.integers(-20, 20).map(lambda each: each / 4), min_size=1, max_size=12)
WITH_INFINITE = st.lists(st.sampled_from([-math.inf, -2.0, -0.5, 0.0, 0.5, 2.0, math.inf]), min_size=6, max_size=12)


def test_the_numbers_that_the_design_rests_on():
    assert s.needed(12, 0.05) == 10 and s.needed(6, 0.05) == 6 and s.needed(5, 0.05) is None
    assert s.power(6, 0.05, 0.9) == pytest.approx(0.9**6)
    assert s.power(12, 0.05, 0.9) == pytest.approx(0.889, abs=1e-3)
    assert s.sign_p(s.Signs(12, 0, 12)) * 97 < 0.05
    assert s.signed_rank_p([float(n) for n in range(1, 11)]) == pytest.approx(2 / 2**10)  # 10 runs: never below 0.001


@given(VALUES)
def test_the_sign_test_is_the_binomial_one_and_ties_never_help(values):
    found = s.signs(values)
    strict = found.below + found.above
    if strict == found.total:
        expected = stats.binomtest(found.below, found.total).pvalue
        assert s.sign_p(found) == pytest.approx(expected)
    elif strict:
        assert s.sign_p(found) >= s.sign_p(s.Signs(found.below, found.above, strict)) - 1e-12
    assert s.sign_p(found) == s.sign_p(s.signs([-value for value in values]))


@given(st.lists(st.integers(-5, 5).filter(bool).map(float), min_size=1, max_size=8))
def test_the_signed_rank_test_counts_every_choice_of_signs(values):
    sizes = [abs(value) for value in values]
    seen = min(s.signed_ranks(values))
    below = [
        s.signed_ranks([sign * size for sign, size in zip(chosen, sizes, strict=True)])[0]
        for chosen in itertools.product((-1, 1), repeat=len(sizes))
    ]
    share = sum(each <= seen for each in below) / len(below)
    assert s.signed_rank_p(values) == pytest.approx(min(1, 2 * share))


@given(st.permutations([float(n) for n in range(1, 13)]), st.lists(st.booleans(), min_size=12, max_size=12))
def test_without_ties_it_is_scipys(sizes, negative):
    values = [-size if is_negative else size for size, is_negative in zip(sizes, negative, strict=True)]
    assert s.signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@given(WITH_INFINITE)
def test_a_diverged_seed_ranks_last_and_does_not_drop_out(values):
    capped = [max(-1e9, min(1e9, value)) for value in values]
    assert s.signed_rank_p(values) == s.signed_rank_p(capped)
    assert s.effect(values) == s.effect(capped)
    low, high = s.interval(values)
    assert low <= high and {low, high} <= set(values)


@given(VALUES)
def test_the_effect_turns_with_the_sides_and_ends_at_one(values):
    found = s.effect(values)
    turned = s.effect([-value for value in values])
    assert (found is None and turned is None) or found == pytest.approx(-turned)
    if all(value > 0 for value in values):
        assert found == 1
    assert found is None or -1 <= found <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_begins_with_bonferroni(p_values):
    adjusted = s.holm(p_values)
    assert all(plain <= each <= 1 for plain, each in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    assert [adjusted[number] for number in order] == sorted(adjusted)
    assert adjusted[order[0]] == min(1, len(p_values) * p_values[order[0]])


def test_holms_own_example():
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(VALUES, st.floats(0.1, 3), st.floats(0, 2))
def test_equivalence_is_easier_with_a_wider_margin(values, margin, more):
    assert s.equivalence_p(values, margin + more) <= s.equivalence_p(values, margin)


def test_equivalence_needs_most_seeds_on_both_inner_sides():
    inside = [0.01 * (-1) ** n for n in range(12)]
    assert s.equivalence_p(inside, 0.05) == pytest.approx(0.5**12)
    assert s.equivalence_p(inside[:6] + [1.0] * 6, 0.05) > 0.5
    assert s.equivalence_p([], 0.05) == s.equivalence_p(inside, 0.0) == 1


@given(st.integers(6, 20), st.floats(0.5, 0.99))
def test_power_grows_with_the_effect_and_never_exceeds_half_the_level_without_one(n, p):
    assert s.power(n, 0.05, 0.5) <= 0.025
    assert s.power(n, 0.05, p) <= s.power(n, 0.05, p + 0.01) + 1e-12
    assert s.power(n, 0.01, p) <= s.power(n, 0.05, p) + 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holms_levels_and_adjusted_values_say_the_same(p_values):
    levels, adjusted = s.holm_levels(p_values, 0.05), s.holm(p_values)
    for p, level, each in zip(p_values, levels, adjusted, strict=True):
        if abs(each - 0.05) > 1e-12:
            assert (level > 0 and p <= level) == (each <= 0.05)

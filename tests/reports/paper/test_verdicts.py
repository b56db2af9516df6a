"""Verdicts by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.paper.verdicts import (
    ABOVE,
    BELOW,
    CANNOT_TELL,
    DOES_NOT,
    HOLDS,
    Criterion,
    Number,
    difference,
    number,
    of_comparisons,
    of_interval,
    ratio,
)


@pytest.mark.parametrize(
    ("ci95", "side", "verdict"),
    [
        ((-2.0, -1.0), BELOW, HOLDS),
        ((-2.0, -1.0), ABOVE, DOES_NOT),
        ((1.0, 2.0), BELOW, DOES_NOT),
        ((1.0, 2.0), ABOVE, HOLDS),
        ((-1.0, 1.0), BELOW, CANNOT_TELL),
        ((-1.0, 0.0), BELOW, CANNOT_TELL),  # 0 itself is in it
        (None, ABOVE, CANNOT_TELL),
    ],
)
def test_an_interval_has_to_lie_on_one_side(ci95, side, verdict):
    assert of_interval(ci95, side, 0.0) == verdict


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10))
def test_the_two_sides_never_hold_together(low, width, than):
    below, above = (of_interval((low, low + width), side, than) for side in (BELOW, ABOVE))
    assert (below, above) in {(HOLDS, DOES_NOT), (DOES_NOT, HOLDS), (CANNOT_TELL, CANNOT_TELL)}


def comparison(verdict, counts=True):
    ci95 = {HOLDS: (-2.0, -1.0), DOES_NOT: (1.0, 2.0), CANNOT_TELL: (-1.0, 1.0)}[verdict]
    return Criterion("a − b", "loss", Number(0.0, ci95, 6), BELOW, 0.0, counts)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, CANNOT_TELL], CANNOT_TELL),
        ([HOLDS, CANNOT_TELL, DOES_NOT], DOES_NOT),
        ([], CANNOT_TELL),
    ],
)
def test_a_statement_needs_all_its_comparisons_and_falls_with_one(verdicts, expected):
    assert of_comparisons(map(comparison, verdicts)) == expected


def test_what_is_shown_beside_a_statement_does_not_count():
    assert of_comparisons([comparison(HOLDS), comparison(DOES_NOT, counts=False)]) == HOLDS
    assert of_comparisons([comparison(HOLDS, counts=False)]) == CANNOT_TELL


def test_numbers_are_medians_over_seeds_and_few_seeds_have_no_interval():
    assert number([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]) == Number(3.5, (1.0, 6.0), 6)
    assert number([1.0, 2.0, 3.0]) == Number(2.0, None, 3)
    assert number([]) == Number(None, None, 0)


def test_comparisons_are_paired_by_seed():
    ours, theirs = {0: 1.0, 1: 2.0, 2: 9.0}, {0: 0.5, 1: 4.0, 3: 1.0}
    assert difference(ours, theirs) == number([0.5, -2.0])
    assert ratio(ours, theirs) == number([2.0, 0.5])
    assert ratio({0: 1.0}, {0: 0.0}) == number([])

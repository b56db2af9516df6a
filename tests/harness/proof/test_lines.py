"""The line of all numbers of a type, and its binades."""

import math

import numpy as np
import pytest

from harness.proof.lines import LINES


def test_the_line_of_float16_goes_from_the_least_number_to_the_greatest():
    line = LINES["float16"]
    patterns = np.array([line.pattern(place) for place in range(1 << 16)], np.uint16)
    values = patterns.view(np.float16)
    assert sorted(patterns.tolist()) == list(range(1 << 16))
    numbers = values[~np.isnan(values)]
    assert (np.diff(numbers[np.isfinite(numbers)].astype(float)) >= 0).all()
    assert (numbers[0], numbers[-1]) == (-math.inf, math.inf)
    assert [line.value(int(each)) for each in patterns] == pytest.approx(values.astype(float).tolist(), nan_ok=True)


@pytest.mark.parametrize("dtype", LINES)
def test_a_binade_has_one_sign_and_one_exponent(dtype):
    line = LINES[dtype]
    assert line.binades * line.each == 1 << line.bits
    for binade in range(1, line.binades - 1):
        first, last, exponent = line.first(binade), line.last(binade), line.exponent(binade)
        assert first < last or {first, last} == {0.0} or line.each == 1
        if abs(first) >= 2.0**line.least_exponent:
            assert {math.frexp(first)[1], math.frexp(last)[1]} == {exponent + 1}
        if binade > 1:
            assert line.last(binade - 1) <= first
    assert (line.first(0), line.last(line.binades - 1)) == (-math.inf, math.inf)

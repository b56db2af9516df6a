"""What is found of outputs: errors, roundings, special values, order; on outputs that are known to be wrong."""

import numpy as np
import pytest

from harness.proof import measure, reference
from harness.proof.lines import LINES, Known
from harness.proof.workers import patterns_of

LINE = LINES["float32"]


def true_of(known, bits):
    """The truth, correctly rounded but for halfway cases of fp64."""
    x, true = bits.view(np.float32), np.empty(bits.size)
    reference.REFERENCES[known](x, true)
    return true.astype(np.float32).view(np.uint32)


def tallied(known, bits, outputs):
    found = measure.Tally(LINE, known)
    found.add(bits, outputs, False)
    return found


def stretch(least, count=4096):
    """Neighbouring numbers upwards of one."""
    start = int(np.array([least], np.float32).view(np.uint32)[0])
    place = 2**32 - 1 - start if least < 0 else start + 2**31
    return patterns_of(LINE, place, place + count)


@pytest.mark.parametrize("known", Known)
@pytest.mark.parametrize("least", [-3e38, -104.0, -17.33, -1.0, -1e-3, -1e-30, 1.0, 3e38])
def test_the_rounded_truth_has_no_fault(known, least):
    bits = stretch(least)
    found = tallied(known, bits, true_of(known, bits))
    assert found.max_ulp <= 0.5
    assert [found.counts[kind] for kind in (0, 2, 3, 4)] == [0, 0, 0, 0]
    assert found.inputs == bits.size


@pytest.mark.parametrize("off", [1, -1, 3])
def test_an_output_that_is_off_is_found_with_its_place(off):
    bits = stretch(-1.0)
    outputs = true_of(Known.FORWARD, bits)
    outputs[1234] = int(outputs[1234]) + off
    found = tallied(Known.FORWARD, bits, outputs)
    assert found.counts[measure.NOT_ROUNDED] == 1
    assert found.witnesses[measure.NOT_ROUNDED] == (bits[1234], outputs[1234])
    assert found.worst == (bits[1234], outputs[1234])
    assert abs(off) - 0.5 <= found.max_ulp <= abs(off) + 0.5


@pytest.mark.parametrize(
    ("x", "output", "kind"),
    [
        (-0.0, 0.0, measure.WRONG_SPECIAL),
        (0.0, -0.0, measure.WRONG_SPECIAL),
        (np.inf, 3e38, measure.WRONG_SPECIAL),
        (np.nan, 1.0, measure.WRONG_SPECIAL),
        (-1.0, np.nan, measure.WRONG_SPECIAL),
        (-1.0, -np.inf, measure.WRONG_SPECIAL),
        (-1e-39, -0.0, measure.FLUSHED),
    ],
)
def test_a_wrong_special_value_is_found(x, output, kind):
    bits, outputs = (np.array([each], np.float32).view(np.uint32) for each in (x, output))
    found = tallied(Known.FORWARD, bits, outputs)
    assert found.counts[kind] == 1
    assert found.witnesses[kind] == (bits[0], outputs[0])


def test_the_gradient_at_nan_may_be_nan_or_1():
    bits = np.array([np.nan, np.nan], np.float32).view(np.uint32)
    outputs = np.array([np.nan, 1.0], np.float32).view(np.uint32)
    assert tallied(Known.INPUT, bits, outputs).counts[measure.WRONG_SPECIAL] == 0


def test_a_decrease_is_found_within_a_stretch_and_at_its_edge():
    bits = stretch(-2.0, 64)
    outputs = true_of(Known.INPUT, bits)
    outputs[7], outputs[40] = outputs[6] - 1, outputs[39] - 1
    whole = tallied(Known.INPUT, bits, outputs)
    parts = measure.Tally(LINE, Known.INPUT)
    parts.add(bits[:40], outputs[:40], False)
    parts.add(bits[39:], outputs[39:], True)
    for found in (whole, parts):
        assert found.counts[measure.DECREASES] == 2
        assert found.witnesses[measure.DECREASES] == (bits[7], outputs[7])
    assert (parts.counts == whole.counts).all()
    assert (parts.max_ulp, parts.worst, parts.inputs, parts.sha256) == (
        whole.max_ulp,
        whole.worst,
        whole.inputs,
        whole.sha256,
    )


def test_what_fp64_cannot_decide_is_decided_in_decimals():
    x = np.array([-(2.0**-25)], np.float32)  # e^x is 2^-51 above the middle between 1 and the number below
    for output, misrounded in ((1.0, 0), (np.nextafter(np.float32(1), np.float32(0)), 1)):
        found = tallied(Known.INPUT, x.view(np.uint32), np.array([output], np.float32).view(np.uint32))
        assert found.counts[measure.UNDECIDED] == 1
        assert found.counts[measure.NOT_ROUNDED] == misrounded


@pytest.mark.parametrize("known", Known)
def test_the_fp64_reference_is_within_its_bound(known):
    assert reference.worst_of_library(known, 500, seed=1) < reference.BOUND / 2

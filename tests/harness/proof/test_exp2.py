"""ex2 to nearest, of all 4,294,967,296 arguments."""

from decimal import Context, Decimal

import numpy as np
import pytest

from harness.emulator.instructions.approximate import HARD_POWERS
from harness.proof import exp2, scalar


@pytest.mark.slow
def test_all_close_arguments_are_found_and_right():
    close = exp2.close_arguments()
    assert {bits for bits, _ in HARD_POWERS} <= set(close.tolist())
    assert len(close) < 100
    assert exp2.wrong_arguments(close) == []


@pytest.mark.parametrize(("argument", "power"), HARD_POWERS)
def test_fp64_would_round_the_hard_ones_to_the_wrong_side(argument, power):
    x = np.array([argument], np.uint32).view(np.float32)[0]
    right = np.array([power], np.uint32).view(np.float32)[0]
    naive = np.float32(np.exp2(np.float64(x)))
    true = Context(prec=60).power(Decimal(2), Decimal(float(x)))
    assert naive != right
    assert abs(Decimal(float(right)) - true) < abs(Decimal(float(naive)) - true)
    assert scalar.ex2(np.uint32(argument), 1.0, True) == power

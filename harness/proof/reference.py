"""The truth in fp64 to within a bound, compiled by numba; and, where that does not do, in decimals.

It knows ELU at parameters of 1, and its slope from the input and from the result.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numba import njit

from harness.proof import scalar
from harness.proof.lines import Known

# The C library's exp and expm1 state 1 unit of the last place, 2^-52; `worst_of_library` holds them against decimals.
BOUND = 2.0**-50
DIGITS = Context(prec=160)  # e^x - 1 of the least x loses 45 of them
_LEAST = -110.0  # e^x below it is less than half of the least number of fp32


@njit(error_model="numpy")
def _forward(x, out):
    for i in range(x.size):
        wide = np.float64(x[i])
        out[i] = math.expm1(wide) if wide <= 0.0 else wide


@njit(error_model="numpy")
def _from_input(x, out):
    for i in range(x.size):
        wide = np.float64(x[i])
        out[i] = math.exp(wide) if wide <= 0.0 else 1.0


@njit(error_model="numpy")
def _from_result(x, out):
    """The sum rounded to odd, which any later rounding sees as it would see the truth."""
    for i in range(x.size):
        wide = np.float64(x[i])
        total = wide + 1.0
        back = total - wide
        lost = (wide - (total - back)) + (1.0 - back)
        bits = scalar.to_i64(total)
        away = (lost > 0.0) == (total > 0.0)
        step = np.int64(1) if away else np.int64(-1)
        odd = scalar.to_f64(bits + step) if (lost != 0.0) and (bits & np.int64(1)) == 0 else total
        out[i] = (odd if wide > -np.inf else total) if wide <= 0.0 else 1.0


REFERENCES: dict[Known, Callable[[Any, Any], None]] = {
    Known.FORWARD: _forward,
    Known.INPUT: _from_input,
    Known.RESULT: _from_result,
}


def bound_of(known: Known) -> float:
    """How far fp64 may be from the truth, relatively; 0 where its rounding to fewer bits is the truth's."""
    return 0.0 if known is Known.RESULT else BOUND


def exactly(known: Known, x: float) -> Decimal:
    """The truth to a hundred digits and more, of a finite input."""
    wide = Decimal(x)
    if x > 0:
        return wide if known is Known.FORWARD else Decimal(1)
    if known is Known.RESULT:
        return DIGITS.add(wide, Decimal(1))
    power = DIGITS.exp(wide) if x > -1000 else Decimal(0)
    return DIGITS.subtract(power, Decimal(1)) if known is Known.FORWARD else power


def worst_of_library(known: Known, count: int, seed: int) -> float:
    """The largest relative error of the fp64 reference at so many random negative inputs."""
    draw = random.Random(seed)
    x = np.array([-math.exp(draw.uniform(-30.0, math.log(-_LEAST))) for _ in range(count)], np.float32)
    found = np.empty(count)
    REFERENCES[known](x, found)
    errors = (
        abs(DIGITS.subtract(Decimal(float(value)), true) / true)
        for value, each in zip(found, x, strict=True)
        if (true := exactly(known, float(each)))
    )
    return float(max(errors))

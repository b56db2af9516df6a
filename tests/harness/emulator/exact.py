"""Arithmetic without rounding, and one rounding: the truth that instructions are held against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Format:
    precision: int
    least_exponent: int
    most_exponent: int

    @property
    def greatest(self) -> Fraction:
        return (2 - Fraction(1, 2 ** (self.precision - 1))) * Fraction(2) ** self.most_exponent


F16, BF16 = Format(11, -14, 15), Format(8, -126, 127)
F32, F64 = Format(24, -126, 127), Format(53, -1022, 1023)


def _exponent(value: Fraction) -> int:
    """The greatest e with 2^e <= value."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def rounded(value: Fraction, form: Format, mode: str) -> float:
    """The number of the format that a mode gives; infinity where it overflows; +0 for 0."""
    if value == 0:
        return 0.0
    sign, size = (-1 if value < 0 else 1), abs(value)
    quantum = Fraction(2) ** (max(_exponent(size), form.least_exponent) - form.precision + 1)
    steps = size / quantum
    down = math.floor(steps)
    rest = steps - down
    up = {
        "rn": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and down % 2 == 1),
        "rna": rest >= Fraction(1, 2),
        "rz": False,
        "rm": sign < 0 and rest > 0,
        "rp": sign > 0 and rest > 0,
    }[mode]
    result = (down + up) * quantum
    if result > form.greatest:
        inward = mode == "rz" or (mode == "rm" and sign > 0) or (mode == "rp" and sign < 0)
        return sign * (float(form.greatest) if inward else math.inf)
    return math.copysign(float(result), sign)

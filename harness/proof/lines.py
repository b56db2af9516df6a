"""The line of all numbers of a type, from the least to the greatest, cut into binades. Imports no torch and no numba.

A binade has the numbers of one sign and one exponent; on the line it is an interval. They are counted from the left:
NaN with a sign and -inf first, subnormal numbers and zeros in the middle, +inf and NaN last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Known(StrEnum):
    """What an output is computed from: ELU's input; or, for its gradient, the input or the result."""

    FORWARD = "forward"
    INPUT = "input"
    RESULT = "result"


class End(StrEnum):
    """Where in the ISA's bound the approximations of the kernel lie."""

    NEAREST = "nearest"
    LOW = "low"
    HIGH = "high"
    UNUSED = "unused"  # the kernel has none


@dataclass(frozen=True)
class NumberLine:
    """A floating-point type of so many bits in all, of the exponent, and of the fraction."""

    dtype: str
    bits: int
    exponent_bits: int
    fraction_bits: int

    @property
    def binades(self) -> int:
        return 1 << (1 + self.exponent_bits)

    @property
    def each(self) -> int:
        """Numbers of a binade."""
        return 1 << self.fraction_bits

    @property
    def least_exponent(self) -> int:
        """That of the least normal number."""
        return 2 - (1 << (self.exponent_bits - 1))

    @property
    def precision(self) -> int:
        """Bits of the significand, the hidden one included."""
        return self.fraction_bits + 1

    def pattern(self, place: int) -> int:
        """The bits of the number at a place of the line."""
        half = 1 << (self.bits - 1)
        return 2 * half - 1 - place if place < half else place - half

    def exponent(self, binade: int) -> int | None:
        """That of a binade's numbers; None of the outermost two, which hold infinity and NaN."""
        half = self.binades // 2
        biased = half - 1 - binade if binade < half else binade - half
        if biased == half - 1:
            return None
        return max(biased, 1) + self.least_exponent - 1

    def first(self, binade: int) -> float:
        """The least number of a binade: -inf of the leftmost one."""
        return self.value(self.pattern(binade * self.each + (self.each - 1 if binade == 0 else 0)))

    def last(self, binade: int) -> float:
        """The greatest number of a binade: +inf of the rightmost one."""
        return self.value(self.pattern(binade * self.each + (0 if binade == self.binades - 1 else self.each - 1)))

    def value(self, pattern: int) -> float:
        """The number that so many bits stand for."""
        fraction, biased = pattern & (self.each - 1), pattern >> self.fraction_bits & ((1 << self.exponent_bits) - 1)
        sign = -1.0 if pattern >> (self.bits - 1) else 1.0
        if biased == (1 << self.exponent_bits) - 1:
            return math.nan if fraction else sign * math.inf
        significand = fraction + (self.each if biased else 0)
        return sign * math.ldexp(significand, max(biased, 1) + self.least_exponent - 1 - self.fraction_bits)


LINES = {
    "float32": NumberLine("float32", 32, 8, 23),
    "bfloat16": NumberLine("bfloat16", 16, 8, 7),
    "float16": NumberLine("float16", 16, 5, 10),
}

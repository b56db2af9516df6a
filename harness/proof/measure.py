"""Measures outputs against the truth: every one of a stretch of the line of numbers, in one compiled pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numba import njit

from harness.emulator.arithmetic import brains_to_f32, halves_to_f32
from harness.proof import reference, scalar
from harness.proof.lines import Known, NumberLine

Array = np.ndarray[Any, Any]
_ONE = np.int64(1)
_EXPONENT = np.int64(0x7FF << 52)

# What a pass counts, by its place in the array of counts.
NOT_ROUNDED, UNDECIDED, WRONG_SPECIAL, DECREASES, FLUSHED = range(5)


@scalar.njit_inline
def _unit(value, digits, least):
    """The distance of neighbouring numbers at |value|."""
    exponent = max(scalar.to_i64(value) & _EXPONENT, (least + np.int64(1023)) << np.int64(52))
    return scalar.to_f64(exponent - ((digits - _ONE) << np.int64(52)))


@scalar.njit_inline
def _rounded(value, digits, least):
    unit = _unit(value, digits, least)
    return np.rint(value / unit) * unit


@njit(error_model="numpy", boundscheck=False)
def _errors(x, y, true, bound, digits, least, is_forward, errors, kinds):
    """By element: the error in ULP (-1 where there is none to tell), and what is counted of it, as bits.

    Bits of `kinds` are 1 << NOT_ROUNDED and so on. Nothing here branches, so that it is vector instructions.
    """
    for i in range(x.size):
        value, got, given = true[i], np.float64(y[i]), np.float64(x[i])
        unit = _unit(value, digits, least)
        low, high = _rounded(value * (1.0 - bound), digits, least), _rounded(value * (1.0 + bound), digits, least)
        nan, infinite = value != value, np.abs(value) == np.inf
        got_nan, got_infinite = got != got, np.abs(got) == np.inf
        wrong = (nan != got_nan) | ((infinite | got_infinite) & (value != got) & ~nan)
        # ATen gives the slope of a NaN as 1 in one of its ways and as NaN in another.
        wrong = wrong & ~((given != given) & got_nan)
        zero = is_forward & (value == 0.0) & (got == 0.0)
        wrong = wrong | (zero & ((scalar.to_i64(value) < 0) != (scalar.to_i64(got) < 0)))
        plain = ~(nan | infinite | got_nan | got_infinite)
        flushed = plain & (got == 0.0) & (low != 0.0) & (np.abs(value) < 2.0**-126)
        undecided = plain & (low != high)
        missed = plain & (low == high) & (got != low)
        errors[i] = np.abs(got - value) / unit if plain & ~flushed else -1.0
        kinds[i] = (np.uint8(missed) | np.uint8(undecided) << np.uint8(1) | np.uint8(wrong) << np.uint8(2)
                    | np.uint8(flushed) << np.uint8(4))  # fmt: skip


@njit(error_model="numpy", boundscheck=False)
def _tally(x, y, errors, kinds, counts, firsts):
    """Add to the counts, and the first places of each kind; gives the place of the largest error."""
    worst = 0
    for i in range(1, errors.size):
        if errors[i] > errors[worst]:
            worst = i
    for i in range(errors.size):
        if kinds[i]:
            for kind in (NOT_ROUNDED, UNDECIDED, WRONG_SPECIAL, FLUSHED):
                if kinds[i] >> kind & 1:
                    counts[kind] += 1
                    if firsts[kind] < 0:
                        firsts[kind] = i
    for i in range(1, errors.size):
        if (y[i] < y[i - 1]) & (x[i] == x[i]) & (x[i - 1] == x[i - 1]):
            counts[DECREASES] += 1
            if firsts[DECREASES] < 0:
                firsts[DECREASES] = i
    return worst


@dataclass
class Tally:
    """What was found of the outputs of a binade. Places are patterns of bits: of the input, and of the output."""

    line: NumberLine
    known: Known
    inputs: int = 0
    max_ulp: float = 0.0
    worst: tuple[int, int] | None = None
    counts: Array = field(default_factory=lambda: np.zeros(5, np.int64))
    witnesses: dict[int, tuple[int, int]] = field(default_factory=dict)  # by kind: the first input, and its output
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Over the outputs in the order of the line, little-endian."""
        return str(self._digest.hexdigest())

    def add(self, inputs: Array, outputs: Array, is_continued: bool) -> None:
        """Judge a stretch of inputs and outputs, as bits.

        With `is_continued` the first is the one before the stretch, and tells only whether the outputs decrease.
        """
        x, y = (as_f32(each, self.line) for each in (inputs, outputs))
        true = np.empty(x.size)
        reference.REFERENCES[self.known](x, true)
        errors, kinds = np.empty(x.size), np.empty(x.size, np.uint8)
        bound, is_forward = reference.bound_of(self.known), self.known is Known.FORWARD
        _errors(x, y, true, bound, self.line.precision, self.line.least_exponent, is_forward, errors, kinds)
        if is_continued:
            errors[0], kinds[0] = -1.0, 0
        firsts = np.full(5, -1, np.int64)
        worst = int(_tally(x, y, errors, kinds, self.counts, firsts))
        self._decide(np.flatnonzero(kinds & (1 << UNDECIDED)), x, y, firsts)
        self.inputs += x.size - is_continued
        if errors[worst] > self.max_ulp or (self.worst is None and errors[worst] >= 0):
            self.max_ulp = float(errors[worst])
            self.worst = int(inputs[worst]), int(outputs[worst])
        for kind, place in enumerate(firsts):
            if place >= 0:
                self.witnesses.setdefault(kind, (int(inputs[place]), int(outputs[place])))
        self._digest.update(outputs[is_continued:].tobytes())

    def _decide(self, places: Array, x: Array, y: Array, firsts: Array) -> None:
        """By decimal arithmetic, of what fp64 could not tell, whether it is rounded correctly."""
        for place in places:
            if float(y[place]) != nearest(reference.exactly(self.known, float(x[place])), self.line):
                self.counts[NOT_ROUNDED] += 1
                if firsts[NOT_ROUNDED] < 0 or place < firsts[NOT_ROUNDED]:
                    firsts[NOT_ROUNDED] = place


def nearest(true: Decimal, line: NumberLine) -> float:
    """The number of the line that is nearest, of two the even one."""
    if not true:
        return 0.0
    _, exponent = np.frexp(float(true)) if float(true) else (0.0, line.least_exponent)
    unit = Fraction(2) ** (max(int(exponent) - 1, line.least_exponent) - (line.precision - 1))
    return float(round(Fraction(true) / unit) * unit)


def as_f32(bits: Array, line: NumberLine) -> Array:
    """Numbers of the line in fp32, which has them all."""
    if line.dtype == "float32":
        return bits.view(np.float32)
    return brains_to_f32(bits) if line.dtype == "bfloat16" else halves_to_f32(bits)

"""fp64 results in every rounding mode, from the nearest one and the sign of what it lost (error-free transforms)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array, to_odd, two_sum

_SPLIT = 134217729.0  # 2^27 + 1
_SAFE_HIGH, _SAFE_LOW = 2.0**480, 2.0**-400


def directed(nearest: Array, lost: Array, mode: str) -> Array:
    """The result in a mode, from the nearest one and the sign of (truth - nearest)."""
    if mode == "rn":
        return nearest
    up = {"rp": lost > 0, "rm": np.zeros(lost.shape, bool), "rz": (lost > 0) & (nearest < 0)}[mode]
    down = {"rm": lost < 0, "rp": np.zeros(lost.shape, bool), "rz": (lost < 0) & (nearest > 0)}[mode]
    result = np.where(up, np.nextafter(nearest, np.inf), nearest)
    return np.where(down, np.nextafter(result, -np.inf), result)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """(the fp64 product, what its rounding lost), exact where nothing over- or underflows (Dekker, Veltkamp)."""
    product = a * b
    a_high = _SPLIT * a - (_SPLIT * a - a)
    b_high = _SPLIT * b - (_SPLIT * b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _is_safe(*values: Array) -> Array:
    """Where two_product and two_sum are exact."""
    good = np.ones(np.broadcast_shapes(*[each.shape for each in values]), bool)
    for each in values:
        size = np.abs(each)
        good &= (each == 0) | ((size < _SAFE_HIGH) & (size > _SAFE_LOW))
    return good


def fma_directed(a: Any, b: Any, c: Any, mode: str, shape: tuple[int, ...]) -> Array:
    """a * b + c of fp64, rounded once: the product in two parts, their sum with c to odd, then to nearest."""
    x, y, z = (np.broadcast_to(np.asarray(each, np.float64), shape) for each in (a, b, c))
    product, low = two_product(x, y)
    total, lost = two_sum(product, z)
    # The two small parts, to odd, then their sum with the large one: right, since it has bits to spare (Boldo).
    rest = to_odd(*two_sum(lost, low))
    result, gone = two_sum(total, rest)
    if mode != "rn":
        if mode == "rm":
            result = np.where((result == 0) & ((product != 0) | (np.signbit(product) != np.signbit(z))), -0.0, result)
        result = directed(result, gone, mode)
    zero = (x == 0) | (y == 0)  # then it is exact, and numpy has the sign of a zero right
    easy = _is_safe(x, y, z) & ~zero & (np.abs(result) > _SAFE_LOW)
    if not easy.all():
        result = np.where(easy, result, product + z)
        hard = ~easy & ~zero & np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
        for lane in np.flatnonzero(hard):
            result[lane] = round_fraction(
                Fraction(float(x[lane])) * Fraction(float(y[lane])) + Fraction(float(z[lane])),
                mode,
                float(product[lane] + z[lane]),
            )
    return result


def round_fraction(value: Fraction, mode: str, zero: float = 0.0) -> float:
    """An exact number in fp64; `zero` is what 0 becomes."""
    if value == 0:
        if mode == "rm" and zero == 0:
            return -0.0
        return zero if zero == 0 else 0.0
    # The quotient of two integers, which Python rounds to nearest, ties to even.
    try:
        nearest = value.numerator / value.denominator
    except OverflowError:
        nearest = float("inf") if value > 0 else float("-inf")
    if nearest == 0:
        nearest = float(np.copysign(0.0, float(value > 0) - 0.5))
    if mode == "rn":
        return nearest
    if np.isinf(nearest):
        inward = (mode == "rz") or (mode == "rm" and value > 0) or (mode == "rp" and value < 0)
        return float(np.copysign(np.finfo(np.float64).max, nearest)) if inward else nearest
    lost = value - Fraction(nearest)
    sign = np.array([float((lost > 0) - (lost < 0))])
    start = np.array([nearest])
    if nearest == 0 and mode == "rz":
        return nearest
    return float(directed(start, sign, mode)[0])


def add_directed(a: Array, b: Array, mode: str) -> Array:
    """a + b of fp64 (two_sum is exact unless it overflows)."""
    total, lost = two_sum(*np.broadcast_arrays(a, b))
    over = np.isinf(total) & np.isfinite(a) & np.isfinite(b)
    result = directed(total, np.where(np.isfinite(lost), lost, 0.0), mode)
    return np.where(over, _kept_finite(total, mode), result)


def _kept_finite(infinite: Array, mode: str) -> Array:
    greatest = np.finfo(np.float64).max
    inward = {"rz": np.ones(infinite.shape, bool), "rm": infinite > 0, "rp": infinite < 0}[mode]
    return np.where(inward, np.copysign(greatest, infinite), infinite)


def multiply_directed(a: Array, b: Array, mode: str) -> Array:
    a, b = np.broadcast_arrays(a, b)
    product, lost = two_product(a, b)
    result = directed(product, lost, mode)
    exact = (a == 0) | (b == 0) | ~np.isfinite(a) | ~np.isfinite(b)
    easy = _is_safe(a, b, product) & ~exact
    result = np.where(exact, a * b, result)
    for lane in np.flatnonzero(~easy & ~exact):
        result[lane] = round_fraction(Fraction(float(a[lane])) * Fraction(float(b[lane])), mode)
    return result


def divide_directed(a: Array, b: Array, mode: str) -> Array:
    a, b = np.broadcast_arrays(a, b)
    result = np.array(a / b)
    for lane in np.flatnonzero((a != 0) & (b != 0) & np.isfinite(a) & np.isfinite(b)):
        result[lane] = round_fraction(Fraction(float(a[lane])) / Fraction(float(b[lane])), mode)
    return result


def root_directed(a: Array, mode: str) -> Array:
    root = np.sqrt(a)
    result = np.array(root)
    for lane in np.flatnonzero((a > 0) & np.isfinite(a)):
        lost = Fraction(float(a[lane])) - Fraction(float(root[lane])) ** 2
        result[lane] = directed(root[lane : lane + 1], np.array([float((lost > 0) - (lost < 0))]), mode)[0]
    return result

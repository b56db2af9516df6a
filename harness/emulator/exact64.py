"""fp64 results in every rounding mode, from the nearest one and the sign of what it lost (error-free transforms)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from harness.emulator.arithmetic import Array, to_odd, two_sum

_SPLIT = 134217729.0  # 2^27 + 1
_SAFE_HIGH, _SAFE_LOW = 2.0**480, 2.0**-400
_FAR = 200  # binary places: more than a product of two has, and a third number beside it
_LAST_PLACE = -1074  # the exponent of the least number there is


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
    safe: Any = True
    for size in map(np.abs, values):
        safe = safe & (((size < _SAFE_HIGH) & (size > _SAFE_LOW)) | (size == 0))
    return np.asarray(safe)


def fma_directed(a: Any, b: Any, c: Any, mode: str) -> Array:
    """a * b + c of fp64, rounded once: the product in two parts, their sum with c to odd, then to nearest.

    What is one number for all lanes may stay an array of one: less is computed then.
    """
    x, y, z = (np.asarray(each, np.float64) for each in (a, b, c))
    product, low = two_product(x, y)
    total, lost = two_sum(product, z)
    # The two small parts, to odd, then their sum with the large one: right, since it has bits to spare (Boldo).
    rest = to_odd(*two_sum(lost, low))
    result = total + rest
    if mode != "rn":
        result, gone = two_sum(total, rest)
        if mode == "rm":
            result = np.where((result == 0) & ((product != 0) | (np.signbit(product) != np.signbit(z))), -0.0, result)
        result = directed(result, gone, mode)
    zero = (x == 0) | (y == 0)  # then it is exact, and numpy has the sign of a zero right
    easy = _is_safe(x, y, z) & ~zero & (np.abs(result) > _SAFE_LOW)
    if not easy.all():
        result = np.where(easy, result, product + z)
        hard = np.flatnonzero(~(easy | zero) & np.isfinite(x) & np.isfinite(y) & np.isfinite(z))
        if hard.size:
            a, b, c = (np.broadcast_to(each, result.shape)[hard] for each in (x, y, z))
            result[hard] = _fma_of_any_size(a, b, c, mode)
    return result


def _fma_of_any_size(x: Array, y: Array, z: Array, mode: str) -> Array:
    """x * y + z of finite numbers, x and y not 0: of their digits, so that nothing over- or underflows, then scaled."""
    (a, a_scale), (b, b_scale), (c, c_scale) = (np.frexp(each) for each in (x, y, z))
    scale = (a_scale + b_scale).astype(np.int64)
    # What is farther from the other than their digits reach has no part in the result but its sign.
    c = np.ldexp(c, np.clip(c_scale - scale, -_FAR, _FAR))
    product, low = two_product(a, b)
    total, lost = two_sum(product, c)
    nearest, gone = two_sum(total, to_odd(*two_sum(lost, low)))
    # Where c is so large that its distance was cut short, the scale is c's.
    scale += np.where(c != 0, np.maximum(c_scale - scale - _FAR, 0), 0)
    return _scaled(nearest, gone, scale, mode)


def _scaled(nearest: Array, gone: Array, scale: Array, mode: str) -> Array:
    """(nearest + gone) * 2^scale in fp64, rounded once; `gone` is less than half of nearest's last place."""
    mantissa, exponent = np.frexp(nearest)
    # A power of 2 has neighbours half as far on the side of 0.
    exponent = np.where((np.abs(mantissa) == 0.5) & (np.sign(gone) == -np.sign(nearest)), exponent - 1, exponent)
    digits = np.maximum(exponent - 53, _LAST_PLACE - scale)  # the exponent of the result's last place
    scaled = np.ldexp(nearest, -digits)
    whole = np.rint(scaled)
    rest = scaled - whole
    side = np.sign(np.where(rest != 0, rest, gone))  # of the truth, seen from the whole number
    if mode == "rn":
        step = np.where((np.abs(rest) == 0.5) & (np.sign(gone) == np.sign(rest)), side, 0.0)
    else:
        inward = side * np.sign(np.where(whole != 0, whole, side)) < 0
        step = np.where({"rp": side > 0, "rm": side < 0, "rz": inward}[mode], side, 0.0)
    result = np.ldexp(np.copysign(whole + step, nearest), digits + scale)
    if mode == "rn":
        return result
    result = np.where(np.isinf(result), _kept_finite(result, mode), result)
    return np.where(nearest == 0, -0.0 if mode == "rm" else 0.0, result)


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
    """a + b of fp64, rounded once."""
    a, b = np.broadcast_arrays(a, b)
    total, lost = two_sum(a, b)
    # two_sum can overflow where the sum does not; Dekker's form, with the larger number first, cannot.
    if not np.isfinite(lost).all():
        large, small = np.where(np.abs(a) >= np.abs(b), (a, b), (b, a))
        lost = np.where(np.isfinite(lost), lost, small - (total - large))
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
    hard = np.flatnonzero(~easy & ~exact)
    result[hard] = _fma_of_any_size(a[hard], b[hard], np.zeros(hard.size), mode)
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

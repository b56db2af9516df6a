"""PTX instructions on one 32-bit register each, compiled by numba: the bits that the emulated GPU gives.

A register is an unsigned 32-bit number whatever its type, as in PTX. LLVM sees through the changes of type, and makes
vector instructions of a loop over these functions; nothing here may branch, so that it can.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from harness.emulator.instructions import approximate

_NAN = np.uint32(0x7FFFFFFF)  # what NVIDIA's instructions give (section 9.7.3)
_SIGN = np.uint32(0x80000000)
_SIZE = np.uint32(0x7FFFFFFF)
_INFINITY = np.uint32(0x7F800000)
_LEAST_NORMAL = np.uint32(0x00800000)
_ZERO, _ONE = np.uint32(0), np.uint32(1)
_POWERS = approximate.POWERS
_T1, _T2, _T3, _T4, _T5 = approximate.TERMS[1:]
_STEPS = float(approximate.STEPS)
_LAST_STEP = np.int64(approximate.STEPS - 1)
_MAGIC = approximate.MAGIC

(_HARD_1, _POWER_1), (_HARD_2, _POWER_2) = (tuple(map(np.uint32, each)) for each in approximate.HARD_POWERS)

# Each function is compiled once, and LLVM puts it where it is called: half the time that it takes numba to do so.
njit_inline = njit(forceinline=True, error_model="numpy", boundscheck=False)


def _cast(source: Any, target: Any, llvm: Any) -> Any:
    """An intrinsic that reads the bits of one type as those of another."""

    @intrinsic
    def cast(typingctx: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], llvm)

        return target(source), generate

    return cast


to_f32 = _cast(types.uint32, types.float32, ir.FloatType())
to_u32 = _cast(types.float32, types.uint32, ir.IntType(32))
to_f64 = _cast(types.int64, types.float64, ir.DoubleType())
to_i64 = _cast(types.float64, types.int64, ir.IntType(64))


@intrinsic
def _fma32(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """One rounding, as the processor's own instruction has it (or the C library, where there is none)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), generate


@njit_inline
def canonical(bits):
    return _NAN if (bits & _SIZE) > _INFINITY else bits


@njit_inline
def flush(bits):
    """A subnormal number becomes the zero of its sign (.ftz)."""
    return np.uint32(bits & _SIGN if (bits & _SIZE) < _LEAST_NORMAL else bits)


@njit_inline
def fma(a, b, c):
    return canonical(to_u32(_fma32(to_f32(a), to_f32(b), to_f32(c))))  # type: ignore[call-arg]  # of numba


@njit_inline
def fma_down(a, b, c):
    """The same rounded down (.rm): fp64 rounded to odd keeps on which side of an fp32 number the truth lies."""
    product = np.float64(to_f32(a)) * np.float64(to_f32(b))
    addend = np.float64(to_f32(c))
    total = product + addend
    back = total - product
    lost = (product - (total - back)) + (addend - back)
    nearest = np.float32(total)
    wide = np.float64(nearest)
    below = (wide > total) | ((wide == total) & (lost < 0.0))
    bits = to_u32(nearest)
    down = np.uint32(bits + _ONE) if bits & _SIGN else np.uint32(bits - _ONE)
    down = np.uint32(0x80000001) if (bits & _SIZE) == _ZERO else down
    same_sign = (to_i64(product) < 0) == (to_i64(addend) < 0)
    is_less_zero = (total == 0.0) & (lost == 0.0) & ~((product == 0.0) & (addend == 0.0) & same_sign)
    return _SIGN if is_less_zero else canonical(down if below else bits)


@njit_inline
def mul(a, b):
    return canonical(to_u32(np.float32(to_f32(a) * to_f32(b))))


@njit_inline
def add(a, b):
    return canonical(to_u32(np.float32(to_f32(a) + to_f32(b))))


@njit_inline
def sub(a, b):
    return canonical(to_u32(np.float32(to_f32(a) - to_f32(b))))


@njit_inline
def div(a, b):
    return canonical(to_u32(np.float32(to_f32(a) / to_f32(b))))


@njit_inline
def neg(a):
    return canonical(np.uint32(a ^ _SIGN))


@njit_inline
def absolute(a):
    return canonical(np.uint32(a & _SIZE))


@njit_inline
def sat(a):
    """Within [0, 1]; NaN and -0 become +0 (.sat)."""
    value = to_f32(a)
    return (np.uint32(0x3F800000) if value > np.float32(1) else a) if value > np.float32(0) else _ZERO


@njit_inline
def is_nan(a):
    return (a & _SIZE) > _INFINITY


@njit_inline
def _order(bits):
    """A number that grows with the float, -0 below +0."""
    return np.uint32(~bits if bits & _SIGN else bits | _SIGN)


@njit_inline
def minimum(a, b):
    """A number beats NaN; -0 is less than +0 (9.7.3.11)."""
    least = a if _order(a) < _order(b) else b
    return canonical(b if is_nan(a) else (a if is_nan(b) else least))


@njit_inline
def maximum(a, b):
    most = a if _order(a) > _order(b) else b
    return canonical(b if is_nan(a) else (a if is_nan(b) else most))


@njit_inline
def minimum_nan(a, b):
    """The same, but NaN beats a number (.NaN)."""
    return _NAN if is_nan(a) | is_nan(b) else (a if _order(a) < _order(b) else b)


@njit_inline
def maximum_nan(a, b):
    return _NAN if is_nan(a) | is_nan(b) else (a if _order(a) > _order(b) else b)


@njit_inline
def exp2_wide(x):
    """2^x in fp64 as the emulated GPU computes it, operation by operation; x is a float of 64 bits, not NaN."""
    rest = min(max(x * _STEPS, -300.0 * _STEPS), 300.0 * _STEPS)
    total = rest + _MAGIC
    bits = to_i64(total)
    index = bits & _LAST_STEP
    rest = rest - (total - _MAGIC)
    power = _POWERS[index]
    poly = ((((rest * _T5 + _T4) * rest + _T3) * rest + _T2) * rest + _T1) * rest
    poly = poly * power + power
    return to_f64(to_i64(poly) + ((bits - index) << 46))


@njit_inline
def ex2(a, factor, ftz):
    """9.7.3.21; `factor` is 1, or what moves a normal result to the outermost number within the ISA's bound."""
    x = np.float64(to_f32(a))
    exact = exp2_wide(x)
    size = a & _SIZE
    moved = exact if size < (_LEAST_NORMAL if ftz else _ONE) else exact * factor
    result = to_u32(np.float32(moved))
    if (factor != 1.0) & (moved >= 2.0**-126) & (moved < 2.0**128):
        rounded = np.float64(to_f32(result))
        result -= np.uint32((factor > 1.0) & (rounded > moved))
        result += np.uint32((factor < 1.0) & (rounded < moved))
    result = _POWER_1 if (a == _HARD_1) & (factor == 1.0) else result
    result = _POWER_2 if (a == _HARD_2) & (factor == 1.0) else result
    result = _ZERO if ftz and moved < 2.0**-126 else result
    return _NAN if is_nan(a) else result


@njit_inline
def select(condition, a, b):
    return a if condition else b


@njit_inline
def shl(a, count):
    return _ZERO if count > np.uint32(31) else np.uint32(a << (count & np.uint32(31)))


@njit_inline
def shr(a, count):
    return _ZERO if count > np.uint32(31) else np.uint32(a >> (count & np.uint32(31)))


@njit_inline
def sar(a, count):
    """The sign fills what becomes free (.s32)."""
    return np.uint32(np.int32(a) >> np.int32(min(count, np.uint32(31))))


@njit_inline
def from_s32(a):
    """The integer as a float, rounded to nearest."""
    return to_u32(np.float32(np.int32(a)))


@njit_inline
def round_even(a):
    return canonical(to_u32(np.float32(np.rint(to_f32(a)))))


@njit_inline
def round_down(a):
    return canonical(to_u32(np.float32(np.floor(to_f32(a)))))

"""Every rounding against exact arithmetic: results are the numbers that one rounding of the truth gives."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.emulator.exact import BF16, F16, F32, F64, Format, rounded
from tests.harness.emulator.programs import execute, line

MODES = ["rn", "rz", "rm", "rp"]
FORMATS = {"f32": F32, "f64": F64, "f16": F16, "bf16": BF16}


def value_of(bits: int, kind: str) -> float:
    if kind == "f16":
        return struct.unpack("<e", struct.pack("<H", bits))[0]
    if kind == "bf16":
        return struct.unpack("<f", struct.pack("<I", bits << 16))[0]
    return (
        struct.unpack("<f", struct.pack("<I", bits))[0]
        if kind == "f32"
        else struct.unpack("<d", struct.pack("<Q", bits))[0]
    )


def bits_of(value: float, kind: str) -> int:
    if kind == "f16":
        return struct.unpack("<H", struct.pack("<e", value))[0]
    if kind == "bf16":
        return struct.unpack("<I", struct.pack("<f", value))[0] >> 16
    code, whole = ("<f", "<I") if kind == "f32" else ("<d", "<Q")
    return struct.unpack(whole, struct.pack(code, value))[0]


WIDTHS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}
FRACTIONS = {"f16": 10, "bf16": 7, "f32": 23, "f64": 52}


@st.composite
def numbers(draw: st.DrawFn, kind: str) -> list[int]:
    """Bits of finite numbers: many of like size, of few bits, at the ends of the range, and any."""
    fraction, width = FRACTIONS[kind], WIDTHS[kind]
    exponents = 1 << (width - 1 - fraction)
    middle = exponents // 2 - 1

    def one() -> st.SearchStrategy[int]:
        sparse = st.builds(lambda a, b: (1 << a) | (1 << b), *[st.integers(0, max(0, fraction - 1))] * 2)
        low = st.one_of(st.integers(0, (1 << fraction) - 1), sparse, st.sampled_from([0, 1, (1 << fraction) - 1]))
        high = st.one_of(
            st.integers(middle - 3, middle + 3), st.integers(0, exponents - 2), st.sampled_from([0, 1, exponents - 2])
        )
        return st.builds(lambda s, e, f: (s << (width - 1)) | (e << fraction) | f, st.integers(0, 1), high, low)

    return draw(st.lists(one(), min_size=24, max_size=24))


def check(
    text: str, kind: str, count: int, operands: list[list[int]], truth: Callable[..., Fraction], mode: str
) -> None:
    """Each result is the rounded truth; a result of 0 may have either sign here."""
    got = execute(line(text, kind, *[kind] * count), *[np.array(each, f"u{WIDTHS[kind] // 8}") for each in operands])
    bits = got.view(f"u{WIDTHS[kind] // 8}") if got.dtype.kind == "f" else got
    for index, given_bits in enumerate(zip(*operands, strict=True)):
        values = [value_of(each, kind) for each in given_bits]
        try:
            exact = truth(*[Fraction(each) for each in values])
        except (ZeroDivisionError, ValueError, OverflowError):  # an infinity or NaN among the operands
            continue
        expected = rounded(exact, FORMATS[kind], mode)
        actual = value_of(int(bits[index]), kind)
        assert actual == expected and (expected == 0 or math.copysign(1, actual) == math.copysign(1, expected)), (
            text, [each.hex() for each in values], actual.hex(), expected.hex()
        )  # fmt: skip


TWO = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_sum_beside_the_greatest_number_of_fp64(mode: str) -> None:
    """What the sum of these two loses overflows on the way, if it is found without care."""
    operands = [[0xFFD0000000000003, 0x7FEFFFFFFFFFFFFF], [0x7FEFFFFFFFFFFFFF, 0xFFD0000000000003]]
    check(f"add.{mode}.f64 $0, $1, $2;", "f64", 2, operands, TWO["add"], mode)


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TWO)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_two_operands(name: str, mode: str, kind: str, data: st.DataObject) -> None:
    operands = [data.draw(numbers(kind)) for _ in range(2)]
    check(f"{name}.{mode}.{kind} $0, $1, $2;", kind, 2, operands, TWO[name], mode)


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_fma_rounds_once(mode: str, kind: str, data: st.DataObject) -> None:
    operands = [data.draw(numbers(kind)) for _ in range(3)]
    check(f"fma.{mode}.{kind} $0, $1, $2, $3;", kind, 3, operands, lambda a, b, c: a * b + c, mode)


@pytest.mark.parametrize(
    ("kind", "mode"), [*[(k, m) for k in ("f32", "f64") for m in MODES], ("f16", "rn"), ("bf16", "rn")]
)
def test_fma_next_to_ties(kind: str, mode: str) -> None:
    """Products of one bit too many, which lie halfway, and a third operand too small to show, which decides."""
    random = np.random.default_rng(0)
    form, count = FORMATS[kind], 256
    half = form.precision // 2 + 1
    factors = [random.integers(2 ** (half - 1), 2**half, count) for _ in range(2)]
    least = form.least_exponent - form.precision + 1
    small = [2.0 ** int(random.integers(max(least, -90), 1)) * random.choice([-1, 1]) for _ in range(count)]
    operands = [[bits_of(float(each), kind) for each in values] for values in (*factors, small)]
    check(f"fma.{mode}.{kind} $0, $1, $2, $3;", kind, 3, operands, lambda a, b, c: a * b + c, mode)


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_fma_of_what_nearly_cancels(mode: str, kind: str, data: st.DataObject) -> None:
    """c is the rounded product, negated, or next to it: what is left is the product's last bits."""
    a, b = data.draw(numbers(kind)), data.draw(numbers(kind))
    c = []
    for x, y in zip(a, b, strict=True):
        product = rounded(Fraction(value_of(x, kind)) * Fraction(value_of(y, kind)), FORMATS[kind], "rn")
        near = 0.0 if math.isinf(product) else -product
        c.append((bits_of(near, kind) + data.draw(st.integers(0, 1))) if near else 0)
    check(f"fma.{mode}.{kind} $0, $1, $2, $3;", kind, 3, [a, b, c], lambda p, q, r: p * q + r, mode)


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["sqrt", "rcp"])
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_roots_and_reciprocals(name: str, mode: str, kind: str, data: st.DataObject) -> None:
    operand = data.draw(numbers(kind))
    if name == "rcp":
        check(f"rcp.{mode}.{kind} $0, $1;", kind, 1, [operand], lambda a: 1 / a, mode)
        return
    got = execute(line(f"sqrt.{mode}.{kind} $0, $1;", kind, kind), np.array(operand, f"u{WIDTHS[kind] // 8}"))
    for bits, actual in zip(operand, got.tolist(), strict=True):
        value = value_of(bits, kind)
        if value > 0:
            # The root lies between what it is said to be and that number's neighbour: squares tell.
            step = math.ulp(actual) if kind == "f64" else float(np.spacing(np.float32(actual)))
            exact, root, up, down = Fraction(value), Fraction(actual), Fraction(actual + step), Fraction(actual - step)
            if mode == "rn":
                assert ((down + root) / 2) ** 2 <= exact <= ((root + up) / 2) ** 2
            elif mode == "rp":
                assert down**2 < exact <= root**2
            else:
                assert root**2 <= exact < up**2


@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "fma"])
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_16_bits(name: str, kind: str, data: st.DataObject) -> None:
    count = 3 if name == "fma" else 2
    operands = [data.draw(numbers(kind)) for _ in range(count)]
    truth = TWO.get(name, lambda a, b, c=0: a * b + c)
    text = f"{name}.rn.{kind} $0, {', '.join(f'${index + 1}' for index in range(count))};"
    check(text, kind, count, operands, truth, "rn")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("to", ["f16", "bf16", "f32"])
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_conversions(to: str, mode: str, data: st.DataObject) -> None:
    source = "f64" if to == "f32" else "f32"
    bits = data.draw(numbers(source))
    # Halfway cases of the narrower format, one bit below and one above.
    spare = FRACTIONS[source] - FRACTIONS[to]
    bits += [((each >> spare) << spare) | ((1 << (spare - 1)) + shift) for each in bits[:8] for shift in (-1, 0, 1)]
    got = execute(line(f"cvt.{mode}.{to}.{source} $0, $1;", to, source), np.array(bits, f"u{WIDTHS[source] // 8}"))
    for each, actual in zip(bits, got.view(f"u{WIDTHS[to] // 8}").tolist(), strict=True):
        value = value_of(each, source)
        if math.isfinite(value):
            expected = math.copysign(rounded(Fraction(value), FORMATS[to], mode), value)
            assert value_of(actual, to) == expected, (value.hex(), expected.hex())
            assert math.copysign(1, value_of(actual, to)) == math.copysign(1, expected)


@pytest.mark.parametrize("to", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("source", ["s32", "u32", "s64", "u64"])
@pytest.mark.parametrize("mode", MODES)
def test_conversions_from_integers(source: str, to: str, mode: str) -> None:
    bits = int(source[1:])
    values = [0, 1, 3, 255, 257, 2049, 65519, 65520, 2**24 + 1, 2**24 + 3, 2**25 + 2, 2**31 - 1, 2**30 + 65]
    values += [2**53 + 1, 2**54 - 1, 2**62 + 2**9 + 1, 2**63 - 1, 2**63 + 2**10 + 1, 2**64 - 1]
    values = [each % 2**bits for each in values]
    if source[0] == "s":
        values = [each - 2**bits if each >= 2 ** (bits - 1) else each for each in values] + [-1, -(2 ** (bits - 1))]
    target = "sm_90"
    got = execute(
        line(f"cvt.{mode}.{to}.{source} $0, $1;", to, source, target=target),
        np.array(values, f"{'i' if source[0] == 's' else 'u'}{bits // 8}"),
    )
    for value, actual in zip(values, got.view(f"u{WIDTHS[to] // 8}").tolist(), strict=True):
        assert value_of(actual, to) == rounded(Fraction(value), FORMATS[to], mode), value


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_pairs_are_two_numbers(data: st.DataObject) -> None:
    """fma.rn.f32x2 and the f16x2 ones give what the single instruction gives for each half."""
    low, high = ([np.array(data.draw(numbers("f32")), np.uint32).view(np.float32) for _ in range(3)] for _ in range(2))
    pairs = [np.stack([a, b], 1).reshape(-1).view(np.uint64) for a, b in zip(low, high, strict=True)]
    got = execute(line("fma.rn.f32x2 $0, $1, $2, $3;", "b64", "b64", "b64", "b64", target="sm_100"), *pairs)
    single = line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32")
    halves = np.stack([execute(single, *low), execute(single, *high)], 1).reshape(-1)
    assert np.array_equal(got.view(np.uint32), halves.view(np.uint32))


def test_fma_of_4097() -> None:
    assert execute(line("fma.rn.f32 $0, $1, $2, $3;", "f32", "f32", "f32", "f32"), 4097.0, 4097.0, 2.0**-30) == 16785410


def test_formats_are_those_of_numpy() -> None:
    for form, kind in ((F32, np.float32), (F64, np.float64), (F16, np.float16)):
        assert isinstance(form, Format) and float(form.greatest) == float(np.finfo(kind).max)

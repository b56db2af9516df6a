"""Opcodes of machine code: what ptxas makes of lines of PTX gives PTX's known answers, and listings by hand theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton.backends.nvidia")

from harness.emulator.ptx import UnsupportedInstruction
from harness.emulator.sass.lift import lift
from harness.emulator.sass.opcodes import MEANINGS
from harness.emulator.sass.reader import ListingError, Printed, read
from tests.harness.emulator.machine_code import execute_compiled, execute_listing
from tests.harness.emulator.programs import NUMPY, execute, line
from tests.harness.emulator.test_instructions import ALL

WORDS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1, 2**64 - 2**32])
HALF = 2**32
# What no kernel of the suite needs.
NOT_KNOWN = (
    "div.u64", "rem.u64", "xorsign", "satfinite", "s64.f64",
    "u64.f64", "sat.u16", "sat.s16", "sat.s32", "sad.", "f4e", "bmsk", "dp4a", "sin.", "cos.",
)  # fmt: skip


def words(*values: int) -> list[np.ndarray]:
    return [np.array([each % HALF], np.uint32) for value in values for each in (value, value >> 32)]


def answer(body: str, *operands: int, arch: str = "sm_90") -> int:
    return int(execute_listing(body, *(np.array([each % HALF], np.uint32) for each in operands), arch=arch)[0])


def f32(value: float) -> int:
    return int(np.float32(value).view(np.uint32))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_ptxas_makes_of_an_instruction_gives_the_known_answer():
    """Every other line of PTX, once for all of its operands: compiling them takes the time."""
    asked: dict = {}
    for code, operands, result in ALL:
        if not any(each in code.text for each in NOT_KNOWN):
            asked.setdefault(code, []).append((operands, result))
    assert len(asked) > 100
    differ = []
    for code, examples in list(asked.items())[::2]:
        columns = [list(each) for each in zip(*(operands for operands, _ in examples), strict=True)]
        found = execute_compiled(code, *columns)
        integer = f"u{np.dtype(NUMPY[code.to]).itemsize}"
        for got, (operands, result) in zip(found.view(integer), examples, strict=True):
            wanted = np.array([result], NUMPY[code.to]) if isinstance(result, float) else None
            bits = int(wanted.view(integer)[0]) if wanted is not None else int(result) % 256 ** int(integer[1])
            if int(got) != bits:
                differ.append(f"{code.text} of {operands}: {int(got):#x}, not {bits:#x}")
    assert differ == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("name", ["div.rn", "sqrt.rn", "rcp.rn"])
def test_what_ptxas_does_by_a_function_of_its_own_is_rounded_once(name, kind):
    """Its quick way, and a call where numbers are extreme, at random bits and at special values."""
    bits = np.random.default_rng(0).integers(0, 2**63, 1000, dtype=np.uint64) * np.uint64(2)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -3.0, 2.0**-149], NUMPY[kind])
    x = np.concatenate([special, bits.view(NUMPY[kind])[:1000], np.linspace(-9, 9, 500).astype(NUMPY[kind])])
    operands = (x, np.roll(x, 7)) if name == "div.rn" else (x,)
    code = line(f"{name}.{kind} " + ", ".join(f"${index}" for index in range(len(operands) + 1)) + ";",
                kind, *[kind] * len(operands))  # fmt: skip
    found, wanted = execute_compiled(code, *operands), execute(code, *operands)
    same = found.view(f"u{found.itemsize}") == wanted.view(f"u{found.itemsize}")
    assert (same | (np.isnan(found) & np.isnan(wanted))).all()


@settings(deadline=None, max_examples=15)
@given(WORDS, WORDS)
def test_sums_of_64_bits_carry(a, b):
    low = "IADD3 R9, P0, R10, R12, RZ"
    assert answer(low, a, a >> 32, b, b >> 32) == (a + b) % HALF
    high = f"{low}\nIADD3.X R9, R11, R13, RZ, P0, !PT"
    assert answer(high, a, a >> 32, b, b >> 32) == (a + b) % 2**64 >> 32


@settings(deadline=None, max_examples=15)
@given(WORDS, WORDS)
def test_differences_of_64_bits_borrow(a, b):
    body = "IADD3 R9, P0, R10, -R12, RZ\nIADD3.X R9, R11, ~R13, RZ, P0, !PT"
    assert answer(body, a, a >> 32, b, b >> 32) == (a - b) % 2**64 >> 32


@settings(deadline=None, max_examples=15)
@given(WORDS, WORDS, st.sampled_from(["LT", "LE", "GT", "GE", "EQ", "NE"]))
def test_comparisons_of_64_bits_in_two_halves(a, b, name):
    body = f"""ISETP.{name}.U32.AND P0, PT, R10, R12, PT
    ISETP.{name}.U32.AND.EX P1, PT, R11, R13, PT, P0
    SEL R9, RZ, 0x1, !P1"""
    truth = {"LT": a < b, "LE": a <= b, "GT": a > b, "GE": a >= b, "EQ": a == b, "NE": a != b}[name]
    assert answer(body, a, a >> 32, b, b >> 32) == truth


@settings(deadline=None, max_examples=15)
@given(WORDS, WORDS, st.integers(0, 31))
def test_an_address_is_scaled_and_added_in_64_bits(a, b, shift):
    body = f"LEA R9, P0, R10, R12, {shift:#x}\nLEA.HI.X R9, R10, R13, R11, {shift:#x}, P0"
    moved = (a << shift) % 2**64
    carry = (moved % HALF + b % HALF) >> 32
    assert answer(body, a, a >> 32, b, b >> 32) == ((moved >> 32) + (b >> 32) + carry) % HALF


@settings(deadline=None, max_examples=15)
@given(WORDS, WORDS)
def test_the_upper_half_of_a_product_adds_64_bits(a, c):
    x, y = a % HALF, a >> 32
    assert answer("IMAD.HI.U32 R9, R10, R11, R12", x, y, c, c >> 32) == (x * y + c) % 2**64 >> 32


@settings(deadline=None, max_examples=15)
@given(WORDS, st.integers(0, 63))
def test_shifts_of_two_registers(a, shift):
    assert answer(f"SHF.R.U64 R9, R10, {shift:#x}, R11", a, a >> 32) == (a >> shift) % HALF
    assert answer(f"SHF.L.U64.HI R9, R10, {shift:#x}, R11", a, a >> 32) == (a << shift) % 2**64 >> 32
    signed = (a >> 32) - (HALF if a >> 63 else 0)
    assert answer("SHF.R.S32.HI R9, RZ, R12, R11", a, a >> 32, shift % 32) == (signed >> shift % 32) % HALF


@pytest.mark.parametrize(
    ("body", "operands", "result"),
    [
        ("FMNMX R9, R10, R11, PT", (f32(2), f32(3)), f32(2)),
        ("FMNMX R9, R10, R11, !PT", (f32(2), f32(3)), f32(3)),
        ("ISETP.GE.AND P2, PT, R10, R11, PT\nFMNMX R9, R10, R11, P2", (f32(2), f32(3)), f32(3)),
        ("FMNMX R9, RZ, R10, !PT", (0x7FC00000,), 0),
        ("FMNMX.NAN R9, RZ, R10, !PT", (0x7FC00000,), 0x7FFFFFFF),
        ("FADD R9, -R10, |R11|", (f32(1), f32(-3)), f32(2)),
        ("FADD.FTZ R9, R10, RZ", (0x00000001,), 0),
        ("FFMA.SAT R9, R10, R11, 0.5", (f32(1), f32(1)), f32(1)),
        ("FSEL R9, R10, -4.232421875, !PT", (f32(1),), f32(-4.232421875)),
        ("HADD2.F32 R9, -RZ, R10.H1_H1", (0x3C000000,), f32(1)),
        ("HADD2.F32 R9, -RZ, R10.H0_H0", (0x3C00C000,), f32(-2)),
        ("HFMA2.MMA R9, -RZ, RZ, 1, -2", (), 0x3C00C000),
        ("HFMA2 R9, R10, R11.H0_H0, 1, 1", (0x3C004000, 0x00003C00), 0x40004200),
        ("HFMA2.BF16_V2 R9, R10, R11, -RZ", (0x3F804000, 0x40003F80), 0x40004000),
        ("HMNMX2.BF16_V2 R9, R10, RZ.H0_H0, PT", (0x3F80BF80,), 0x0000BF80),
        ("HSET2.BF16_V2.GTU.AND R9, R10, RZ.H0_H0, PT", (0x3F80BF80,), 0xFFFF0000),
        ("HSETP2.GTU.AND P0, P1, R10, RZ.H0_H0, PT\nP2R R9, PR, RZ, 0x3", (0x3C00BC00,), 2),
        ("F2FP.BF16.F32.PACK_AB R9, R10, R11", (f32(1), f32(-2)), 0x3F80C000),
        ("F2FP.RELU.F16.F32.PACK_AB R9, R10, R11", (f32(-1), f32(2)), 0x00004000),
        ("VIADDMNMX.U16x2 R9, R10, 0x80008000, R11, PT", (0x00018001, 0x00050005), 0x00050001),
        ("VIADDMNMX.U16x2 R9, R10, 0x80008000, R11, !PT", (0x00018001, 0x00050005), 0x80010005),
        ("PRMT R9, R10, 0x7632, R11", (0x33221100, 0x77665544), 0x77663322),
        ("PRMT R9, R10, 0xbb99, RZ", (0x80007FFF,), 0xFFFF0000),
        ("LOP3.LUT R9, R10, R11, R12, 0xca, !PT", (0xF0F0F0F0, 0x12345678, 0x9ABCDEF0), 0x1A3C5E70),
        ("LOP3.LUT P0, RZ, R10, 0x1c, RZ, 0xc0, !PT\nSEL R9, R10, 0x5, P0", (0x23,), 5),
        ("PLOP3.LUT P1, PT, PT, PT, PT, 0x8, 0x0\nP2R R9, PR, RZ, 0x7f", (), 0),
        ("ISETP.NE.AND P3, P4, R10, RZ, PT\nP2R R9, PR, R11, 0x18", (7, 0xFFFF), 0xFFEF),
        ("R2P PR, R10, 0x6\nSEL R9, RZ, 0x1, !P2", (0x04,), 1),
        ("REDUX.MAX.S32 UR4, R0\nMOV R9, UR4", (), 31),
        ("IADD3 R9, P0, P1, R10, R10, R10\nIADD3.X R9, RZ, RZ, RZ, P0, P1", (0xFFFFFFFF,), 2),
        ("SGXT R9, R10, 0x14", (0x00080000,), 0xFFF80000),
        ("SGXT.U32 R9, R10, 0x5", (0xFF,), 31),
        ("IMAD.SHL.U32 R9, R10, 0x200, RZ", (3,), 0x600),
        ("IMAD.MOV R9, RZ, RZ, -R10", (3,), 0xFFFFFFFD),
        ("LEA.HI.X.SX32 R9, R10, R11, 0x2, !PT", (0x80000000, 5), 3),
        ("FMUL.D2 R9, R10, R11", (f32(3), f32(5)), f32(7.5)),
        ("IADD.64 R8, R10, -0x1", (0, 1), 0),
        ("FADD2 R8, R10.F32x2.LO_HI, R12.F32", (f32(1), f32(2), f32(5)), f32(6)),
        ("FFMA2 R8, R10.F32x2.HI_LO, R12.F32, 1", (f32(1), f32(2), f32(5)), f32(11)),
        ("FHADD.BF16 R9, R10.H1, R11", (0x40000000, f32(1)), f32(3)),
        ("ISETP.NE.AND P0, PT, R10, RZ, PT\n@P0 ISETP.EQ.AND P0, P1, R10, RZ, PT\n@!P0 MOV R9, 0x2", (7,), 2),
    ],
)  # fmt: skip
def test_listings_by_hand_give_known_answers(body, operands, result):
    assert answer(body, *operands) == result


def test_threads_part_meet_exchange_and_wait():
    """A loop of as many rounds as the thread's number, a sum over the warp, and a turn through shared memory."""
    body = """MOV R9, RZ
    BSSY B0, `(.L_x_2)
    ISETP.NE.AND P0, PT, R0, RZ, PT
    MOV R20, R0
    @!P0 BRA `(.L_x_2)
    .L_x_1:
    IADD3 R20, R20, -0x1, RZ
    IADD3 R9, R9, 0x3, RZ
    ISETP.NE.AND P0, PT, R20, RZ, PT
    @P0 BRA `(.L_x_1)
    .L_x_2:
    BSYNC B0
    SHFL.BFLY PT, R21, R9, 0x1, 0x1f
    UMOV UR4, 0x400
    S2UR UR5, SR_CgaCtaId
    ULEA UR4, UR5, UR4, 0x18
    LEA R22, R0, UR4, 0x2
    STS [R22], R21
    BAR.SYNC.DEFER_BLOCKING 0x0
    LOP3.LUT R23, R0, 0x7f, RZ, 0x3c, !PT
    LEA R23, R23, UR4, 0x2
    LDS R9, [R23]"""
    threads = np.arange(128)
    assert np.array_equal(execute_listing(body), 3 * ((127 - threads) ^ 1))


def test_what_is_not_known_stops_a_run_where_it_is_reached_and_not_before():
    assert answer("BRA `(.L_x_1)\nHMMA.1688.F32 R4, R8, R10, R4\n.L_x_1:\nMOV R9, R10", 5) == 5
    for body in (
        "MOV.SPILL R9, R10",
        "FOO R9, R10",
        "FADD R9, R10.H0, R10",
        "MOV R9, c[0x4][0x8]",
        "BRX R2 -0x10",
        "RET.ABS R4",
    ):
        with pytest.raises(UnsupportedInstruction, match=r"in line \d+ of the machine code"):
            answer(body, 5)


def test_a_listing_is_of_one_kernel_and_every_unknown_line_is_named():
    with pytest.raises(ListingError):
        read("nothing here")
    lifted = lift(read(".text.k:\n /*0000*/ FADD.WEIRD R1, R2, R3 ;\n /*0010*/ EXIT ;\n"), "sm_90")
    assert lifted.unknown == ("FADD.WEIRD in line 2 of the machine code (`FADD.WEIRD R1, R2, R3`): the modifier WEIRD",)


def test_a_nan_has_the_digits_of_its_code():
    """It is printed without them."""
    given = ".text.k:\n /*0000*/ FSEL R23, R3, +QNAN , !P0 ; /* 0x7ff8000003177808 */\n"
    (line,) = read(given).lines
    assert line.operands[2] == Printed("+QNAN", 0x7FF80000)
    assert "digits" in lift(read(given.partition("/* 0x")[0]), "sm_90").unknown[0]


def test_every_meaning_is_said_in_a_sentence():
    assert [name for name, meaning in MEANINGS.items() if not meaning.__doc__] == []


def test_a_part_of_a_constant_is_widened():
    """Bytes 2 and 3 of the first parameter, in one and in two pieces, are the upper half of its first word."""
    body = """LDC R4, c[0x0][0x210]
    LDC.U16 R5, c[0x0][0x212]
    ULDC.U8 UR6, c[0x0][0x212]
    LDC.U8 R7, c[0x0][0x213]
    SHF.R.U32.HI R4, RZ, 0x10, R4
    SHF.L.U32 R7, R7, 0x8, RZ
    IADD3 R7, R7, UR6, -R5
    IADD3 R4, R4, -R5, RZ
    LOP3.LUT R9, R4, R7, RZ, 0xfc, !PT"""
    assert not execute_listing(body, np.zeros(1, np.uint32)).any()


def test_a_half_of_a_constant_is_named_behind_its_place():
    half = "HADD2.F32 R9, -RZ, c[0x0] [0x168].H0_H0"
    assert lift(read(f".text.k:\n /*0000*/ {half} ;\n /*0010*/ EXIT ;\n"), "sm_80").unknown == ()

"""What is translated has the bits of the emulated GPU, instruction by instruction and of whole kernels."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from harness.emulator.reader import parse
from harness.proof import translate
from harness.proof.expressions import NotStraight, element_of
from harness.proof.lines import End
from tests.harness.command import elubench
from tests.harness.emulator.programs import execute, line, ptx

CONSTANTS = ("0fCB40007F", "0f80000000", "0f7FC00001")
TWO_OPERANDS = [
    f"{name} $0, {order};"
    for name in (
        "add.f32", "sub.rn.f32", "mul.ftz.f32", "min.f32", "max.ftz.f32", "min.NaN.f32", "max.NaN.f32", "div.rn.f32",
    )
    for order in ("$1, C", "C, $1")
]  # fmt: skip
COMPARISONS = [
    f"setp.{how}.f32 %p1, $1, C; selp.b32 $0, $1, 7, %p1;"
    for how in ("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan")
]
ONE_OPERAND = [
    "mov.b32 $0, $1;", "neg.f32 $0, $1;", "abs.ftz.f32 $0, $1;", "ex2.approx.ftz.f32 $0, $1;", "ex2.approx.f32 $0, $1;",
    "cvt.rni.f32.f32 $0, $1;", "cvt.rmi.f32.f32 $0, $1;", "cvt.ftz.sat.f32.f32 $0, $1;", "cvt.rn.f32.s32 $0, $1;",
    "add.sat.f32 $0, $1, $1;", "shl.b32 $0, $1, 23;", "shr.u32 $0, $1, 9;", "shr.s32 $0, $1, 40;", "not.b32 $0, $1;",
    "and.b32 $0, $1, 0x7fffffff;", "xor.b32 $0, $1, -1;", "add.s32 $0, $1, 5;", "sub.s32 $0, 5, $1;",
    "setp.lt.f32 %p1, $1, 0f00000000; not.pred %p2, %p1; selp.f32 $0, 0f3F800000, $1, %p2;",
    "setp.lt.f32 %p1, $1, 0f00000000; setp.gt.f32 %p2, $1, 0fC0000000; and.pred %p1, %p1, %p2; "
    "selp.f32 $0, 0f3F800000, $1, %p1;",
]  # fmt: skip
THREE_OPERANDS = [
    "fma.rn.f32 $0, $1, C, $1;", "fma.rn.ftz.f32 $0, $1, $1, C;", "fma.rm.f32 $0, $1, C, C;",
    "fma.rm.ftz.f32 $0, $1, $1, C;",
]  # fmt: skip


def inputs() -> np.ndarray:
    draw = np.random.default_rng(3)
    special = [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC12345, 0x33000000]
    ends = np.array([each | sign for each in special for sign in (0, 0x80000000)], np.uint32)
    near = draw.normal(0, 40, 4000).astype(np.float32).view(np.uint32)
    return np.concatenate([ends, draw.integers(0, 2**32, 4000, dtype=np.uint32), near])


def one_after_the_other(texts: list[str], inputs: int) -> str:
    """The source of one function for all of them, which costs less to compile: each has its part of the inputs."""
    source = ""
    for number, text in enumerate(texts):
        head, loop = translate.source_of(element(text), "input").split("\n", 1)
        loop = loop.replace("range(bits.size)", f"range({number * inputs}, {(number + 1) * inputs})")
        source += loop if source else f"{head}\n{loop}"
    return source


def with_constants(text: str) -> list[str]:
    """The instruction with each constant in the place of C."""
    # A number is compared as a zero is: with what is less, equal, greater and no number.
    constants = CONSTANTS[1:] if text in COMPARISONS else CONSTANTS
    return list(dict.fromkeys(re.sub(r"\bC\b", each, text) for each in constants))


def element(text: str):
    kernel = parse(ptx(line(text, "b32", "b32")))
    return element_of(kernel, {"p0": "output", "p1": "input"}, bytes(16), "output")


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts",
    [ONE_OPERAND, TWO_OPERANDS, COMPARISONS, THREE_OPERANDS],
    ids=["one operand", "two operands", "comparisons", "three operands"],
)
def test_instructions_have_the_bits_of_the_emulated_gpu(texts):
    own = [each for text in texts for each in with_constants(text)]
    bits = inputs()
    function = translate.compiled(one_after_the_other(own, bits.size))
    wrong = {}
    for end in (End.UNUSED, End.NEAREST, End.LOW, End.HIGH):
        asked = [each for each in own if ("ex2" in each) is (end is not End.UNUSED)]
        if not asked:
            continue
        outputs = dict(
            zip(own, translate.outputs(function, np.tile(bits, len(own)), end).reshape(-1, bits.size), strict=True)
        )
        for each in asked:
            found = outputs[each]
            wanted = execute(line(each, "b32", "b32"), bits, ex2="nearest" if end is End.UNUSED else end.value)
            for place in np.flatnonzero(found != wanted)[:1]:
                wrong[each, end] = [f"{one[place]:#x}" for one in (bits, found, wanted)]
    assert not wrong


@pytest.mark.parametrize(
    "text", ["sin.approx.f32 $0, $1;", "fma.rz.f32 $0, $1, $1, $1;", "mul.lo.u32 $0, $1, 3;", "sqrt.rn.f32 $0, $1;"]
)
def test_what_is_not_known_is_not_translated(text):
    with pytest.raises(NotStraight, match=r"is not translated"):
        translate.source_of(element(text), "input")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mov.u32 %t2, %tid.x; add.s32 $0, $1, %t2;", "place"),
        ("ld.global.b32 $0, [%a1+4];", "others"),
        ("ld.global.b32 $0, [%a0];", "reads what it writes"),
        ("st.global.b32 [%a1], $1; mov.b32 $0, $1;", "more than its output"),
        ("st.global.b32 [%a0], 5; mov.b32 $0, $1;", "different ways"),
        ("bar.sync 0; mov.b32 $0, $1;", "waits"),
        ("setp.eq.u32 %p1, %t1, 3; @%p1 bra L; mov.b32 $0, $1; L:", "branches"),
        ("setp.eq.u32 %p1, %t1, 3; mov.b32 $0, $1; @%p1 mov.b32 $0, 5;", "mov"),
    ],
)
def test_what_is_no_function_of_the_element_alone_is_not_straight(text, why):
    with pytest.raises(NotStraight, match=why):
        element(text)


@pytest.mark.slow
def test_kernels_have_the_bits_of_the_emulated_gpu_or_are_left_to_it():
    done = elubench(module="tests.harness.proof.kernels")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {
        "triton elu forward": [["unused"], True],
        "triton elu_backward input": [["nearest", "low", "high"], True],
        "triton elu_backward result": [["unused"], True],
        "triton_libdevice elu forward": [["nearest", "low", "high"], True],
        "sum of a block": [["unused"], False],
        "one lane of four": [["unused"], False],
    }

"""Counts of code that nobody executed, against listings counted by hand: sm_90 and gfx942, in `listings/`.

The counts in this file were made by reading the listings, not by running the code under test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("triton.backends.nvidia")

from harness.machine_code import amd, model, sass
from harness.machine_code.model import LaunchWork

LISTINGS = Path(__file__).parent / "listings"


def counted(name: str, work: LaunchWork) -> model.ThreadCounts:
    text = (LISTINGS / name).read_text()
    return model.count(amd.parse(text) if name.endswith(".amdgcn") else sass.parse(text), work)


def work(*, per_thread: int, stored: int, loaded: int, threads: int = 128) -> LaunchWork:
    """A launch whose threads have `per_thread` elements and have to move so many bytes each."""
    return LaunchWork(
        per_thread * threads, threads, stored * threads, loaded * threads, stored * threads, loaded * threads
    )


COPY = work(per_thread=16, stored=32, loaded=32)  # 2048 16-bit numbers by 128 threads
COPY_AMD = work(per_thread=8, stored=16, loaded=16)  # the same by 256 threads
LOOP = work(per_thread=64, stored=256, loaded=256)  # 64 fp32 numbers each, 4 at a time
ONE = work(per_thread=1, stored=4, loaded=4)
STACK = work(per_thread=1, stored=4, loaded=16)


@pytest.mark.parametrize(
    ("name", "work", "instructions"),
    [
        ("copy.sass", COPY, 25),  # up to the second EXIT; the predicated one is passed; no branch to itself, no NOP
        ("loop.sass", LOOP, 13 + 16 * 17 + 1),
        ("branch.sass", ONE, 14),  # of two ways that move as much, the one with fewer instructions
        ("spill.sass", STACK, 16),
        ("copy.amdgcn", COPY_AMD, 20),
    ],
)
def test_a_thread_executes_what_was_counted_by_hand(name, work, instructions):
    assert counted(name, work).instructions == instructions


def test_every_instruction_of_the_copy_has_its_pipe():
    by_pipe = model.by_pipe(counted("copy.sass", COPY), COPY, "sm_90")
    hand = {"issue": 25, "fma": 4, "alu": 8, "memory": 6, "uniform": 2, "control": 5}
    assert by_pipe == pytest.approx({name: count / 16 for name, count in hand.items()})


def test_opcodes_are_counted_with_their_modifiers():
    opcodes = counted("copy.sass", COPY).opcodes
    assert sum(opcodes.values()) == 25
    assert (opcodes["CS2R"], opcodes["LDG.E.128"], opcodes["EXIT"], opcodes["IMAD.WIDE"]) == (4, 2, 2, 2)


def test_a_loop_body_counts_as_often_as_it_runs():
    by_pipe = model.by_pipe(counted("loop.sass", LOOP), LOOP, "sm_90")
    # Before the loop HFMA2 and 4 IMAD; in it 2 IMAD and 4 FMUL. S2R before it, LDG and STG in it; its BRA, and EXIT.
    assert by_pipe["fma"] == pytest.approx((5 + 16 * 6) / 64)
    assert by_pipe["memory"] == pytest.approx((1 + 16 * 2) / 64)
    assert by_pipe["control"] == pytest.approx((3 + 16 + 1) / 64)


@pytest.mark.parametrize("trips", [1, 3, 100])
def test_trips_are_those_that_make_the_bytes_add_up(trips):
    asked = work(per_thread=4 * trips, stored=16 * trips, loaded=16 * trips)
    assert counted("loop.sass", asked).instructions == 13 + trips * 17 + 1


def test_widths_and_local_memory():
    copied, spilled = counted("copy.sass", COPY), counted("spill.sass", STACK)
    assert copied.widths(is_store=False) == {16: 2} and copied.widths(is_store=True) == {16: 2}
    assert counted("loop.sass", LOOP).widths(is_store=False) == {16: 16}
    assert spilled.widths(is_store=False) == {16: 1} and spilled.widths(is_store=True) == {4: 1}
    assert counted("copy.amdgcn", COPY_AMD).widths(is_store=False) == {16: 1}
    local = [each.opcode for each, _ in spilled.executed if each.access and each.access.space == "local"]
    assert local == ["STL.128", "LDL"]


def test_of_two_ways_that_move_as_much_the_shorter_one_is_counted():
    text = """
        /*0000*/ S2R R0, SR_TID.X ;
        /*0010*/ ISETP.EQ.AND P0, PT, R0, 0x1, PT ;
        /*0020*/ @P0 BRA 0x50 ;
        /*0030*/ MOV R3, R5 ;
        /*0040*/ BRA 0x80 ;
        /*0050*/ MOV R3, R6 ;
        /*0060*/ MOV R4, R6 ;
        /*0070*/ MOV R5, R6 ;
        /*0080*/ EXIT ;
    """
    assert model.count(sass.parse(text), ONE).instructions == 3 + 2 + 1


def test_a_full_block_goes_the_way_without_masks():
    text = """
        /*0000*/ S2R R0, SR_CTAID.X ;
        /*0010*/ ISETP.GE.AND P1, PT, R0, R9, PT ;
        /*0020*/ @P1 BRA 0x60 ;
        /*0030*/ LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0040*/ STG.E.128 desc[UR4][R2.64], R4 ;
        /*0050*/ EXIT ;
        /*0060*/ ISETP.GE.AND P0, PT, R1, R9, PT ;
        /*0070*/ @P0 LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0080*/ @P0 STG.E.128 desc[UR4][R2.64], R4 ;
        /*0090*/ EXIT ;
    """
    counts = model.count(sass.parse(text), work(per_thread=8, stored=16, loaded=16))
    assert counts.instructions == 6 and not any(each.is_predicated for each, _ in counts.executed if each.access)


def test_a_full_block_leaves_where_the_rest_is_for_the_last_one():
    text = """
        /*0000*/ S2R R0, SR_CTAID.X ;
        /*0010*/ ISETP.GE.AND P1, PT, R0, R9, PT ;
        /*0020*/ @!P1 LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0030*/ @!P1 STG.E.128 desc[UR4][R2.64], R4 ;
        /*0040*/ @!P1 EXIT ;
        /*0050*/ LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0060*/ STG.E.128 desc[UR4][R2.64], R4 ;
        /*0070*/ EXIT ;
    """
    half = work(per_thread=8, stored=16, loaded=16)
    assert model.count(sass.parse(text), half).instructions == 5
    assert model.count(sass.parse(text), COPY).instructions == 8  # where a thread has both to do


def test_the_narrowest_access_that_the_main_tensors_need():
    # A bias of 8 bytes beside two accesses of 16; without it, half of the bytes would come in pieces of 4.
    assert model.narrowest({16: 2, 8: 1}, bytes_per_thread=32) == 16
    assert model.narrowest({16: 1, 4: 4}, bytes_per_thread=32) == 4
    assert model.narrowest({}, bytes_per_thread=32) is None

"""Threads, warps, barriers and memories, by kernels written in PTX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from harness.emulator.checks import Checks
from harness.emulator.counts import Counting, Counts
from harness.emulator.faults import Fault, Faults
from harness.emulator.fresh import FreshTensors
from harness.emulator.machine import DeadlockError, Program
from harness.emulator.memory import Memory
from harness.emulator.operands import Options
from harness.emulator.ptx import PtxError, UnsupportedInstruction
from harness.emulator.reader import parse
from tests.harness.emulator.programs import execute, line

HEAD = """
.version 8.0
.target sm_90
.address_size 64
{globals}
.visible .entry kernel(
    .param .u64 .ptr .global .align 1 in_ptr,
    .param .u64 .ptr .global .align 1 out_ptr
)
{{
    .reg .pred %p<9>;
    .reg .b16 %h<9>;
    .reg .b32 %r<40>;
    .reg .b64 %d<20>;
    .loc 1 7 3 // kernel.py:7:3
    ld.param.b64 %d0, [in_ptr];
    ld.param.b64 %d1, [out_ptr];
    mov.u32 %r0, %tid.x;
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mad.lo.u32 %r3, %r1, %r2, %r0;
    mad.wide.u32 %d2, %r3, 4, %d0;
    mad.wide.u32 %d3, %r3, 4, %d1;
"""
TAIL = """
    st.global.b32 [%d3], %r9;
    ret;
}
    .file 1 "/somewhere/kernel.py"
"""


@dataclass(frozen=True)
class Ran:
    out: np.ndarray
    faults: tuple[Fault, ...]
    counts: Counts


def run(
    body: str, given: np.ndarray | None = None, threads: int = 64, blocks: int = 2, shared: int = 0, globals: str = "",
    at_once: int = 2,
) -> Ran:  # fmt: skip
    """Run a body on `in_ptr`, one 32-bit number per thread, that leaves its result in %r9."""
    count = threads * blocks
    # PyTorch's memory begins at a multiple of 64 bytes, numpy's may not: sectors are 32.
    source, out = (torch.zeros(count, dtype=torch.int32).numpy().view(np.uint32) for _ in range(2))
    source[...] = np.arange(count) if given is None else np.resize(given, count)
    memory, faults = Memory(), Faults()
    memory.add_array("in_ptr", source)
    memory.add_array("out_ptr", out)
    kernel = parse(HEAD.format(globals=globals) + body + TAIL)
    counting = Counting(kernel, memory)
    program = Program(kernel, threads, min(at_once, blocks), shared, Options())
    addresses = np.array([source.ctypes.data, out.ctypes.data], np.uint64).tobytes()
    program.run((blocks, 1, 1), addresses, memory, [Checks(kernel, memory, faults, FreshTensors()), counting], faults)
    return Ran(out, faults.all(), counting.counts())


def test_threads_that_part_meet_again():
    ran = run("""
        and.b32 %r4, %r0, 1;
        setp.eq.s32 %p1, %r4, 0;
        @%p1 bra EVEN;
        mul.lo.u32 %r9, %r3, 3;
        bra DONE;
    EVEN:
        add.u32 %r9, %r3, 100;
    DONE:
        add.u32 %r9, %r9, 1;
    """)
    lanes = np.arange(128)
    assert np.array_equal(ran.out, np.where(lanes % 2, lanes * 3, lanes + 100) + 1)
    assert (ran.counts.branches, ran.counts.divergent_branches) == (4, 4)
    assert 16 < ran.counts.active_threads_per_warp < 32


def test_a_label_is_known_within_its_braces_alone():
    """As in inline assembly that is there twice: each branch goes to the label of its own braces, or of outer ones."""

    def part(limit: int, added: int) -> str:
        return f"""
        {{ .reg .pred p; setp.ge.u32 p, $1, {limit}; @p bra DONE; add.u32 $0, $0, {added};
        DONE: }}"""

    text = f"""mov.u32 $0, 0; {{ {part(5, 1)} {part(10, 100)}
        {{ .reg .pred p; setp.ge.u32 p, $1, 15; @p bra DONE; add.u32 $0, $0, 10000; }}
        bra.uni DONE; add.u32 $0, $0, 7;
        DONE: }}"""
    given = np.arange(20, dtype=np.uint32)
    expected = (given < 5) * 1 + (given < 10) * 100 + (given < 15) * 10000
    assert np.array_equal(execute(line(text, "u32", "u32"), given), expected)


def test_each_thread_has_its_own_trips():
    ran = run("""
        mov.u32 %r9, 0;
        mov.u32 %r5, 0;
    AGAIN:
        setp.ge.u32 %p1, %r5, %r0;
        @%p1 bra DONE;
        add.u32 %r9, %r9, %r5;
        add.u32 %r5, %r5, 1;
        bra.uni AGAIN;
    DONE:
    """)
    lanes = np.arange(128) % 64
    assert np.array_equal(ran.out, lanes * (lanes - 1) // 2)


def test_some_threads_end_early_and_a_barrier_waits_for_the_others():
    ran = run("""
        setp.ge.u32 %p1, %r0, 40;
        @%p1 ret;
        bar.sync 0;
        mov.u32 %r9, 7;
    """)
    assert np.array_equal(ran.out, np.where(np.arange(128) % 64 < 40, 7, 0))


def test_the_last_batch_may_have_fewer_blocks():
    ran = run("add.u32 %r9, %r1, 5;", blocks=7, at_once=3)
    assert np.array_equal(ran.out, np.arange(7 * 64) // 64 + 5) and not ran.faults


def test_a_barrier_that_some_never_reach():
    with pytest.raises(DeadlockError, match="block 0 waits for ever at barrier 1"):
        run("setp.lt.u32 %p1, %r0, 32;\n @%p1 bar.sync 1, 64;\n mov.u32 %r9, 1;")


def test_reversal_through_shared_memory():
    body = """
        .shared .align 4 .b32 board[64];
        mov.u32 %r4, board;
        shl.b32 %r5, %r0, 2;
        add.u32 %r6, %r4, %r5;
        st.shared.b32 [%r6], %r3;
        bar.sync 0;
        sub.u32 %r7, 252, %r5;
        add.u32 %r7, %r4, %r7;
        ld.shared.b32 %r9, [%r7];
    """
    ran = run(body)
    assert np.array_equal(ran.out.reshape(2, 64), np.arange(128).reshape(2, 64)[:, ::-1]) and not ran.faults
    (fault,) = run(body.replace("bar.sync 0;", "")).faults
    assert (fault.kind, fault.place, fault.is_store) == ("race", "kernel.py:7", False)
    (fault,) = run(body.replace("st.shared.b32 [%r6], %r3;", "")).faults
    assert (fault.kind, fault.threads) == ("unwritten", 128)


def test_a_barrier_of_a_warp_orders_its_threads_only():
    body = """
        .shared .align 4 .b32 board[64];
        mov.u32 %r4, board;
        shl.b32 %r5, %r0, 2;
        add.u32 %r6, %r4, %r5;
        st.shared.b32 [%r6], %r3;
        bar.warp.sync -1;
        xor.b32 %r7, %r5, {distance};
        add.u32 %r7, %r4, %r7;
        ld.shared.b32 %r9, [%r7];
    """
    assert not run(body.replace("{distance}", "4")).faults
    assert [fault.kind for fault in run(body.replace("{distance}", "128")).faults] == ["race"]


def test_accesses_outside_of_shared_memory_and_misaligned_ones():
    ran = run("mov.u32 %r4, 16;\n ld.shared.b32 %r9, [%r4];", shared=16)
    assert [(fault.kind, fault.tensor, fault.offset) for fault in ran.faults] == [("outside", "shared", 16)]
    ran = run("mov.u32 %r4, 2;\n ld.shared.b32 %r9, [%r4];", shared=16)
    assert ("misaligned", "shared", 2) in [(fault.kind, fault.tensor, fault.offset) for fault in ran.faults]


def test_local_and_generic_memory_and_tables():
    ran = run(
        """
        .local .align 8 .b8 depot[16];
        .shared .align 4 .b32 board[64];
        mov.u64 %d5, depot;
        cvta.local.u64 %d6, %d5;
        st.b32 [%d6+4], %r3;
        st.local.b32 [%d5+8], 5;
        ld.local.b32 %r4, [%d5+4];
        mov.u32 %r20, board;
        cvt.u64.u32 %d7, %r20;
        cvta.shared.u64 %d7, %d7;
        mad.wide.u32 %d7, %r0, 4, %d7;
        st.b32 [%d7], %r4;
        ld.b32 %r5, [%d7];
        ld.b32 %r6, [%d2];
        mov.u64 %d8, table;
        ld.global.b32 %r7, [%d8+4];
        add.u32 %r9, %r5, %r6;
        add.u32 %r9, %r9, %r7;
        """,
        globals=".global .align 4 .b32 table[3] = {1, 1000, 3};",
    )
    assert np.array_equal(ran.out, 2 * np.arange(128) + 1000) and not ran.faults


def test_shuffles():
    lanes = np.arange(128)
    warp, lane = lanes // 32 * 32, lanes % 32
    for text, expected in {
        "bfly.b32 %r9|%p1, %r3, 5, 31, -1": warp + (lane ^ 5),
        "up.b32 %r9|%p1, %r3, 3, 0, -1": np.where(lane >= 3, lanes - 3, lanes),
        "down.b32 %r9|%p1, %r3, 3, 31, -1": np.where(lane + 3 <= 31, lanes + 3, lanes),
        "idx.b32 %r9|%p1, %r3, 7, 31, -1": warp + 7,
        "idx.b32 %r9|%p1, %r3, 1, 0x1c1f, -1": warp + lane // 4 * 4 + 1,
        "down.b32 %r9|%p1, %r3, %r4, 31, -1": np.where(lane + lane % 2 <= 31, lanes + lane % 2, lanes),
    }.items():
        ran = run(f"and.b32 %r4, %r0, 1;\n shfl.sync.{text};\n @!%p1 add.u32 %r9, %r9, 0;")
        assert np.array_equal(ran.out, expected), text


def test_a_shuffle_from_threads_that_do_not_take_part():
    (fault,) = run("""
        setp.lt.u32 %p1, %r0, 16;
        mov.u32 %r9, 0;
        @%p1 shfl.sync.bfly.b32 %r9, %r3, 16, 31, -1;
    """).faults
    assert (fault.kind, fault.threads) == ("divergent", 32)


def test_votes_matches_and_reductions():
    odd = 0xAAAAAAAA
    for text, expected in {
        "vote.sync.ballot.b32 %r9, %p1, -1;": odd,
        "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r9, 1, 0, %p2;": 1,
        "vote.sync.all.pred %p2, %p1, -1; selp.u32 %r9, 1, 0, %p2;": 0,
        "vote.sync.all.pred %p2, %p1, 0xaaaaaaaa; selp.u32 %r9, 1, 0, %p2;": 1,
        "match.any.sync.b32 %r9, %r4, -1;": np.where(np.arange(128) % 2, odd, 0x55555555),
        "redux.sync.add.s32 %r9, %r4, -1;": 16,
        "redux.sync.max.u32 %r9, %r5, -1;": 31,
        "redux.sync.and.b32 %r9, %r4, 0xaaaaaaaa;": 1,
        "activemask.b32 %r9;": 0xFFFFFFFF,
        "elect.sync %r9|%p2, 0xfffffff0;": 4,
    }.items():
        ran = run(f"and.b32 %r4, %r0, 1;\n mov.u32 %r5, %laneid;\n setp.eq.u32 %p1, %r4, 1;\n {text}")
        assert np.array_equal(ran.out, np.broadcast_to(expected, 128).astype(np.uint32)), text


def test_atomics_take_turns():
    body = """
        .shared .align 4 .b32 board[2];
        mov.u32 %r4, board;
        setp.eq.u32 %p1, %r0, 0;
        @%p1 st.shared.b32 [%r4], {start};
        bar.sync 0;
        {text}
    """
    before = np.tile(np.arange(64), 2)
    for text, start, expected in (
        ("atom.shared.add.u32 %r9, [%r4], 3;", 5, 5 + 3 * before),
        ("atom.shared.exch.b32 %r9, [%r4], %r0;", 9, np.where(before == 0, 9, before - 1)),
        ("atom.shared.cas.b32 %r9, [%r4], %r0, 1000;", 3, np.where(before <= 3, 3, 1000)),
        ("atom.shared.inc.u32 %r9, [%r4], 4;", 0, before % 5),
        ("atom.shared.max.s32 %r9, [%r4], %r0;", 10, np.where(before < 10, 10, before - 1)),
        ("red.shared.add.u32 [%r4], %r0; bar.sync 0; ld.shared.b32 %r9, [%r4];", 0, np.full(128, 64 * 63 // 2)),
        ("atom.shared.add.f32 %r9, [%r4], 0f3F800000;", 0, before.astype(np.float32).view(np.uint32)),
    ):
        ran = run(body.replace("{start}", str(start)).replace("{text}", text))
        wanted = np.maximum.accumulate(expected.reshape(2, 64), axis=1) if "max" in text else expected.reshape(2, 64)
        assert np.array_equal(ran.out.reshape(2, 64), wanted) and not ran.faults, text


def test_matrices_through_shared_memory():
    """stmatrix, then ldmatrix of the transpose."""
    ran = run(
        """
        .shared .align 16 .b8 board[128];
        mov.u32 %r4, board;
        shl.b32 %r5, %r0, 4;
        and.b32 %r5, %r5, 112;
        add.u32 %r5, %r5, %r4;
        stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r5], {%r3};
        bar.sync 0;
        ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r9}, [%r5];
        """,
        given=None, threads=32, blocks=1,
    )  # fmt: skip
    matrix = np.arange(32, dtype=np.uint32).view(np.uint16).reshape(8, 8)
    assert np.array_equal(ran.out.view(np.uint16).reshape(8, 8), matrix.T) and not ran.faults


def test_asynchronous_copies_fill_up_with_zeros():
    ran = run("""
        .shared .align 16 .b8 board[256];
        mov.u32 %r4, board;
        shl.b32 %r5, %r0, 2;
        add.u32 %r5, %r5, %r4;
        shr.u32 %r6, %r0, 4;
        cp.async.ca.shared.global [%r5], [%d2], 4, %r6;
        cp.async.commit_group;
        cp.async.wait_group 0;
        bar.sync 0;
        ld.shared.b32 %r9, [%r5];
    """, given=np.full(128, 0x44332211))  # fmt: skip
    kept = np.arange(64) // 16
    expected = np.array([0, 0x11, 0x2211, 0x332211])[kept]
    assert np.array_equal(ran.out, np.tile(expected, 2)) and not ran.faults


def test_counts_of_accesses():
    """A warp's 4-byte accesses: 4 sectors side by side, 32 when 32 bytes apart; 32-way conflicts 128 bytes apart."""
    side_by_side = run("ld.global.b32 %r9, [%d2];", threads=32, blocks=3)
    load = next(each for each in side_by_side.counts.accesses if each.tensor == "in_ptr")
    assert (load.kind, load.bytes, load.requests, load.sectors) == ("load", 3 * 128, 3, 12)
    spread = run("mad.wide.u32 %d4, %r0, 32, %d0;\n ld.global.b32 %r9, [%d4];", np.zeros(1024), 32, 32)
    load = next(each for each in spread.counts.accesses if each.tensor == "in_ptr")
    assert (load.requests, load.sectors) == (32, 32 * 32)
    for stride, wavefronts in ((4, 1), (8, 2), (128, 32), (132, 1), (0, 1)):
        ran = run(f"mul.lo.u32 %r4, %r0, {stride};\n st.shared.b32 [%r4], %r0;", threads=32, blocks=1, shared=8192)
        store = next(each for each in ran.counts.accesses if each.space == "shared")
        assert (store.wavefronts, store.bank_conflicts) == (wavefronts, wavefronts - 1)


def test_counts_of_instructions():
    counts = run("add.f32 %r9, %r0, %r1;\n ex2.approx.f32 %r9, %r9;", threads=64, blocks=2).counts
    assert counts.thread_instructions["fp32"] == 128 and counts.warp_instructions["fp32"] == 4
    assert counts.thread_instructions["special"] == 128 and counts.by_opcode["ex2.approx.f32"] == 4
    assert counts.active_threads_per_warp == 32


@pytest.mark.parametrize(
    "text",
    [
        "wgmma.fence.sync.aligned;",
        "cp.async.bulk.tensor.1d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r1], [%d1, {%r2}], [%r3];",
        "barrier.cluster.arrive;",
        "frobnicate.b32 %r9, %r0;",
        "mov.u32 %r9, %cluster_ctaid.x;",
    ],
)
def test_what_is_not_executed_is_named(text: str):
    with pytest.raises(UnsupportedInstruction) as caught:
        run(text)
    assert text.rstrip(";") in str(caught.value) and "line 24 " in str(caught.value)
    assert "kernel.py:7" in str(caught.value)


def test_text_that_is_not_ptx():
    with pytest.raises(PtxError, match="0 entries"):
        parse("int main() {}")
    with pytest.raises(PtxError, match=r"%nothing is not declared"):
        run("@%nothing mov.u32 %r9, 1;")


def test_both_ends_of_the_bound_of_ex2():
    x = np.linspace(-20, 0, 4096, dtype=np.float32)
    code = line("ex2.approx.ftz.f32 $0, $1;", "f32", "f32")
    low, nearest, high = (execute(code, x, ex2=end).astype(np.float64) for end in ("low", "nearest", "high"))
    truth = np.exp2(x.astype(np.longdouble))
    assert np.array_equal(nearest.astype(np.float32), truth.astype(np.float32))
    assert (low <= nearest).all() and (high >= nearest).all() and low[-1] == high[-1] == 1
    for end, values in ((-1, low), (1, high)):
        error = ((values[:-1] - truth[:-1]) / truth[:-1]).astype(np.float64)
        # The outermost fp32 number within the bound: less than the distance of two of them from its end.
        assert (end * error <= 2.0**-22.5).all() and (end * error > 2.0**-22.5 - 2.0**-23).all()

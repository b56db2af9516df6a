"""Counts of machine code whose PTX was executed: what a launch really does, whatever ptxas made of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("triton.backends.nvidia")

import torch

from harness.machine_code import disassemble, model
from harness.machine_code.driver import NotedLaunch
from harness.machine_code.executed import NotExecutedError, execute
from harness.machine_code.known import Execution
from harness.machine_code.line_table import ptx_lines

THREADS, GRID = 128, 9
ARCHS = ("sm_80", "sm_90", "sm_100", "sm_120")

# Every thread has four numbers of fp32 at a time; %rd1 and %rd2 are where its own begin in x and out.
HEAD = """
.version 8.7
.target {arch}
.address_size 64
.visible .entry kernel(.param .u64 .ptr .global .align 16 x, .param .u64 .ptr .global .align 16 out, .param .u32 n)
{{
    .reg .pred %p<4>;
    .reg .b32 %r<20>;
    .reg .b64 %rd<8>;
    ld.param.b64 %rd1, [x];
    ld.param.b64 %rd2, [out];
    ld.param.b32 %r1, [n];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.u32 %r5, %r2, %r3, %r4;
    mad.wide.u32 %rd1, %r5, 16, %rd1;
    mad.wide.u32 %rd2, %r5, 16, %rd2;
"""
SUMS = """
    mov.b32 %r10, 0;
    mov.b32 %r6, 0;
next:
    ld.global.v4.b32 {{%r11, %r12, %r13, %r14}}, [%rd1];
    add.f32 %r10, %r10, %r11;
    add.f32 %r10, %r10, %r12;
    add.f32 %r10, %r10, %r13;
    add.f32 %r10, %r10, %r14;
    add.u64 %rd1, %rd1, 32768;
    add.u32 %r6, %r6, 1;
    setp.lt.u32 %p1, %r6, %r1;
    @%p1 bra next;
    st.global.b32 [%rd2], %r10;
    ret;
}}
"""
TAIL = """
    setp.ge.u32 %p1, %r2, %r1;
    @%p1 bra tail;
    ld.global.v4.b32 {{%r11, %r12, %r13, %r14}}, [%rd1];
    st.global.v4.b32 [%rd2], {{%r11, %r12, %r13, %r14}};
    ret;
tail:
    bar.sync 0;
    ld.global.b32 %r11, [%rd1];
    ld.global.b32 %r12, [%rd1+4];
    st.global.b32 [%rd2], %r11;
    st.global.b32 [%rd2+4], %r12;
    ret;
}}
"""
# Numbers above a bound take a long way with a load of its own, so that no compiler makes selections of it.
PARTING = """
    ld.global.b32 %r11, [%rd1];
    setp.gt.f32 %p1, %r11, {bound};
    @!%p1 bra after;
    ld.volatile.global.b32 %r12, [%rd1+4];
    bar.warp.sync 0xffffffff;
    ex2.approx.f32 %r11, %r12;
after:
    st.global.b32 [%rd2], %r11;
    ret;
}}
"""
PRODUCT = """
    mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {{%rd3, %rd4}}, {{%rd5}}, {{%rd6}}, {{%rd3, %rd4}};
    ret;
}}
"""


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., NotedLaunch]:
    """A launch of a kernel in PTX, on tensors without memory."""

    def made(body: str, n: int = 1, arch: str = "sm_90", **given: str) -> NotedLaunch:
        text, code = tmp_path / "kernel.ptx", tmp_path / "kernel.cubin"
        text.write_text((HEAD + body).format(arch=arch, **given))
        ptxas = disassemble.tool("ptxas")
        subprocess.run([ptxas, "-lineinfo", "-arch", arch, text, "-o", code], check=True)
        x, out = (torch.empty(1 << 20, dtype=torch.float32, device="meta") for _ in range(2))
        arguments = (("x", "*fp32", x), ("out", "*fp32", out), ("n", "i32", n))
        return NotedLaunch("kernel", {"ptx": text, "cubin": code}, THREADS, 0, (GRID, 1, 1), arguments, (), "")

    return made


def executed(launch: NotedLaunch, arch: str = "sm_90") -> tuple[model.ThreadCounts, Execution]:
    cubin = launch.files["cubin"].read_bytes()
    binary = disassemble.kernel_code(cubin)
    assert isinstance(binary, bytes)
    code = disassemble.listings({"kernel": binary}, arch)["kernel"]
    run = execute(launch, ptx_lines(cubin, len(code)))
    # What the launch has to move is not said: an executed count does not ask for it.
    return model.count(code, model.LaunchWork(1, 1, 0, 0, 0, 0), run), run


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("trips", [1, 3, 7, 64])
def test_a_loop_runs_as_often_as_it_is_told_however_it_was_unrolled(launch, arch, trips):
    counts, _ = executed(launch(SUMS, trips, arch), arch)
    assert counts.widths(is_store=False) == {16: trips} and counts.widths(is_store=True) == {4: 1}
    assert sum(times for each, times in counts.executed if each.opcode.startswith("FADD")) == 4 * trips


def test_the_way_that_the_middle_block_goes_is_counted(launch):
    """ptxas may put the few instructions of full blocks under a predicate, where others pass them."""
    full, last = (executed(launch(TAIL, blocks))[0] for blocks in (GRID, GRID // 2))
    assert full.widths(is_store=False) == full.widths(is_store=True) == {16: 1}
    assert last.widths(is_store=False)[4] == last.widths(is_store=True)[4] == 2


@pytest.mark.parametrize(
    ("bound", "parting", "loads"), [("0f00000000", 1, 2), ("0f7F800000", 0, 1), ("0fFF800000", 0, 2)]
)
def test_both_ways_count_where_the_data_part_a_warp(launch, bound, parting, loads):
    """Normal numbers lie on both sides of 0, and on one of either infinity."""
    counts, run = executed(launch(PARTING, bound=bound))
    assert (counts.parting, counts.widths(is_store=False)) == (parting, {4: loads})
    assert (run.counts.active_threads_per_warp < 32) == bool(parting)


def test_sectors_tell_of_threads_that_do_not_stand_side_by_side(launch):
    sectors = {
        (each.bytes // each.requests // 32, each.kind): each.sectors / each.requests
        for body in (SUMS, TAIL)
        for each in executed(launch(body, GRID))[1].counts.accesses
    }
    # Four bytes of every sixteen, and all sixteen.
    assert sectors == {(4, "store"): 16, (16, "load"): 16, (16, "store"): 16}


def test_the_table_of_lines_is_what_the_compilers_own_tool_reads(launch):
    cubin = launch(SUMS, 3).files["cubin"]
    command = [disassemble.tool("nvdisasm"), "-gp", "-c", cubin]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wanted, line = [], None
    for text in listing.splitlines():
        if found := re.search(r'File ".*", line (\d+)', text):
            line = int(found[1])
        elif re.match(r"\s+/\*[0-9a-f]{4}\*/", text):
            wanted.append(line)
    assert len(set(wanted)) > 10
    assert ptx_lines(cubin.read_bytes(), len(wanted)) == wanted


def test_what_cannot_be_executed_says_why(launch):
    kernel = launch(PRODUCT)
    with pytest.raises(NotExecutedError, match=r"does not execute it: `mma\.sync"):
        executed(kernel)
    with pytest.raises(NotExecutedError, match="does not say which line"):
        execute(kernel, [None] * 10)


@pytest.mark.slow
def test_every_kernel_of_the_suite_is_executed(suite):
    assert all(row.is_executed and not row.notes for row in suite)
    plain = next(row for row in suite if (row.op, row.variant, row.dtype) == ("elu", "unit", "float32"))
    assert (plain.load_sectors, plain.store_sectors, plain.bank_conflicts) == (16, 16, None)
    assert (plain.active_threads, plain.branches) == (32, 0)

"""Kernels out of a library: taken from a file made by hand, executed and counted, and PyTorch's where they are."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("triton.backends.nvidia")

from harness.machine_code import aten, disassemble, fatbin, library_code
from harness.machine_code import library as libraries
from harness.machine_code.executed import NotExecutedError
from harness.machine_code.rows import InspectedRow
from tests.harness.machine_code.libraries import elf, library

COUNT = 2**20
# Twice what is positive, and 0 for all else: threads part, and each way has a function of its own.
PAIRS = 12  # of steps on each way: a shorter one is not branched to
PTX = f""".version 8.0
.target sm_90
.address_size 64
.visible .entry doubled(.param .u32 n, .param .align 4 .b8 formula[8], .param .align 8 .b8 tensors[16])
.maxntid 128, 1, 1
{{
.reg .b64 a, b, o;
.reg .b32 i, t;
.reg .f32 x, s;
.reg .pred p;
mov.u32 i, %ctaid.x;
mov.u32 t, %tid.x;
mad.lo.s32 i, i, 128, t;
mul.wide.s32 o, i, 4;
ld.param.u64 a, [tensors];
ld.param.u64 b, [tensors+8];
ld.param.f32 s, [formula+4];
add.s64 b, b, o;
ld.global.f32 x, [b];
setp.gt.f32 p, x, 0f00000000;
@!p bra NEGATIVE;
{PAIRS * "ex2.approx.ftz.f32 x, x; lg2.approx.ftz.f32 x, x;"}
mul.f32 x, x, s;
bra DONE;
NEGATIVE:
{PAIRS * "mul.f32 x, x, x; rsqrt.approx.ftz.f32 x, x;"}
mul.f32 x, x, 0f00000000;
DONE:
add.s64 a, a, o;
st.global.f32 [a], x;
ret;
}}
"""


@pytest.fixture(scope="module")
def cubin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cubin")
    source = folder / "a.ptx"
    source.write_text(PTX)
    ptxas = Path(disassemble.tool("nvdisasm")).with_name("ptxas")
    subprocess.run([ptxas, "-arch=sm_90", source, "-o", folder / "a.cubin"], check=True, capture_output=True)
    return folder / "a.cubin"


@pytest.fixture
def made(cubin, tmp_path, monkeypatch):
    """A library that holds the kernel for sm_90, and another file for sm_80."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "libtorch_cuda.so"
    path.write_bytes(library([(80, cubin.read_bytes()), (90, cubin.read_bytes())]))
    return path


def test_a_library_gives_the_files_of_one_architecture_that_hold_a_name(made, cubin):
    assert fatbin.archs(made) == ("sm_80", "sm_90")
    assert not fatbin.is_kept(made, "sm_90", ["doubled"])
    (found,) = fatbin.cubins(made, "sm_90", ["nothing", "doubled"])
    assert found.read_bytes() == cubin.read_bytes()
    assert fatbin.cubins(made, "sm_90", ["no such name"]) == ()
    with pytest.raises(fatbin.LibraryError, match=r"no machine code for sm_120; it has sm_80, sm_90"):
        fatbin.cubins(made, "sm_120", ["doubled"])


def test_what_was_taken_once_is_kept_for_this_library_alone(made):
    first = fatbin.cubins(made, "sm_90", ["doubled"])
    written = first[0].stat().st_mtime_ns
    assert fatbin.is_kept(made, "sm_90", ["doubled"])
    assert fatbin.cubins(made, "sm_90", ["doubled"]) == first and first[0].stat().st_mtime_ns == written
    made.write_bytes(library([(90, first[0].read_bytes())]))
    assert not fatbin.is_kept(made, "sm_90", ["doubled"])


@pytest.mark.parametrize(
    ("data", "words"), [(b"MZ", "is not a library for Linux"), (elf(b""), "holds no kernels of CUDA")]
)
def test_what_is_no_such_library_is_said(tmp_path, data, words):
    path = tmp_path / "other.so"
    path.write_bytes(data)
    with pytest.raises(fatbin.LibraryError, match=words):
        fatbin.archs(path)


def test_a_kernel_of_a_library_is_executed_and_both_ways_of_a_branch_are_counted(cubin):
    (kernel,) = library_code.kernels(cubin)
    assert (kernel.name, kernel.threads) == ("doubled", 128)
    assert kernel.parameters == ((0, 4), (4, 8), (16, 16))
    tensors = [torch.empty(COUNT, device="meta") for _ in range(2)]
    values = [struct.pack("<i", COUNT), struct.pack("<2f", 5.0, 2.0)]
    block = library_code.execute(kernel, "sm_90", values, tensors, COUNT // 128)
    (x,) = block.inputs
    assert block.stored.numel() == 128
    torch.testing.assert_close(block.stored, torch.where(x > 0, 2 * x, torch.zeros_like(x)), rtol=1e-5, atol=1e-5)
    opcodes = block.counts.opcodes
    assert block.counts.parting == 1 and opcodes["MUFU.RSQ"] == opcodes["MUFU.LG2"] == PAIRS
    assert opcodes["BSYNC"] == 2  # where a warp meets again, each of its two parts arrives
    assert opcodes["LDG.E"] == opcodes["STG.E"] == 1
    assert 16 < block.active_threads < 32
    negative = [bool((each <= 0).any() and (each > 0).any()) for each in np.split(x.numpy(), 4)]
    assert all(negative)


def test_parameters_that_do_not_fit_are_refused(cubin):
    (kernel,) = library_code.kernels(cubin)
    with pytest.raises(NotExecutedError, match=r"takes parameters of \[4, 8, 16\] bytes"):
        kernel.packed([bytes(4), bytes(12), bytes(16)])


def test_a_library_without_the_kernel_that_is_asked_for_gives_the_reason(made):
    row = aten.counted(libraries.AtenLibrary(made, "torch 9.9"), InspectedRow("elu", "unit", "float16", "sm_90"))
    assert row.reason == "torch 9.9 has 0 kernels for it of vectors of 8, not one"
    row = aten.counted(libraries.AtenLibrary(made, "torch 9.9"), InspectedRow("bias_elu", "", "float16", "sm_90"))
    assert row.reason and row.reason.startswith("eager PyTorch takes several kernels")


def test_the_version_is_that_of_the_package_around_the_library(made, tmp_path, monkeypatch):
    monkeypatch.setenv(libraries.VARIABLE, str(made))
    assert libraries.find() == libraries.AtenLibrary(made, "libtorch_cuda.so")
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    inside = made.rename(tmp_path / "torch" / "lib" / made.name)
    inside.parent.with_name("version.py").write_text("__version__ = '9.9.9+cu999'\n")
    monkeypatch.setenv(libraries.VARIABLE, str(inside))
    assert libraries.find().version == "torch 9.9.9+cu999"


def _installed() -> libraries.AtenLibrary | None:
    try:
        return libraries.find()
    except fatbin.LibraryError:
        return None


@pytest.mark.slow
@pytest.mark.skipif(_installed() is None, reason="a CUDA build of torch is needed, installed or named")
@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_100"])
@pytest.mark.parametrize("op", sorted(aten.FUNCTIONS))
def test_pytorchs_own_kernels_compute_their_operators_and_are_counted(op, arch):
    params = {"elu": (1.5, 1.05, 1.25), "elu_backward": (1.5, 1.05, 1.25, False)}
    given = params.get(op, (0.01,) if op.startswith("leaky_relu") else ())
    row = aten.counted(_installed(), InspectedRow(op, "", "float16", arch, "eager"), params=given)
    assert row.reason is None and row.is_executed
    assert row.spills == 0 and row.threads == 128 and 4 < row.instructions_per_element < 80
    if op == "elu":  # a branch for each element of a thread, and both ways of it
        assert row.branches == row.elements_per_thread and row.instructions_per_element > 35
    assert dataclasses.asdict(row)["notes"]

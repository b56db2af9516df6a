"""Roofs: streams that move what they say, curves over the working set, and what is said of a number over its roof."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.device.devices import find_device
from harness.emulator.emulated import emulated
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.run.job import RoofJob
from harness.run.measuring import run_job
from harness.run.recording import CONTROL, Sampling, blank_record, roof_record, timed
from harness.store.vocabulary import Mix
from harness.sweeps.stop_rule import StopRule
from harness.timing import roof_kernels, roofs
from harness.timing.clocks import ScriptedClock
from harness.timing.estimators import median, median_ci
from harness.timing.regimes import Setting
from harness.timing.sampler import Sampled
from tests.harness.command import ROOT, environment

MIB = 2**20
CPU = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=MIB, memory_bytes=2**30, peak_gbps=None)
QUICK = StopRule(min_samples=8, max_samples=10, max_seconds=0.01, warmup_seconds=0.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("op", ["elu", "elu_backward"])
def test_a_matched_stream_writes_every_word_of_the_output(op, dtype):
    case = make_case(op, (7, 33), dtype)
    for name in roofs.streams(case.roof, "cpu"):
        (buffers,) = allocate(case, 1, "cpu")
        roofs.matched(case, [name], [buffers])[name][0]()
        words = [tensor.view(torch.int16) for tensor in buffers.tensors]
        expected = {
            "copy": lambda words=words: words[0],
            "invert": lambda words=words: ~words[0],
            "xor": lambda words=words: words[0] ^ words[1],
        }[name]()
        assert torch.equal(words[-1], expected)
    assert roofs.matched_bytes(case) == case.bytes_moved


def test_a_curve_goes_from_a_cores_cache_to_well_past_the_last_level_once_for_each_mix():
    points = list(roofs.curve_cases(CPU))
    by_mix = {mix: [roofs.working_set_bytes(p) for p in points if p.op == mix] for mix in ("copy", "triad", "read")}
    for sizes in by_mix.values():
        assert sizes == sorted(sizes) and sizes[0] <= 2**16 and 3.9 * MIB <= sizes[-1] <= 8 * MIB
    assert len({point.key for point in points}) == len(points)


@pytest.mark.parametrize("mix", ["copy", "triad", "read"])
def test_a_point_of_a_curve_is_measured_cold_and_warm_over_separate_sets(mix):
    point = next(each for each in roofs.curve_cases(CPU) if each.op == mix)
    records = run_job(RoofJob(point, CPU, QUICK, seed=3), lambda *_: None)
    streams = roofs.streams(mix, "cpu")
    assert [(r.provider, r.regime) for r in records] == [(s, regime) for regime in ("cold", "warm") for s in streams]
    for record in records:
        assert record.is_roof_curve and record.role == "roof" and record.roof == mix
        assert record.roof_gbps >= record.bandwidth_gbps > 0
        assert record.working_set_bytes == record.bytes_moved == roofs.working_set_bytes(point)
        assert record.buffer_sets == (1 if record.regime == "warm" else 48 if mix != "triad" else 49)


def test_sets_of_a_curve_do_not_overlap():
    point = next(roofs.curve_cases(CPU))
    calls = roofs.curve_calls(point, 4, CPU, seed=0)["copy"]
    places = [(call.args[0].data_ptr(), call.func.__self__.data_ptr()) for call in calls]
    flat = sorted(place for pair in places for place in pair)
    assert all(after - before >= 4 * point.elements for before, after in itertools.pairwise(flat))


def sampling(device, regime="cold", flags=(), **times_s):
    """Entries with steady times, in a regime, as the sampler would return them."""
    sampled = {
        name: Sampled((time_s,) * 40, median([time_s]), median_ci([time_s] * 40), "precision")
        for name, time_s in times_s.items()
    }
    setting = Setting(regime, "kept", {}, ScriptedClock([]), 3, flags)
    return Sampling(setting, "asked for", sampled, 5, {}, device)


CASE = make_case("elu", (2**20,), "float32")  # 8 MiB


def records_of(device, regime="cold", flags=(), eager_s=10e-6, roof_s=8e-6):
    blank = blank_record(CASE, "eager", "d", "ok", None)
    times_s = {"eager": eager_s, CONTROL: eager_s, "roof copy": roof_s}
    blanks = [
        roof_record(CASE, "copy", "copy", CASE.bytes_moved, "d"),
        blank,
        dataclasses.replace(blank, role="control"),
    ]
    roof, eager, control = timed(blanks, sampling(device, regime, flags, **times_s), "eager")
    return roof, eager, control


def test_a_record_is_allowed_one_percent_above_its_roof():
    assert records_of(CPU, eager_s=7.95e-6)[1].flags == ()
    assert "over_roof" in records_of(CPU, eager_s=7.9e-6)[1].flags


def test_a_stream_that_fails_is_left_out_and_named():
    def fails():
        raise RuntimeError("Python.h: no such file\nand more")

    streams, remark = roofs.usable({"copy": [int], "triton 1024": [fails]}, CPU)
    assert list(streams) == ["copy"]
    assert remark == "; without the stream triton 1024, which fails (RuntimeError: Python.h: no such file)"


def test_a_record_below_its_roof_says_nothing_of_it():
    roof, eager, control = records_of(CPU)
    assert eager.flags == () and eager.over_roof_reasons == ()
    assert eager.roof_gbps == roof.roof_gbps == pytest.approx(CASE.bytes_moved / 8e-6 / 1e9)
    assert eager.noise_floor == control.noise_floor == 0.0
    assert eager.entries == ("eager", "control", "roof copy") and eager.seed == 5


@pytest.mark.parametrize(
    ("changes", "device", "reason"),
    [
        ({"flags": ("not_cold",)}, CPU, "do not go round past the last-level cache"),
        ({}, dataclasses.replace(CPU, last_level_cache_bytes=4 * MIB), "may still lie in the cache"),
        ({}, dataclasses.replace(CPU, peak_gbps=1000.0), "datasheet's peak of 1000 GB/s"),
        ({"eager_s": 7.9e-6}, CPU, "launch shape"),
        ({}, CPU, "fewer bytes"),
    ],
)
def test_a_record_over_its_roof_is_flagged_with_the_likely_reasons(changes, device, reason):
    _, eager, _ = records_of(device, **({"eager_s": 6e-6} | changes))
    assert "over_roof" in eager.flags
    assert any(reason in each for each in eager.over_roof_reasons)


def test_more_than_the_datasheets_peak_is_over_the_roof_even_where_the_roof_is_too():
    fast = dataclasses.replace(CPU, peak_gbps=500.0)
    assert "over_roof" in records_of(fast)[1].flags
    assert "over_roof" not in records_of(fast, regime="warm")[1].flags, "a cache is no memory"


def test_a_launch_moves_no_bytes():
    blank = blank_record(CASE, "eager", "d", "ok", None)
    (eager,) = timed([blank], sampling(CPU, "host", eager=5e-6))
    assert eager.bandwidth_gbps is eager.roof is eager.roof_gbps is None


@pytest.mark.parametrize("name", ["triton 1024", "triton 4096"])
@pytest.mark.parametrize("count", [5, 4096, 5000])
def test_the_streams_of_a_gpu_touch_everything(name, count):
    x, y = torch.randint(-(2**20), 2**20, (2, count), dtype=torch.int32)
    few = torch.zeros(-(-count // 1024), dtype=torch.int32)
    with emulated() as gpu:
        for mix, expected in (("copy", x), ("triad", x ^ y)):
            out = torch.zeros(count, dtype=torch.int32)
            roof_kernels.stream(mix, name, [x, y], out)()
            assert torch.equal(out, expected)
        roof_kernels.stream("read", name, [x], few)()
    assert few.sum() == x.sum()
    assert [launch.faults for launch in gpu.launches] == [()] * 3


COMPILES = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from harness.timing import roof_kernels as k
streams = ((k.copy_kernel, ["x", "out"]), (k.triad_kernel, ["x", "y", "out"]), (k.read_kernel, ["x", "out"]))
for kernel, tensors in streams:
    signature = {**dict.fromkeys(tensors, "*i32"), "count": "i32", "BLOCK": "constexpr"}
    aligned = {(place,): [["tt.divisibility", 16]] for place in range(len(tensors) + 1)}
    source = ASTSource(kernel, signature, {"BLOCK": 4096}, aligned)
    ptx = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 8}).asm["ptx"]
    assert "ld.global.v4.b32" in ptx, "loads of 16 bytes"
"""


@pytest.mark.slow
def test_the_streams_of_a_gpu_compile_for_one():
    ended = subprocess.run(
        [sys.executable, "-c", COMPILES], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


def test_the_docs_name_every_stream_that_a_table_can_show():
    page = (Path(__file__).parents[3] / "docs" / "method.md").read_text()
    for mix in Mix:
        for kind in ("cpu", "cuda"):
            assert all(f"`{name}`" in page for name in roofs.streams(mix, kind))

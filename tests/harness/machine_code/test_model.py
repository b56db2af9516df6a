"""What devices make of counts: occupancy, ceilings, what binds."""

from __future__ import annotations

import pytest

pytest.importorskip("triton.backends.nvidia")

from harness.device.datasheets import DATASHEETS, of_arch
from harness.machine_code import model, pipelines, sass
from harness.machine_code.model import LaunchWork
from harness.machine_code.occupancy import LIMITS, resident_warps
from harness.machine_code.rows import InspectedRow, from_json, to_json
from harness.machine_code.survey import ARCHS


def listing(*opcodes: str) -> str:
    """Straight code: these instructions, and EXIT."""
    return "\n".join(f"/*{16 * at:04x}*/ {opcode} ;" for at, opcode in enumerate((*opcodes, "EXIT")))


def row(code: str, *, elements: int, arch: str = "sm_90", bytes_per_element: float = 4.0, **taken: int) -> InspectedRow:
    """The row of a kernel of 128 threads, each of which has so many elements."""
    work = LaunchWork(
        elements * 128, 128, 2 * elements * 128, 2 * elements * 128, 2 * elements * 128, 2 * elements * 128
    )
    taken = {"threads": 128, "programs": 1, "registers": 32, "local_bytes": 0, "shared_bytes": 0} | taken
    return model.row(InspectedRow("elu", "unit", "bfloat16", arch), sass.parse(code), work, bytes_per_element, **taken)


@pytest.mark.parametrize(
    ("arch", "threads", "registers", "shared", "warps"),
    [
        ("sm_90", 128, 32, 0, 64),
        ("sm_90", 128, 33, 0, 48),  # 40 registers a thread, as they come in eights: 12 blocks
        ("sm_90", 128, 255, 0, 8),
        ("sm_90", 128, 32, 100 * 1024, 8),  # two blocks of 101 KiB in 228
        ("sm_90", 32, 16, 0, 32),  # no more than 32 blocks
        ("sm_120", 128, 32, 0, 48),
        ("sm_80", 256, 64, 0, 32),
        ("gfx942", 256, 64, 0, 32),
        ("gfx942", 256, 128, 0, 16),
    ],
)
def test_resident_warps(arch, threads, registers, shared, warps):
    assert resident_warps(arch, threads, registers, shared) == warps


def test_issue_binds_where_instructions_are_many():
    # H100 SXM issues 132 · 128 · 1.98e9 = 33.5e12 thread instructions a second; memory brings 0.8375e12 elements.
    per_element = 80
    each = row(listing(*["MOV R1, R2", "FMUL R1, R2, R3"] * (per_element // 2)), elements=1)
    ceiling = each.ceilings[0]
    assert ceiling.limits["issue"] == pytest.approx(33.45408e12 / 81 / 0.8375e12, rel=1e-6)
    assert each.bound_by == "issue" and each.modelled_peak_fraction == pytest.approx(0.4931, abs=1e-4)


@pytest.mark.parametrize(
    ("opcode", "unit", "rate"),
    [
        ("MUFU.EX2 R1, R2", "mufu", 16),
        ("SEL R1, R2, R3, P0", "alu", 64),
        ("DFMA R2, R4, R6, R8", "fp64", 64),
        ("IMAD R1, R2, R3, R4", "heavy", 64),
        ("LDS R1, [R2]", "lsu", 32),
        ("F2F.BF16.F32 R1, R2", "mufu", 16),
    ],
)
def test_the_slower_a_pipe_the_lower_its_ceiling(opcode, unit, rate):
    each = row(listing(*[opcode] * 100), elements=1)
    assert each.bound_by == unit
    assert each.ceilings[0].limits[unit] / each.ceilings[0].limits["issue"] == pytest.approx(rate / 128 * 101 / 100)


@pytest.mark.parametrize(
    ("arch", "opcode", "unit", "rate"),
    [
        ("sm_80", "HFMA2", "fp16", 128),  # 78 TFLOPS of fp16, four times the A100's fp32
        ("sm_80", "HFMA2.BF16_V2", "fp16", 64),
        ("sm_89", "HFMA2", "fma", 64),  # 91.6 TFLOPS of fp16 and of fp32
        ("sm_90", "HFMA2.BF16_V2", "fma", 128),  # 134 TFLOPS, twice the H100's fp32
        ("sm_100", "FFMA2", "fma", 64),
    ],
)
def test_packed_instructions_take_the_turns_that_their_results_need(arch, opcode, unit, rate):
    assert pipelines.clocks(opcode, arch, None) == {"issue": 1 / 128, unit: 1 / rate}
    assert pipelines.pipe_of(opcode, arch) == "fma"


def test_a_copy_is_bound_by_memory():
    each = row(listing("LDG.E.128 R4, desc[UR4][R2.64]", "STG.E.128 desc[UR4][R2.64], R4"), elements=8)
    assert (each.bound_by, each.modelled_peak_fraction) == ("memory", 1.0)
    assert (each.load_bytes, each.store_bytes, each.traffic_per_element) == (16, 16, 4.0)
    assert each.warp_instructions_per_transaction == pytest.approx(3 / 8 / 32 * 32 / 4)


def test_few_threads_with_little_under_way_cannot_hide_the_wait():
    # One block of 128 threads with 2 bytes each under way, over 478.8 clocks.
    each = row(
        listing("LDG.E.U16 R4, desc[UR4][R2.64]", "STG.E.U16 desc[UR4][R2.64], R4"), elements=1, shared_bytes=1 << 17
    )
    assert each.bound_by == "latency"
    loaded = 132 * 128 * 2 / 478.8 * 1.98  # GB/s
    assert each.modelled_peak_fraction == pytest.approx(2 * loaded / 3350)


def test_every_architecture_has_limits_rates_and_a_device():
    assert set(ARCHS) <= set(pipelines.RATES) == set(LIMITS)
    for arch in pipelines.RATES:
        assert of_arch(arch)
    names = [name for sheet in DATASHEETS for name in sheet.driver_names]
    assert len(set(names)) == len(names)


def test_clocks_of_the_datasheets_are_those_of_their_peak_of_fp32():
    peaks = {
        "A100 SXM 80GB": 19.5,
        "H100 SXM": 67,
        "H100 PCIe": 51,
        "A10": 31.2,
        "L4": 30.3,
        "L40S": 91.6,
        "RTX 5090": 104.8,
    }
    for sheet in DATASHEETS:
        if sheet.name in peaks:
            flops = 2 * pipelines.RATES[sheet.arch]["fma"] * sheet.multiprocessors * sheet.clock_ghz * 1e9
            assert flops / 1e12 == pytest.approx(peaks[sheet.name], rel=0.01), sheet


def test_rows_survive_json():
    each = row(listing("MUFU.EX2 R1, R2"), elements=1)
    assert from_json(to_json([each])) == (each,)

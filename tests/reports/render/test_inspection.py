"""Tables of inspected kernels, on terminals of 80 and 200 columns, from rows as they are stored."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.machine_code.rows import Ceiling, InspectedRow, keep_rows, on_device, rows_of, totals
from harness.ops.op import SHORT_DTYPES
from reports.render import markdown
from reports.render.inspection import show, show_summary
from tests.reports.runs import record, run_of, stored

H100 = Ceiling("H100 SXM", 3350.0, 1045.0, {"memory": 1.0, "issue": 2.5, "alu": 3.0})
H200 = Ceiling("H200 SXM", 4800.0, 1045.0, {"memory": 1.0, "issue": 0.8, "alu": 0.9})
ROW = InspectedRow(
    "elu_backward", "result general", "bfloat16", "sm_90", kernel="k", instructions_per_element=14.625,
    pipes={"issue": 14.625, "fma": 10.2, "alu": 10.1, "mufu": 1.5, "memory": 1.4, "uniform": 0.1, "control": 0.3},
    load_bytes=16, store_bytes=16, registers=255, spills=0, local_bytes=0, shared_bytes=4096, branches=0,
    uniform_branches=16.0, threads=128, programs=100, elements_per_thread=16.0, occupancy=1.0, bytes_per_element=6.0,
    traffic_per_element=6.0, warp_instructions_per_transaction=2.4375, bound_by="memory", modelled_peak_fraction=1.0,
    ceilings=(H100, H200),
)  # fmt: skip
SECOND = replace(ROW, role="stage2", instructions_per_element=0.0938, load_bytes=None, store_bytes=None)
FAILED = InspectedRow("elu", "unit", "float16", "sm_90", reason="CompilationError: no \x1b[2J such thing")


def shown(*rows: InspectedRow, width: int = 80, make=show) -> str:
    file = io.StringIO()
    make(rows, Console(file=file, width=width))
    return file.getvalue()


def line_with(text: str, *words: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if all(word in line for word in words))
    return line.split()


@pytest.mark.parametrize("make", [show, show_summary])
@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(make, width):
    text = shown(ROW, SECOND, replace(ROW, variant="unit [BLOCK=1024, num_warps=4]"), FAILED, width=width, make=make)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "modelled, not measured" in text
    assert not any(line.rstrip().endswith("…") or "… " in line for line in text.replace("fma … mem", "").splitlines())


def test_a_row_says_counts_widths_registers_occupancy_and_what_binds():
    cells = line_with(shown(ROW), "result general", "16/16")
    assert cells[2:7] == ["14.6", "10.2", "10.1", "1.5", "1.4"]
    # Issue alone would allow 2.5 times the memory's peak, so at that peak 40% of its slots are taken.
    assert cells[7:] == ["16/16", "255", "100", "40", "100", "memory"]


def test_wide_terminals_have_a_column_for_every_device():
    text = shown(ROW, width=200)
    assert "%peak H200 SXM" in text
    # Issue alone allows 2.5 times what memory does.
    assert line_with(text, "result general", "16/16")[-5:] == ["100", "80", "memory", "issue", "40%"]


def test_spills_and_divergence_are_marked():
    cells = line_with(shown(replace(ROW, spills=12, branches=1)), "result general", "16/16")
    assert "255!" in cells and "?" in cells


def test_the_instruction_roofline_says_which_roof_it_is_under():
    # 3350 / 32 = 104.7 transactions a ns; times 2.4375 instructions each, of 1045.
    cells = line_with(shown(ROW), "elu_backward", "bf16")
    assert cells[-4:] == ["2.44", "255", "24", "memory"]
    over = replace(ROW, warp_instructions_per_transaction=20.0)
    assert line_with(shown(over), "elu_backward", "bf16")[-4:] == ["20.0", "1045", "100", "issue"]


def test_another_providers_kernels_stand_beside_ours():
    mine = replace(ROW, variant="result general [BLOCK=64]", provider="mine", instructions_per_element=9.0)
    rows = (ROW, SECOND, replace(ROW, variant="result unit"), mine)
    text = shown(*rows, width=120)
    together, counts = text.partition("side by side")[2].split("elu_backward  bfloat16")
    assert [word for word in together.split() if word in ("triton", "mine")] == ["triton", "mine", "triton"]
    lines = [
        line for line in counts.partition("instruction roofline")[0].splitlines() if re.search("triton|mine", line)
    ]
    assert [re.split(" +(triton|mine)", line)[0].strip() for line in lines] == [
        "result general", "second pass", "result general [BLOCK=64]", "result unit",
    ]  # fmt: skip
    assert "provider" not in shown(ROW, SECOND)
    assert totals(rows)["sm_90", "elu_backward", "result general [BLOCK=64]", "bfloat16", "mine"] == 9.0


def test_markdown_says_which_columns_it_leaves_out():
    text = "\n".join(markdown.counted([ROW, SECOND]))
    said = text.partition("Left out of these tables")[2].partition(".")[0]
    assert "B/elem" in said and "shared" in said and "%peak H200 SXM" in said
    assert "| B/elem |" not in text


def test_the_summary_adds_the_second_pass_to_the_first():
    assert totals([ROW, SECOND])["sm_90", "elu_backward", "result general", "bfloat16", "triton"] == pytest.approx(
        14.7188
    )
    assert line_with(shown(ROW, SECOND, make=show_summary), "elu_backward")[-3:] == ["14.7", "40", "memory"]


@pytest.mark.parametrize(("width", "tables"), [(80, 2), (140, 1)])
def test_several_ops_come_side_by_side_first_whole_at_any_width(width, tables):
    ops = ("elu_plus_one_backward", "relu_backward")
    rows = [replace(ROW, op=op, dtype=dtype, variant="result odd") for op in ops for dtype in SHORT_DTYPES]
    text, first = shown(*rows, width=width), "side by side, on the H100 SXM"
    assert text.count(first) == tables and text.index(first) < text.index("elu_plus_one_backward  bfloat16")
    assert first not in shown(*rows[: len(SHORT_DTYPES)], width=width)  # one op has its own tables, and they are enough
    summary = shown(*rows, width=width, make=show_summary)
    assert max(cell_len(line) for line in summary.splitlines()) <= width
    lines = [line.split() for line in summary.splitlines() if line.startswith(ops)]
    assert [name for line in lines for name in (line[0], line[-1])] == [
        *(x for op in ops for x in (op, "memory"))
    ] * tables
    for op in ops:
        cells = [cell for line in lines if line[0] == op for cell in line]
        assert cells.count("14.6") == cells.count("40") == len(SHORT_DTYPES)
    assert summary.count("issue%") == len(SHORT_DTYPES) + 1  # and the legend


def test_what_was_not_counted_has_its_reason_without_control_codes():
    text = " ".join(shown(FAILED).split())
    assert "not counted" in text and "CompilationError: no \\x1b[2J such thing" in text


def test_notes_are_told_with_what_they_are_about():
    text = " ".join(shown(replace(ROW, notes=("A loop is counted once.",))).split())
    assert "A loop is counted once. (elu_backward result general on sm_90)" in text


def test_the_markdown_report_has_a_section_of_what_was_modelled(tmp_path):
    run = stored(run_of(record()), tmp_path / "run")
    assert "## Modelled" not in markdown.report(run, "0" * 64)
    keep_rows(run.path, [ROW, SECOND])
    text = markdown.report(run, "0" * 64)
    assert "modelled, not measured: machine code of triton for sm_90, on the H100 SXM (3350 GB/s)" in text
    assert "| `elu_backward` | `result general` | 14.7 | 40 | memory |" in text


def test_a_run_is_held_against_its_own_device(tmp_path):
    run = stored(run_of(record(), device={"kind": "cuda", "name": "NVIDIA H200"}), tmp_path / "run")
    keep_rows(run.path, [ROW])
    (row,) = rows_of(run)
    assert [each.device for each in row.ceilings] == ["H200 SXM", "H100 SXM"]
    assert (row.bound_by, row.modelled_peak_fraction) == ("issue", 0.8)
    text = markdown.report(run, "0" * 64)
    assert "machine code of triton for sm_90, on the H200 SXM (4800 GB/s)" in text
    assert "| `elu_backward` | `result general` | 14.6 | 125 | issue |" in text


@pytest.mark.parametrize("name", ["NVIDIA H200 MIG 1g.18gb", "NVIDIA A10"])
def test_a_device_without_a_ceiling_of_its_own_leaves_the_rows_as_they_are(name):
    assert on_device([ROW], name) == (ROW,)


def test_nothing_is_shown_of_no_rows():
    assert shown(make=show_summary) == ""


def test_tables_need_neither_torch_nor_triton():
    code = "import sys, reports.render.inspection; print(sorted({'torch', 'triton'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"

"""The tables as people see them: on terminals of 80 and 200 columns, and in files."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.ops.cases import make_case
from harness.ops.catalogue import OPS
from harness.ops.op import ITEM_BYTES
from harness.store.vocabulary import Regime
from reports.render.terminal import show
from tests.reports.runs import control, record, roof, run_of, untimed

PLANES = make_case("bias_elu", (64, 256, 56, 56), "float32", {"dim": 1})
SELU = make_case("elu", (16384, 16384), "float16", {"alpha": 1.6732632423543772, "scale": 1.0507009873554805})
HOSTILE = "[red]evil[/red]\x1b[2J\x07\r\nname\u202e"


def shown(run, width: int = 80, terminal: bool = False) -> str:
    file = io.StringIO()
    show(run, Console(file=file, width=width, force_terminal=terminal))
    return file.getvalue()


def line_with(text: str, *words: str) -> str:
    (line,) = (line for line in text.splitlines() if all(word in line for word in words))
    return line


@pytest.fixture
def full_run():
    records = [untimed(PLANES, "theirs", "rejected", reason="out is 0 where -1e-9 is true (9 ULP; 2 ULP is allowed)")]
    for case in (make_case("elu", (4096, 4096), "bfloat16"), PLANES, SELU):
        slow = record(case, "compile", time_s=98.7e-3, flags=("noisy", "not_cold", "over_roof"))
        records += [record(case, time_s=123.4e-6), slow, roof(case), control(0.012, case), untimed(case)]
    return run_of(*records)


def test_a_row_says_time_interval_rates_roof_speed_up_and_error():
    run = run_of(record(time_s=100e-6), record(provider="compile", time_s=80e-6, max_ulp=0.75), roof(), control(0.01))
    cells = line_with(shown(run), "compile", "µs").split()
    assert cells[:4] == ["4096×4096", "compile", "80.0", "µs"]
    # 2^24 elements in 80 µs are 210 Gelem/s, at 4 bytes 839 GB/s, which is 84% of the roof's 1000.
    assert cells[4:] == ["0.2", "210", "839", "84", "1000", "1.25", "0.75"]


def test_energy_is_shown_where_it_was_counted():
    def shown_wide(**changes):
        return shown(run_of(record(time_s=100e-6), record(provider="compile", time_s=80e-6, **changes), roof()), 200)

    text = shown_wide(energy_j=12.34e-3)
    assert "mJ/GB" in text  # 2^24 elements of bfloat16, read and written: 0.0671 GB
    assert line_with(text, "compile", "µs").split()[-2:] == ["12.3", "184"]
    assert "mJ" not in shown_wide()


def test_a_case_that_was_timed_one_by_one_and_as_a_graph_has_a_table_of_each():
    both = [record(regime=regime, time_s=time_s) for regime, time_s in ((Regime.COLD, 1e-4), (Regime.GRAPH, 9e-5))]
    titles = [line for line in shown(run_of(*both)).splitlines() if line.startswith("elu  bfloat16")]
    assert titles == ["elu  bfloat16", "elu  bfloat16  graph"]
    assert "graph" not in shown(run_of(both[1])), "the only time of a cold cache that there is"


def test_differences_within_the_noise_are_marked_as_such():
    run = run_of(record(time_s=100e-6), record(provider="compile", time_s=99e-6), control(0.02))
    assert "≈1.01" in line_with(shown(run), "compile", "µs")
    assert "2.0% in the worst" in " ".join(shown(run).split())


def test_a_row_over_its_roof_says_why_that_may_be():
    reasons = ("the roof's own times are not clean (noisy)",)
    over = record(provider="compile", time_s=50e-6, flags=("over_roof",), over_roof_reasons=reasons)
    text = " ".join(shown(run_of(record(), over, roof(), control(0.01))).split())
    assert "not a result. Likely: the roof's own times are not clean (noisy)" in text


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(full_run, width):
    text = shown(full_run, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert "64×256×56×56" in text and "16384×16384" in text
    for time in ("123 µs", "98.7 ms"):
        assert time in text


def test_every_op_and_dtype_fits_80_columns():
    shapes = {"elu": (4096, 393216), "elu_backward": (4096, 393216), "bias_elu": (16, 32, 24000)}
    records = [
        record(case, provider, time_s=98.7e-3, flags=("noisy", "not_cold"), max_ulp=123456.0)
        for op in OPS
        for dtype in ITEM_BYTES
        for case in [make_case(op, shapes.get(op, (44906, 1024)), dtype)]
        for provider in ("compile", "eager", "my_kernel")
    ]
    text = shown(run_of(*records))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_long_sizes_and_small_numbers_fit_80_columns_too():
    case = make_case("prelu", (16, 256, 32, 32), "bfloat16")  # below 1 GB/s: more digits than the others have
    rows = [
        record(case, name, time_s=27.7e-3, flags=("noisy", "bimodal", "unsettled", "disturbed"))
        for name in ("compile", "eager")
    ]
    text = shown(run_of(*rows, replace(roof(case, 16e-3), provider="invert")))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "…" not in text and "×eager" in text and "27.7 ms" in text


def test_marks_are_explained_where_they_occur(full_run):
    text = " ".join(shown(full_run).split())
    assert "a finding about the measurement" in text and "not cold" in text
    assert "too few samples" not in text


def test_an_interpreted_kernel_has_no_time(full_run):
    row = line_with(shown(full_run), "triton", "bfloat16")
    assert "validated" in row and " s" not in row and "µs" not in row


def test_rejections_come_with_their_reason_and_worst_input(full_run):
    text = " ".join(shown(full_run, 200).split())
    assert "theirs 1 rejected 0.50 out is 0 where -1e-9 is true (9 ULP; 2 ULP is allowed), at x=-0.25" in text


def test_names_from_outside_control_nothing():
    case = make_case("elu", (8,), "float32")
    run = run_of(
        record(case, HOSTILE),
        untimed(case, HOSTILE, "crashed", reason=HOSTILE),
        device={"kind": "cpu", "name": HOSTILE},
    )
    text = shown(run, terminal=False)
    assert "\x1b" not in text and "\x07" not in text and "\r" not in text and "\u202e" not in text
    assert "[red]evil[/red]\\x1b[2J" in text


def test_a_file_gets_no_escape_codes_and_a_terminal_does(full_run):
    assert "\x1b" not in shown(full_run)
    assert "\x1b" in shown(full_run, terminal=True)


def test_an_empty_run_says_so():
    assert "no record yet" in shown(run_of())


def test_a_torn_line_is_told():
    assert "cut short by a crash" in shown(run_of(record(), torn=True))


def test_a_manifest_with_holes_is_shown_all_the_same():
    text = shown(run_of(record(), git=None, versions=None, device=None, sweep=None))
    assert "no commit" in text and "unknown device" in text


@pytest.mark.slow
def test_reports_need_neither_torch_nor_triton():
    code = "import sys, reports.render.terminal; print(sorted({'torch', 'triton'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"

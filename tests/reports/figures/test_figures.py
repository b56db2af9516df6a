"""The figures as files: that they are there, that the same run gives the same bytes, that names do no harm."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.ops.cases import make_case
from harness.store.records import ErrorByInput
from harness.store.vocabulary import Mix
from reports.figures.curves import MOST_POINTS, curve
from reports.figures.errors import profiles
from reports.figures.files import FORMATS, draw, write_figures
from reports.figures.roofs import ceilings
from reports.figures.style import look_of
from reports.render.data import MissingLibrary
from tests.reports.runs import control, record, roof, run_of

SIZES = [2**n for n in range(8, 13)]
HOSTILE = "$\\frac{$ _<script>alert(1)</script>&\x1b[2J\n"


def timed_run(*providers: str, sizes=SIZES, **changes):
    records = []
    for size in sizes:
        for dtype in ("bfloat16", "float32"):
            case = make_case("elu", (size, size), dtype)
            time_s = case.bytes_moved / 500e9
            records += [record(case, name, time_s, **changes) for name in ("eager", *providers)]
            records += [roof(case, time_s / 1.5), control(0.005, case, time_s)]
    return run_of(*records, device={"kind": "cuda", "name": "A GPU", "last_level_cache_bytes": 50 << 20})


@pytest.mark.slow
def test_every_format_is_written_and_is_what_it_says(tmp_path):
    paths = write_figures(timed_run("triton"), tmp_path)
    assert {path.suffix[1:] for path in paths} == set(FORMATS) and all(path.parent == tmp_path for path in paths)
    heads = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    assert all(path.read_bytes().startswith(heads[path.suffix[1:]]) for path in paths)


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    code = """
import sys
from pathlib import Path
from reports.figures.errors import profiles
from reports.figures.files import write_figures
from tests.reports.figures.test_figures import timed_run
write_figures(timed_run("triton", "theirs"), Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True)
    write_figures(timed_run("triton", "theirs"), tmp_path / "b")
    first = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert first and first == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}


def test_names_from_outside_break_no_figure(tmp_path):
    paths = write_figures(timed_run(HOSTILE), tmp_path, formats=("svg",))
    for path in paths:
        ElementTree.parse(path)  # well-formed, so nothing came through as markup
        assert b"<script" not in path.read_bytes()


def test_an_op_that_is_named_like_a_path_leads_nowhere_else(tmp_path):
    records = [replace(each, op="../../../x/$y") for each in timed_run("triton").records]
    paths = write_figures(run_of(*records), tmp_path / "deep" / "figures", formats=("svg",))
    assert paths and {path.parent for path in paths} == {tmp_path / "deep" / "figures"}
    assert sorted(tmp_path.rglob("*.svg")) == sorted(paths)


def test_a_run_without_times_has_no_curve():
    assert dict(draw(run_of())) == {}


def test_a_provider_looks_the_same_whatever_else_is_in_the_run():
    names = ["triton", "eager", "compile", "my_kernel", "theirs"]
    together = timed_run("aaa", *names, "zzz", sizes=SIZES[:2])
    for run, shown in [(together, names), *((timed_run(name, sizes=SIZES[:2]), [name]) for name in names)]:
        (axes, *_) = dict(draw(run))["bandwidth-elu"].axes
        for name in shown:
            markers = {line.get_marker() for line in axes.lines if line.get_color() == look_of(name).colour}
            assert look_of(name).marker in markers, name


def test_shipped_providers_differ_in_colour_marker_and_line():
    looks = [look_of(name) for name in ("triton", "eager", "compile")]
    for what in ("colour", "dark_colour", "marker", "line"):
        assert len({getattr(look, what) for look in looks}) == 3


def test_marked_points_are_hollow():
    run = timed_run("triton", flags=("noisy",))
    (axes, *_) = dict(draw(run))["bandwidth-elu"].axes
    assert {line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"} == {"white"}


def test_curves_of_many_sizes_are_thinned_to_medians():
    cases = [make_case("elu", (64, 64 + n), "float32") for n in range(1000)]
    records = [record(case, time_s=case.bytes_moved / 500e9) for case in cases]
    points = curve(records)
    assert len(points) <= MOST_POINTS and sum(point.cases for point in points) == 1000
    assert all(point.gbps == pytest.approx(500) for point in points)
    assert curve(records[:5])[0].cases == 1


def test_without_matplotlib_there_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingLibrary, match="pip install matplotlib"):
        write_figures(timed_run("triton"), tmp_path)


def test_figures_need_no_torch():
    code = "import sys, reports.figures.files as f; f.draw; print({'torch', 'matplotlib'} & set(sys.modules) or 'none')"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "none"


def curve_point(mix: str, working_set: int, regime: str, gbps: float):
    """A point of a roof's curve."""
    case = make_case("elu", (working_set // 8,), "float32")
    return replace(
        roof(case, working_set / gbps / 1e9), op=mix, roof=mix, regime=regime, working_set_bytes=working_set,
        roof_gbps=gbps,
    )  # fmt: skip


def hierarchical_run():
    product = replace(
        curve_point("copy", 2**24, "warm", 1.0), op=Mix.ARITHMETIC, roof=Mix.ARITHMETIC, provider="matmul"
    )
    product = replace(product, flops=2 * 2048**3, samples_s=(2 * 2048**3 / 5e12,) * 8)
    curves = [
        curve_point(mix, size, regime, 3000.0 if regime == "warm" and size <= 50 << 20 else 900.0)
        for mix in ("copy", "triad", "read")
        for regime in ("cold", "warm")
        for size in (2**20, 2**24, 2**28)
    ]
    run = timed_run("triton")
    return replace(run, records=(*run.records, *curves, product))


def test_ceilings_are_by_level_and_only_of_mixes_that_an_op_has():
    found = {(each.level, each.name): each.value for each in ceilings(hierarchical_run())}
    assert found == pytest.approx(
        {("memory", "copy"): 1000.0, ("cache", "copy"): 3000.0, ("arithmetic", "matmul"): 5000.0}
    )


def test_the_roofline_draws_a_line_for_every_ceiling_and_a_point_for_every_provider():
    (axes,) = dict(draw(hierarchical_run()))["roofline"].axes
    ceilings = [line for line in axes.lines if line.get_linewidth() == 1.0 and line.get_xdata()[0] > 0]
    slopes = {round(line.get_ydata()[0] / line.get_xdata()[0]) for line in ceilings}
    assert {1000, 3000} <= slopes
    assert {line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1} >= {5000.0}
    texts = " ".join(text.get_text() for text in axes.texts)
    assert "memory: copy 1000 GB/s" in texts and "cache: copy 3000 GB/s" in texts and "5000 GFLOP/s" in texts
    points = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert {round(float(line.get_ydata()[0])) for line in points} == {500, 250}  # 1 and 0.5 FLOP per byte at 500 GB/s


def test_a_slope_that_meets_the_flat_roof_left_of_all_ops_is_still_seen():
    run = hierarchical_run()
    slow = [replace(r, samples_s=(2 * 2048**3 / 600e9,) * 8) if r.op == Mix.ARITHMETIC else r for r in run.records]
    (axes,) = dict(draw(replace(run, records=tuple(slow))))["roofline"].axes
    assert axes.get_xlim()[0] < 600 / 3000  # where 3000 GB/s meet 600 GFLOP/s
    assert "cache: copy 3000 GB/s" in " ".join(text.get_text() for text in axes.texts)


def test_panels_of_a_row_leave_room_for_the_highest_curve_of_all():
    low, high = timed_run("triton", sizes=[512, 1024]).records, timed_run("triton", sizes=[2048]).records
    fast = [
        replace(r, bandwidth_gbps=5000.0, median_s=r.bytes_moved / 5e12, ci95_s=None, roof_gbps=6000.0) for r in high
    ]
    run = run_of(*low, *fast)
    for axes in dict(draw(run))["bandwidth-elu"].axes:
        assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] >= 6000


def test_the_levels_of_memory_are_drawn_where_they_were_measured():
    assert "levels-of-memory" not in dict(draw(timed_run()))
    (axes,) = dict(draw(hierarchical_run()))["levels-of-memory"].axes
    assert len([line for line in axes.lines if line.get_marker() in "osv^"]) == 6


def test_errors_by_input_are_drawn_from_the_most_negative_input_up():
    profile = ErrorByInput(128, (*[0.0] * 255, None, *[0.25] * 255, None))
    case = make_case("elu", (512, 512), "bfloat16")
    wrong = ErrorByInput(128, (*[0.0] * 255, None, *[200.0] * 100, *[0.4] * 155, None))
    records = [record(case, error_by_input=profile)]
    records += [record(case, "theirs", outcome="rejected", error_by_input=wrong)]
    (eager, theirs) = profiles(run_of(*records))["bfloat16"]
    assert (len(eager.lows), eager.lows[0]) == (510, pytest.approx(-3.39e38, rel=1e-2)) and eager.highs[-1] > 3e38
    assert list(eager.lows) == sorted(eager.lows)
    place = next(n for n, low in enumerate(theirs.lows) if low <= -1e-20 <= theirs.highs[n])
    assert theirs.max_ulp[place] == 200.0 and theirs.max_ulp[0] == 0.4 and theirs.max_ulp[-1] == 0.0
    figure = dict(draw(run_of(*records)))["error-elu"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["eager", "theirs (rejected)"]

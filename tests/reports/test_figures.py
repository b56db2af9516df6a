"""The figures as files: that they are there, that the same run gives the same bytes, that names do no harm."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.cases import make_case
from reports.data import MissingLibrary
from reports.figures.curves import MOST_POINTS, curve
from reports.figures.files import FORMATS, draw, write_figures
from reports.figures.style import look_of
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


def test_every_format_is_written_and_is_what_it_says(tmp_path):
    paths = write_figures(timed_run("triton"), tmp_path)
    assert {path.suffix[1:] for path in paths} == set(FORMATS) and all(path.parent == tmp_path for path in paths)
    heads = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    assert all(path.read_bytes().startswith(heads[path.suffix[1:]]) for path in paths)


def test_another_process_writes_the_same_bytes(tmp_path):
    code = """
import sys
from pathlib import Path
from reports.figures.files import write_figures
from tests.reports.test_figures import timed_run
write_figures(timed_run("triton", "theirs"), Path(sys.argv[1]))
"""
    for folder in ("a", "b"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / folder)], check=True)
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


@pytest.mark.parametrize("name", ["triton", "eager", "compile", "my_kernel", "theirs"])
def test_a_provider_looks_the_same_whatever_else_is_in_the_run(name):
    alone, together = timed_run(name), timed_run("aaa", name, "zzz")
    for run in (alone, together):
        (axes, *_) = dict(draw(run))["bandwidth-elu"].axes
        markers = {line.get_marker() for line in axes.lines if line.get_color() == look_of(name).colour}
        assert look_of(name).marker in markers


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

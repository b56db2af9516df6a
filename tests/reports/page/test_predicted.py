"""The modelled curves on the page of a run without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine_code.rows import rows_of
from harness.store.records import read_run
from reports.page.predicted import TAB, predicted
from reports.page.write import page

RESULTS = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="module")
def cpu_run():
    return read_run(RESULTS / "amd-epyc" / "default", samples=False)


def test_a_run_without_a_gpu_has_a_curve_for_each_device_and_points_where_some_are_published(cpu_run):
    charts = {chart.name: chart for chart in predicted(cpu_run, rows_of(cpu_run))}
    traces = {trace["name"]: trace for trace in charts["elu  float16"].traces}
    assert {"H100 SXM, modelled", "H100 PCIe, modelled", "H200 SXM, modelled", "H200 SXM, published"} == set(traces)
    assert traces["H200 SXM, published"]["y"] == [1754.0]
    curve = traces["H200 SXM, modelled"]
    assert curve["y"] == sorted(curve["y"]) and len(curve["x"]) == 8 and curve["y"][-1] < 4800
    assert all("modelled" in text for text in curve["text"])
    assert not any("published" in trace["name"] for trace in charts["bias_elu  bfloat16"].traces)


def test_a_run_on_a_gpu_has_its_own_times_and_no_modelled_curve():
    run = read_run(RESULTS / "nvidia-h200" / "default", samples=False)
    assert predicted(run, rows_of(run)) == []


@pytest.mark.slow
def test_the_page_has_the_tab_and_the_tables_have_nothing_modelled_among_the_times(cpu_run):
    pytest.importorskip("plotly")
    text = page(cpu_run).text
    assert TAB in text
    assert "modelled" not in text.partition('<section id="results">')[2].partition("</section>")[0]

"""The reports on a run on several devices, as people see them; a run on one device looks as ever."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from harness.store.fleet import StreamCheck
from reports.analysis.citable import Selection, citable
from reports.analysis.compare import compare_models
from reports.analysis.trend import trends
from reports.figures.files import draw
from reports.figures.trend import write_trends
from reports.page import page
from reports.publish.pytest_benchmark import as_json
from reports.publish.report import build
from reports.render import comparison, latex, markdown, terminal
from reports.render import trend as trend_tables
from tests.reports.browser import browser, dress, errors, requests
from tests.reports.fleets import H200, L4, UUIDS, fleet_run, two_and_one, written
from tests.reports.runs import HOSTILE, stored

SLOW = two_and_one(slow_gbps=3650.0)


def shown(run, width: int = 80) -> str:
    file = io.StringIO()
    terminal.show(run, Console(file=file, width=width))
    return file.getvalue()


def test_the_tables_have_devices_beside_each_other_within_80_columns():
    text = shown(fleet_run(SLOW))
    assert max(map(cell_len, text.splitlines())) <= 80
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == f"2 × {H200}, 1 × {L4}, on 2 machines".split()
    of_triton = next(n for n, line in enumerate(lines) if line[:2] == ["1024×1024", "triton"])
    first, beside = lines[of_triton][2:], lines[of_triton + 1]
    assert (first[:3], first[-4:]) == (["H200", "SXM", "#1"], ["93", "1.50", "faster", "0.50"])
    assert (beside[0], beside[-4:]) == ("L4", ["93", "1.20", "faster", "0.50"])
    (slow,) = (line for line in lines if line[:1] == ["H200"] and line[-1] == "slower")
    assert slow[:4] == ["H200", "SXM", "#2", "gpu-b"] and UUIDS[1].startswith(slow[4])
    assert slow[5:] == ["4", "3650", "86.9", "slower"]
    assert f"(gpu-b, {UUIDS[1]}) is slow" in " ".join(text.split())


def test_a_wide_terminal_has_the_whole_table_of_devices():
    text = shown(fleet_run(SLOW), 200)
    assert "left out, as there is no room" not in text
    assert all(any(word in line for line in text.splitlines()) for word in (*UUIDS, "580.95", "driver"))


def test_a_run_on_one_device_is_shown_as_ever_though_its_records_name_it():
    run = fleet_run(two_and_one()[:1])
    placeless = tuple(replace(each, placement=None) for each in run.records)
    local = replace(run, manifest=replace(run.manifest, fleet=()), records=placeless)
    assert shown(run) == shown(local)
    assert markdown.report(run, "") == markdown.report(local, "") and f"{H200} (GPU)" in shown(run)
    assert [name for name, _ in draw(run)] == ["bandwidth-elu", "speedup-elu", "roofline"]
    assert "device" not in {line.split()[0] for line in shown(run).splitlines() if line.strip()}


@pytest.fixture(scope="module")
def stored_fleet(tmp_path_factory):
    return written(fleet_run(SLOW), tmp_path_factory.mktemp("fleet") / "run")


@pytest.mark.slow
def test_the_report_says_of_everything_on_which_device_it_was(stored_fleet):
    built = build(stored_fleet)
    names = {path.name for path in built.files}
    models = [
        f"{kind}-NVIDIA-{name}.svg" for kind in ("bandwidth-elu", "speedup-elu", "roofline") for name in ("H200", "L4")
    ]
    assert names >= {*models, "index.html", "report.md", "records.csv"} and "bandwidth-elu.svg" not in names
    report = stored_fleet.path / "report"
    html = MarkdownIt("commonmark").enable("table").render((report / "report.md").read_text(encoding="utf-8"))
    assert f"<code>{UUIDS[1]}</code>" in html and "<strong>slower</strong>" in html
    with (report / "records.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    places = {(row["device"], row["node"], row["uuid"], row["driver"]) for row in rows}
    assert places == {(each.device.name, each.placement.node, each.placement.uuid, "580.95") for each in SLOW}
    benchmarks = as_json(stored_fleet)["benchmarks"]
    assert len({each["fullname"] for each in benchmarks}) == len(benchmarks) == 32


def test_figures_say_in_their_titles_which_model_they_are_of():
    titles = {name: figure.get_suptitle().splitlines()[-1] for name, figure in draw(fleet_run())}
    assert titles["bandwidth-elu-NVIDIA-H200"] == f"{H200} (2 devices)" and titles["roofline-NVIDIA-L4"] == L4


def test_the_latex_table_names_devices_and_a_comment_says_which_they_are(stored_fleet):
    cited = citable(stored_fleet, Selection(dtypes=("float32",)))
    text = latex.table(cited)
    assert f"% H200 SXM #2: {H200}, gpu-b, {UUIDS[1]}" in text.splitlines()
    assert r"1024\ensuremath{\times}1024 & triton & L4 & " in text and text.count(r"H200 SXM \#2 & ") == 4
    assert "speed-ups and roofs are of the row's own device" in text
    assert r"2 \ensuremath{\times} NVIDIA H200, 1 \ensuremath{\times} NVIDIA L4" in latex.bibtex(cited)
    assert f"Bandwidth against size on {H200}, run" in latex.figure(cited, "x.pdf")


def test_comparisons_and_trends_are_printed_model_by_model(tmp_path):
    first, second = written(fleet_run(), tmp_path / "a"), written(fleet_run(created="2026-05-05"), tmp_path / "b")
    compared, over_time = compare_models(first, second), trends([first, second])
    for show, found in ((comparison.show, compared), (trend_tables.show, over_time)):
        file = io.StringIO()
        show(found, Console(file=file, width=80))
        assert [line for line in file.getvalue().splitlines() if line.startswith("on ")] == [f"on {H200}", f"on {L4}"]
    assert comparison.to_markdown(compared).count("16 same; geometric mean of the ratios 1.000") == 2
    assert [each["device"] for each in json.loads(comparison.to_json(compared))] == [H200, L4]
    assert [each["device"] for each in json.loads(trend_tables.to_json(over_time))] == [H200, L4]
    assert trend_tables.to_markdown(over_time).count("On `NVIDIA") == 2
    drawn = write_trends(over_time, tmp_path / "t.svg")
    assert [path.name for path in drawn] == ["t-NVIDIA-H200.svg", "t-NVIDIA-L4.svg"] and all(
        map(type(tmp_path).exists, drawn)
    )


def test_the_page_has_a_column_and_a_choice_of_devices_only_where_there_are_several():
    text = page(fleet_run(SLOW)).text
    assert '<th data-column="device">' in text and 'data-filter="device"' in text and 'id="devices"' in text
    assert f"{L4}: elu  float32" in text and f"{H200} (2 devices): elu  float32" in text
    alone = page(fleet_run(two_and_one()[:1])).text
    assert (
        'data-column="device"' not in alone
        and 'data-filter="device"' not in alone
        and '"device":{"values"' not in alone
    )


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_shows_devices_side_by_side_and_one_alone(tmp_path):
    path = tmp_path / "index.html"
    path.write_text(page(fleet_run(SLOW)).text, encoding="utf-8")
    with browser(tmp_path / "profile") as driver:
        dress(driver, 1200, "light")
        driver.get(path.as_uri())

        def column(number: int) -> list[str]:
            rows = driver.find_elements("css selector", "#table tbody tr")
            return [row.find_elements("css selector", "td")[number].text for row in rows]

        heads = [head.text for head in driver.find_elements("css selector", "#table th")]
        place = heads.index("device")
        assert column(place)[:4] == ["H200 SXM #1", "L4"] * 2
        driver.execute_script(
            "const s = document.querySelector('[data-filter=device]');"
            "s.value = [...s.options].find((o) => o.text === 'L4').value; s.onchange();"
        )
        assert set(column(place)) == {"L4"} and len(column(place)) == 16
        options = [each.text for each in driver.find_elements("css selector", "#which option")]
        names = (f"{H200} (2 devices)", L4)
        assert options == [f"{name}: elu {dtype}" for name in names for dtype in ("bfloat16", "float32")]
        assert errors(driver) == [] and not [each for each in requests(driver) if each.startswith("http")]


def hostile_fleet():
    """Two devices of one model and one of another, whose every name is hostile."""
    everything = " ".join(HOSTILE.values())
    names = [f"{everything} {n}" for n in "aab"]
    stream = StreamCheck(everything, 1000.0, 1e-3, (0.999e-3, 1.001e-3))
    return tuple(
        replace(
            each,
            device=replace(each.device, name=name),
            placement=replace(each.placement, node=everything, uuid=f"{everything}{n}", driver=everything),
            check=replace(stream, gbps=1000.0 - 300.0 * n, median_s=1e-3 / (1 - 0.3 * n),
                          ci95_s=(0.99e-3 / (1 - 0.3 * n), 1.01e-3 / (1 - 0.3 * n))),
        )
        for n, (each, name) in enumerate(zip(SLOW, names, strict=True))
    )  # fmt: skip


def test_hostile_names_of_nodes_and_devices_mean_nothing_anywhere(tmp_path):
    run = stored(fleet_run(hostile_fleet()), tmp_path / "run")
    text = shown(run)
    assert not {"\x1b", "\x07", "\r", "\u202e", "\u2028"} & set(text) and "is slow" in text
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown.report(run, ""))
    assert not any(mark in html for mark in ("<script", "<img src=x", "<strong>b</strong>", "href=", "<h1>heading"))
    made = page(run).text.replace(page(fleet_run()).text, "")
    assert "<script>alert(1)" not in made and "<img src=x" not in made
    quoted = latex.table(citable(run, Selection())) + latex.sentences(citable(run, Selection()))
    assert all(line.startswith("%") for line in quoted.splitlines() if "\\input" in line)

"""The report of a run on disk: what is in its files, that they repeat, and that hostile names do nothing in them."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt

from harness.ops.cases import make_case
from reports.figures.files import draw
from reports.page import PAGE
from reports.publish.report import CSV, MARKDOWN, PARQUET, build
from reports.render import markdown
from reports.render.data import write_csv
from tests.harness.command import TINY, elubench, environment
from tests.reports.runs import HOSTILE, control, hostile_run, record, roof, run_of, stored, untimed

CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def stored_in(folder):
    small = make_case("elu", (64, 64), "bfloat16")
    records = [record(), record(provider="compile", time_s=80e-6), roof(), control(0.01), untimed(small)]
    return stored(run_of(*records), folder)


@pytest.fixture
def run(tmp_path):
    return stored_in(tmp_path / "run")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The run with its report, which tests only read."""
    run = stored_in(tmp_path_factory.mktemp("built") / "run")
    assert all(path.exists() for path in build(run).files)
    return run


def rows_of(run):
    with (run.path / "report" / CSV).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def html_of(run):
    text = (run.path / "report" / MARKDOWN).read_text(encoding="utf-8")
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


@pytest.mark.slow
def test_csv_has_a_row_for_each_record_with_plain_numbers(built):
    rows, run = rows_of(built), built
    assert [row["provider"] for row in rows] == [record.provider for record in run.records]
    compiled = rows[1]
    assert float(compiled["median_s"]) == run.records[1].median_s
    assert (float(compiled["ci95_low_s"]), float(compiled["ci95_high_s"])) == run.records[1].ci95_s
    assert (compiled["shape"], compiled["samples"]) == ("4096x4096", "40")
    assert json.loads(compiled["params"])["alpha"] == 1.0
    assert (rows[4]["outcome"], rows[4]["median_s"]) == ("validated", "")


@pytest.mark.slow
def test_parquet_holds_every_field_and_every_sample(built):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    rows = parquet.read_table(built.path / "report" / PARQUET).to_pylist()
    for row, stored_record in zip(rows, built.records, strict=True):
        for name in ("case_key", "provider", "outcome", "median_s", "bytes_moved", "max_ulp"):
            assert row[name] == getattr(stored_record, name)
        assert tuple(row["samples_s"]) == stored_record.samples_s
        assert tuple(row["shape"]) == stored_record.shape
        assert json.loads(row["params"]) == stored_record.params


@pytest.mark.slow
def test_markdown_says_what_the_tables_say(built):
    html = html_of(built)
    assert "Test device" in html and "commit 0123456789" in html
    (row,) = re.findall(r"<tr>\s*<td[^>]*>4096×4096</td>\s*<td[^>]*><code>compile</code>.*?</tr>", html, re.DOTALL)
    assert re.findall(r"<td[^>]*>(.*?)</td>", row)[2:] == [
        "80.0 µs",
        "0.2",
        "210",
        "839",
        "84",
        "1000",
        "1.25",
        "0.50",
        "",
    ]
    assert "validated" in html and "2.0%" not in html and "1.0% in the worst" in html


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_another_process_and_no_other_figures(built, run):
    def content(run):
        return {path.name: path.read_bytes() for path in (run.path / "report").rglob("*") if path.is_file()}

    first = content(built)
    stale = run.path / "report" / "figures" / "stale.svg"  # the run has no data for it any more
    stale.parent.mkdir(parents=True)
    stale.write_text("<svg/>")
    ended = elubench("report", run.path, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    assert ended.returncode == 0, ended.stderr
    assert content(run) == first and not stale.exists()
    assert {CSV, MARKDOWN, PAGE} <= set(first)
    assert not [name for name in first if name.startswith(".")]


@pytest.mark.slow
def test_hostile_names_do_nothing_in_any_file(tmp_path):
    run = stored(hostile_run(), tmp_path / "run")
    (run.path / "report").mkdir()
    write_csv(run.records, run.path / "report" / CSV)
    figures = [f"figures/{name}.svg" for name, _ in draw(run)]
    (run.path / "report" / MARKDOWN).write_text(markdown.report(run, "0123", figures), encoding="utf-8")
    rows = rows_of(run)
    assert len(rows) == len(run.records)
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), name
            assert not cell.startswith("-") or float(cell) < 0
    for name in (CSV, MARKDOWN):
        assert not CONTROLS.search((run.path / "report" / name).read_text(encoding="utf-8")), name
    html = re.sub(r'<img src="figures/[\w.-]+" alt="[\w-]+" />', "", html_of(run))
    html = re.sub(r"<strong>The run has no seal[^<]*</strong>", "", html)  # ours
    assert not re.search(r"<(?!/?(h\d|p|ul|li|code|table|thead|tbody|tr|th|td|em|strong|hr)\b)", html)
    assert "<strong>" not in html and "<em>" not in html and "<hr" not in html
    assert html.count("<h1>") == 1
    assert HOSTILE["markup"] in html


def test_an_empty_run_has_a_report(tmp_path):
    run = stored(run_of(), tmp_path / "run")
    build(run)
    assert "no record yet" in html_of(run)
    assert rows_of(run) == []


@pytest.mark.slow
def test_without_pyarrow_the_rest_is_made_and_one_sentence_says_so(run, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here', name='pyarrow')")
    ended = elubench("report", run.path, PYTHONPATH=f"{tmp_path}:{environment()['PYTHONPATH']}")
    assert ended.returncode == 0
    *_, last = ended.stderr.splitlines()  # the run of this test has no seal, which is said before
    assert last == "elubench: left out of the report: records.parquet needs pyarrow: pip install pyarrow"
    assert (run.path / "report" / CSV).exists() and not (run.path / "report" / PARQUET).exists()


@pytest.mark.slow
def test_a_run_ends_in_its_report_and_a_failing_report_does_not_lose_it(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    arguments = ("run", "--sweep", tmp_path / "tiny.toml", "--op", "elu_backward", "--device", "cpu", "--out")
    ended = elubench(*arguments, tmp_path / "a", ELUBENCH_REPORT="1")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"report: {tmp_path / 'a' / 'report' / 'index.html'}"
    for name in (PAGE, MARKDOWN, CSV, "figures/bandwidth-elu_backward.pdf"):
        assert (tmp_path / "a" / "report" / name).exists()

    shutil.rmtree(tmp_path / "a" / "report")
    (tmp_path / "a" / "report").write_text("a file where the directory should be")
    again = elubench("run", "--resume", tmp_path / "a", ELUBENCH_REPORT="1")
    assert again.returncode == 0
    assert "the report could not be made" in again.stderr and f"elubench report {tmp_path / 'a'}" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("module", ["publish.report", "render.data", "render.markdown", "text.escaping"])
def test_reports_need_neither_torch_nor_triton(module):
    code = f"import sys, reports.{module}; print(sorted({{'torch', 'triton'}} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=environment()).strip() == "[]"

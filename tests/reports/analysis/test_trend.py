"""Trends over runs: in order of time, a slowdown where it came, and nothing that names can do."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from harness.store.vocabulary import RunError
from harness.timing.estimators import Ratio, geometric_mean_ratio
from reports.analysis.trend import trend
from reports.render import trend as trends
from tests.harness.command import elubench
from tests.reports.analysis.test_compare import sweep_of, with_slower
from tests.reports.runs import hostile_run, stored


def is_compile(record):
    return record.provider == "compile" and record.op == "elu"


@pytest.fixture
def runs(tmp_path):
    """Four measurements of the same, in the order of time 0, 1, 2, 3; elu by compile is 3% slower from 2 on."""
    made = []
    for day in (2, 0, 3, 1):
        run = sweep_of(day, created=f"2026-01-0{day + 1}T00:00:00+00:00")
        made.append(stored(with_slower(run, is_compile) if day >= 2 else run, tmp_path / f"day{day}"))
    return made


def test_a_slowdown_is_told_where_it_came_and_only_there(runs):
    found = trend(runs)
    assert [label.name for label in found.labels] == ["day0", "day1", "day2", "day3"]
    assert len(found.lines) == 4 and {line.cases for line in found.lines} == {3}
    for line in found.lines:
        verdicts = [point.verdict for point in line.points]
        if (line.op, line.provider) == ("elu", "compile"):
            assert verdicts[2] == "slower" and line.points[2].ratio.low > 1.015
            verdicts[2] = "same"
        assert set(verdicts[1:]) <= {"same", "undecided"}, (line, verdicts)


def test_the_interval_of_a_mean_is_narrower_than_those_of_its_ratios_and_one_is_itself():
    one = Ratio(1.1, 1.0, 1.3)
    for got, wanted in zip(vars(geometric_mean_ratio([one])).values(), vars(one).values(), strict=True):
        assert got == pytest.approx(wanted)
    four = geometric_mean_ratio([one] * 4)
    assert four.ratio == pytest.approx(1.1)
    assert four.low == pytest.approx(1.1 * (1.0 / 1.1) ** 0.5) and four.high == pytest.approx(1.1 * (1.3 / 1.1) ** 0.5)


@pytest.mark.slow
def test_the_command_prints_draws_and_exports(runs, tmp_path):
    paths = [run.path for run in runs]
    ended = elubench("trend", *paths, "--figure", tmp_path / "trend.svg")
    assert ended.returncode == 0, ended.stderr
    assert "day0" in ended.stdout and "slower" in ended.stdout
    assert (tmp_path / "trend.svg").read_text().count("<svg") == 1
    content = json.loads(elubench("trend", *paths, "--json").stdout)
    assert [run["name"] for run in content["runs"]] == ["day0", "day1", "day2", "day3"]
    assert content["lines"][0]["ratios"][0] == 1.0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--figure", "a.gif"], ".svg, .pdf or .png"), ([], "two or more"), (["--markdown", "--json"], "choose one")],
)
def test_wrong_usage_is_one_sentence(runs, arguments, named):
    ended = elubench("trend", runs[0].path, *arguments)
    assert ended.returncode == 2 and named in ended.stderr and "Traceback" not in ended.stderr


def test_runs_with_nothing_in_common_have_no_trend(runs):
    marked = tuple(replace(record, flags=("noisy",)) for record in runs[0].records)
    for records in ((), marked):
        with pytest.raises(RunError, match="no timed case in common"):
            trend([runs[0], replace(runs[0], records=records)])


@pytest.mark.parametrize("width", [80, 160])
def test_hostile_names_do_nothing_in_table_markdown_and_figure(tmp_path, width):
    run = hostile_run()
    found = trend([stored(run, tmp_path / name) for name in ("a", "b")])
    file = io.StringIO()
    trends.show([found], Console(file=file, width=width))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", file.getvalue())
    assert max(map(cell_len, file.getvalue().splitlines())) <= width
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(trends.to_markdown([found]))
    assert not re.search(r"<(?!/?(p|code|table|thead|tbody|tr|th|td)\b)", html)
    assert html.count("<tr>") == 1 + 2 + 1 + 2 * len(found.lines)
    from reports.figures.files import as_svg
    from reports.figures.trend import drawn

    assert b"<script" not in as_svg(drawn(found))

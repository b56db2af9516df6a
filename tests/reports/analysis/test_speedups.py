"""Speed-ups: every number lies in its own interval, and every face of a run says the same of it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from harness.ops.cases import make_case
from harness.store.records import read_run
from reports.analysis.citable import Selection, citable
from reports.analysis.compare import compare_providers
from reports.analysis.findings import findings
from reports.analysis.ratios import BASELINE
from reports.analysis.speedups import standings
from reports.analysis.summary import groups
from reports.page import page
from reports.page.rows import columns
from reports.render import latex, markdown
from reports.text import wording
from tests.harness.command import ROOT, elubench
from tests.reports.runs import control, record, run_of

PUBLISHED = ROOT / "results" / "amd-epyc" / "default"


@pytest.fixture(scope="module")
def run():
    return read_run(PUBLISHED)


def rows_of(run):
    return [row for group in groups(run) for row in group.rows if row.speedup is not None]


def test_every_published_number_lies_in_its_interval(run):
    rows = rows_of(run)
    assert len(rows) > 20
    for row in rows:
        assert row.speedup.low <= row.speedup.ratio <= row.speedup.high
        assert row.record.ci95_s[0] <= row.record.median_s <= row.record.ci95_s[1]
    numbers = columns(run, groups(run))["numbers"]
    on_page = [numbers[name] for name in ("speedup_low", "speedup", "speedup_high")]
    assert all(middle is None or low <= middle <= high for low, middle, high in zip(*on_page, strict=True))
    printed = re.findall(r"(\d\.\d\d) \{\[\}(\d\.\d\d), (\d\.\d\d)\{\]\}", latex.table(citable(run, Selection())))
    assert printed and all(float(low) <= float(middle) <= float(high) for middle, low, high in printed)


def test_all_faces_of_a_run_give_the_same_speed_ups(run):
    """By op and provider: in the finding, Markdown's table, the terminal's, the sentences to cite, a comparison."""
    found = {(each.op, each.provider): each for each in standings(groups(run)) if each.conditions == "cold"}
    assert len(found) > 1
    text = markdown.report(run, "0" * 64)
    shown = elubench("show", PUBLISHED, COLUMNS="200").stdout
    html = page(run).text
    said = " ".join(finding.text for finding in findings(run))
    for (op, provider), each in found.items():
        mean = f"{each.mean:.2f}"
        assert f"{op} {mean}×" in said
        numbers = (each.cases, each.faster, each.slower, mean, f"{each.least:.2f}", f"{each.most:.2f}")
        assert f"| `{op}` | `{provider}` | {' | '.join(map(str, numbers))} |" in text
        assert re.search(rf"{op} +{provider} +{' +'.join(map(str, numbers))}", shown)
        cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
        assert f"<td>{op}</td><td>{provider}</td>{cells}" in html
        sentences = " ".join(citable(run, Selection(ops=(op,), providers=(provider,))).sentences)
        assert f"Over {each.cases} valid cases of {op} (cold cache)" in sentences
        assert f"{mean} times the speed of {BASELINE} in the geometric mean" in sentences
    for row in rows_of(run):
        cells = f"{wording.speedup(row)} |"
        assert cells in text


def test_a_comparison_with_the_baseline_gives_the_rows_own_ratios(run):
    own = {
        (row.record.case_key, row.record.regime): row.speedup.inverse
        for row in rows_of(run)
        if row.record.provider == "compile"
    }
    for pair in compare_providers(run, "eager", "compile").pairs:
        mine = own[pair.first.case_key, pair.first.regime]
        assert (pair.ratio.ratio, pair.ratio.low, pair.ratio.high) == pytest.approx((mine.ratio, mine.low, mine.high))


def test_kinds_of_time_are_averaged_apart_and_marked_cases_not_at_all():
    small, large = (make_case("elu", (size, size), "float32") for size in (256, 512))
    marked = record(large, "compile", 10e-6, flags=("noisy",))
    rows = [record(small), record(small, "compile", 50e-6), record(large), marked, control(0.01, small)]
    warm = [replace(each, regime="warm") for each in (record(small), record(small, "compile", 25e-6))]
    cold, hot = standings(groups(run_of(*rows, *warm)))
    assert (cold.name, cold.cases, cold.mean) == ("elu", 1, pytest.approx(2.0))
    assert (hot.name, hot.cases, hot.mean) == ("elu warm", 1, pytest.approx(4.0))
    compared = compare_providers(run_of(*rows, *warm), "eager", "compile")
    assert [each.ratio for each in compared.counted] == pytest.approx([0.5])


def test_the_share_of_the_roof_follows_from_the_row_and_the_stream_beside_it(run):
    rows = [row for group in groups(run) for row in group.rows if row.roof_fraction is not None]
    assert rows
    for row in rows:
        assert row.roof_fraction == row.record.bandwidth_gbps / row.record.roof_gbps
        attained = row.roof.bytes_moved / float(np.quantile(row.roof.samples_s, 0.05)) / 1e9
        assert row.roof.role == "roof" and row.record.roof_gbps == pytest.approx(attained)
    (first, *_) = citable(run, Selection(ops=("elu",))).sentences
    words = r"\d+% of the [\d.]+ GB/s that the fastest plain stream with the same traffic \(\w+\) attains undisturbed"
    assert re.search(words, first)

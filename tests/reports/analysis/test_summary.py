"""What is derived from a run's records: speed-ups, noise, groups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.ops.cases import make_case
from harness.timing.estimators import Ratio, median, median_ci
from reports.analysis.ratios import ratio_between, time_over_baseline
from reports.analysis.speedups import standings
from reports.analysis.summary import folded, groups, noise_floors, outcomes
from tests.reports.runs import control, record, roof, run_of, untimed

SMALL = make_case("elu", (1024, 1024), "bfloat16")
OTHER = make_case("elu", (4096, 4096), "bfloat16", {"alpha": 2.0})


def test_rows_are_compared_with_eager_and_with_the_roof_of_their_case():
    run = run_of(record(time_s=100e-6), record(provider="compile", time_s=80e-6), roof())
    (group,) = groups(run)
    compiled, eager, ceiling = group.rows
    assert [row.record.provider for row in group.rows] == ["compile", "eager", "copy"]
    assert compiled.speedup.ratio == pytest.approx(1.25) and eager.speedup == Ratio(1, 1, 1) and ceiling.speedup is None
    bytes_moved = 2 * 2 * 4096 * 4096
    assert compiled.roof_fraction == pytest.approx(bytes_moved / 80e-6 / 1000e9)
    assert ceiling.roof_fraction is None
    assert compiled.elements_per_s == pytest.approx(4096 * 4096 / 80e-6)


@pytest.mark.parametrize(("noise", "claimed"), [(0.01, True), (0.06, False)])
def test_no_difference_below_the_noise_of_the_case_is_claimed(noise, claimed):
    run = run_of(record(time_s=100e-6), record(provider="compile", time_s=96e-6), control(noise))
    compiled, _ = groups(run)[0].rows
    assert (compiled.verdict == "faster") is claimed


def test_without_a_control_nothing_is_claimed():
    compiled, _ = groups(run_of(record(), record(provider="compile", time_s=50e-6)))[0].rows
    assert compiled.verdict == "undecided"


def test_pairs_decide_where_the_medians_alone_cannot():
    """Both drift by 40% in the same rounds: every pair differs by 2%, and the medians overlap widely."""
    drift = [100e-6 * (1 + n / 100) for n in range(40)]
    fast = [0.98 * time_s for time_s in drift]
    pairs = {"baseline": "eager", "ratio": 0.98, "ratio_ci95": (0.98, 0.98)}
    ci = (median_ci(drift), median_ci(fast))
    slow = record(samples_s=tuple(drift), median_s=median(drift), ci95_s=ci[0])
    quick = record(provider="compile", samples_s=tuple(fast), median_s=median(fast), ci95_s=ci[1])
    for changes, word in ((pairs, "faster"), ({}, "undecided")):
        rows = groups(run_of(slow, replace(quick, **changes), control(0.005)))[0].rows
        (compiled,) = (row for row in rows if row.record.provider == "compile")
        assert compiled.verdict == word
    paired = replace(quick, **pairs)
    assert time_over_baseline(paired, slow) == ratio_between(slow, paired) == Ratio(0.98, 0.98, 0.98)
    assert ratio_between(paired, slow) == Ratio(0.98, 0.98, 0.98).inverse


def test_regimes_of_a_case_are_not_mixed_up():
    warm = [record(regime="warm", time_s=20e-6), record(provider="compile", regime="warm", time_s=10e-6)]
    cold, resident = groups(run_of(record(), *warm, record(SMALL, regime="graph")))
    assert [(row.record.shape, row.record.regime) for row in cold.rows] == [
        ((1024, 1024), "graph"),
        ((4096, 4096), "cold"),
    ]
    assert resident.regime == "warm" and [row.speedup.ratio for row in resident.rows] == pytest.approx([2.0, 1.0])


def test_points_of_a_roof_curve_are_no_cases():
    assert groups(run_of(roof(op="copy", case_key="copy 4096"))) == []


def test_noise_counts_for_its_own_case_only():
    run = run_of(record(), record(provider="compile", time_s=96e-6), control(0.001), record(SMALL), control(0.5, SMALL))
    rows = {(row.record.shape, row.record.provider): row for row in groups(run)[0].rows}
    assert rows[(4096, 4096), "compile"].verdict == "faster"
    assert noise_floors(run) == [0.001, 0.5]


def test_groups_are_by_parameters_and_sizes_go_up():
    found = groups(run_of(record(), record(OTHER), record(SMALL)))
    assert [(group.params["alpha"], len(group.rows)) for group in found] == [(1.0, 2), (2.0, 1)]
    assert [row.record.shape for row in found[0].rows] == [(1024, 1024), (4096, 4096)]


def test_speed_ups_are_averaged_geometrically_and_without_eager_itself():
    run = run_of(
        record(time_s=100e-6), record(provider="compile", time_s=50e-6),
        record(SMALL, time_s=100e-6), record(SMALL, "compile", time_s=200e-6),
    )  # fmt: skip
    (each,) = standings(groups(run))
    assert (each.provider, each.cases) == ("compile", 2)
    assert (each.mean, each.least, each.most) == pytest.approx((1.0, 0.5, 2.0))


def test_without_eager_there_is_no_speed_up():
    (group,) = groups(run_of(record(provider="compile")))
    assert group.rows[0].speedup is None and standings([group]) == []


def test_untimed_records_are_folded_and_keep_the_largest_error():
    run = run_of(
        untimed(max_ulp=0.5), untimed(SMALL, max_ulp=0.7), untimed(provider="compile", outcome="rejected", reason="bad")
    )
    (validated,) = folded(run, validated=True)
    assert (validated.provider, validated.cases, validated.max_ulp) == ("triton", 2, 0.7)
    (rejected,) = folded(run, validated=False)
    assert (rejected.outcome, rejected.reason) == ("rejected", "bad")
    assert outcomes(run) == {"validated": 2, "rejected": 1}

"""What a run says in words, and what it must not say."""

from __future__ import annotations

from dataclasses import replace

from harness.ops.cases import make_case
from reports.analysis.findings import findings
from reports.analysis.speedups import standings
from reports.analysis.summary import groups
from tests.reports.runs import control, record, roof, run_of, untimed

CASES = [make_case("elu", (size, size), dtype) for size in (512, 1024) for dtype in ("bfloat16", "float32")]


def timed(case, *providers: tuple[str, float], floor: float = 0.005, **changes):
    """Eager at 100 µs, each provider at so many times its time, and the control."""
    return [
        record(case, time_s=100e-6),
        *(record(case, name, 100e-6 * factor, **changes) for name, factor in providers),
        replace(roof(case), roof_gbps=1000.0),
        control(floor, case),
    ]


def said(*records, kind: str | None = None) -> str:
    return "\n".join(each.text for each in findings(run_of(*records)) if kind in (None, each.kind))


def test_a_win_is_said_with_its_size_its_interval_and_its_parts():
    records = [each for case in CASES for each in timed(case, ("triton", 0.5 if case.dtype == "bfloat16" else 0.8))]
    text = said(*records, kind="win")
    assert "triton runs at 1.58× the speed of eager, the geometric mean of 4 cases (1.25 to 2.00×" in text
    assert "with their 95% intervals 1.2" in text and "It is faster in 4." in text
    assert "By dtype: bfloat16 2.00×, float32 1.25×." in text and "By op" not in text


def test_losses_of_a_winner_are_named_the_largest_first():
    factors = (0.5, 1.1, 0.5, 1.2, 0.5)
    cases = [*CASES, make_case("elu", (64, 64), "float16")]
    records = [each for case, factor in zip(cases, factors, strict=True) for each in timed(case, ("triton", factor))]
    assert "It loses at elu 1024×1024 float32 (0.83×), elu 512×512 float32 (0.91×)." in said(*records, kind="win")


def test_nothing_is_claimed_below_the_noise_floor_or_without_a_control():
    (case, *_) = CASES
    assert said(*timed(case, ("triton", 0.97), floor=0.05), kind="win") == ""
    without = [each for each in timed(case, ("triton", 0.5)) if each.role != "control"]
    assert said(*without, kind="win") == "" and "no A/A control, so no difference is claimed" in said(*without)


def test_marked_rows_count_on_neither_side():
    first, second, *_ = CASES
    marked = timed(first, ("triton", 0.25), flags=("noisy",))
    records = [*marked, *timed(second, ("triton", 0.5))]
    assert "triton runs at 2.00× the speed of eager (95%: " in said(*records, kind="win")
    assert "in the one case that counts: faster." in said(*records, kind="win")
    baseline = [replace(each, flags=("throttled",)) if each.provider == "eager" else each for each in records[:4]]
    assert standings(groups(run_of(*baseline))) == []
    assert "1 of 4 timed rows carry a mark" in said(*records)
    assert "No comparison with eager counts" in said(*marked, kind="caution")
    assert "No comparison" not in said(*records)


def test_what_was_not_timed_is_said_and_claims_nothing():
    text = said(untimed(), untimed(provider="compile", outcome="rejected", reason="wrong"))
    assert "triton is right in 1 case, run by Triton's interpreter" in text
    assert "compile gives wrong results in 1 case (elu)" in text and "faster" not in text


def test_the_distance_to_the_roof_is_that_of_the_median_case():
    text = said(*(each for case in CASES for each in timed(case, ("triton", 0.5))), kind="info")
    assert "Of the bandwidth that an undisturbed plain stream attains, in the median case: triton " in text


def test_an_empty_run_says_nothing():
    assert findings(run_of()) == []

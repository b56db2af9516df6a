"""From rows to verdicts: each effect, put in by hand, is found again, and none that is not there."""

import dataclasses
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.paper.choice import chosen_rates
from harness.paper.plan import PAPER_RATE
from reports.paper.across import overall, together
from reports.paper.judge import CANNOT_TELL, DOES_NOT, EQUIVALENT, HOLDS, Compared, compare, judge
from reports.paper.number_tables import tables
from reports.paper.rules import ComparisonRule, rules
from reports.paper.selection import MEASURES, epochs_to
from tests.reports.paper.runs import PLAN, loss_of, only, varied

BELOW = ComparisonRule("mean_loss", "deep", "elu", "below", "relu", margin=0.1)


def verdicts(run):
    return {each.statement.key: each.verdict for each in judge(run)}


def test_every_statement_is_judged_by_its_primary_comparison_alone():
    found = {each.statement.key: each for each in judge(varied())}
    assert list(found) == [each.key for each in rules().statements]
    faster = found["faster"]
    assert (faster.verdict, faster.primary.as_said, faster.primary.rates) == (HOLDS, 12, (0.1, 0.1))
    assert found["faster_shifted"].verdict == HOLDS  # at its chosen rate, 0.01: elsewhere it diverges
    assert found["centring"].verdict == HOLDS
    assert found["more_than_centring"].verdict == DOES_NOT
    assert found["cheaper"].verdict == HOLDS


def test_means_nearer_to_zero_are_told_from_means_farther_away():
    for elu, expected in ((0.1, HOLDS), (0.9, DOES_NOT), (0.301, EQUIVALENT)):
        run = only("mean_shift", losses=lambda net, name, rate, seed, elu=elu: elu if name == "elu" else 0.3)
        assert verdicts(run)["means"] == expected


def test_the_rate_is_chosen_by_pilot_seeds_and_judged_on_others():
    """The pilot says 0.1; the judged seeds, where ELU is worse there, do not move the choice."""

    def losses(net, name, rate, seed):
        if name != "elu" or rate == PAPER_RATE:
            return 0.5
        return 0.1 if seed >= 100 else 0.9

    run = only("learning", losses=losses)
    assert chosen_rates(run.plan, run.rows)["deep", "elu"] == 0.1
    assert verdicts(run)["faster"] == DOES_NOT


def test_a_seed_that_diverged_ranks_last_and_does_not_drop_out():
    def losses(net, name, rate, seed):
        return None if name == "elu" and seed < 12 else loss_of(net, name, rate, seed)

    faster = judge(only("learning", losses=losses))[0]
    assert faster.statement.key == "faster"
    assert (faster.verdict, faster.primary.opposite, faster.primary.median) == (DOES_NOT, 12, math.inf)
    generalises = next(e for e in judge(only("learning", losses=losses)) if e.statement.key == "generalises")
    assert generalises.verdict == DOES_NOT

    both = only("learning", losses=lambda net, name, rate, seed: None if seed < 12 else 0.1)
    assert set(verdicts(both).values()) == {CANNOT_TELL}  # that both diverged is no equivalence


def test_too_few_seeds_tell_nothing():
    run = only("learning", judge_seeds=tuple(range(5)))
    assert set(verdicts(run).values()) == {CANNOT_TELL}


def test_nothing_measured_cannot_tell():
    run = only("learning")
    assert set(verdicts(dataclasses.replace(run, rows=())).values()) == {CANNOT_TELL}


@given(st.lists(st.sampled_from([-math.inf, -3.0, -0.05, 0.0, 0.05, 3.0, math.inf]), min_size=12, max_size=12))
def test_a_comparison_and_its_opposite_have_opposite_verdicts(values):
    below = Compared(BELOW, (0.1, 0.1), tuple(values))
    turned = Compared(BELOW, (0.1, 0.1), tuple(-value for value in values))
    opposite = {HOLDS: DOES_NOT, DOES_NOT: HOLDS}
    assert turned.verdict(0.05) == opposite.get(below.verdict(0.05), below.verdict(0.05))
    assert below.as_said + below.opposite <= 12


@settings(max_examples=40)
@given(st.floats(0.001, 0.05), st.lists(st.floats(-1, 1), min_size=6, max_size=20))
def test_a_claim_that_is_made_at_a_level_is_made_at_every_greater_one(level, values):
    found = Compared(BELOW, (0.1, 0.1), tuple(values))
    if found.verdict(level) != CANNOT_TELL:
        assert found.verdict(0.05) != CANNOT_TELL


def test_a_certain_difference_within_the_margin_is_of_no_substance():
    small = Compared(BELOW, (0.1, 0.1), (-0.01,) * 12)
    assert small.verdict(0.05) == EQUIVALENT
    assert dataclasses.replace(small, values=(-0.2,) * 12).verdict(0.05) == HOLDS
    without = ComparisonRule("mean_loss", "deep", "elu", "below", "relu")
    assert Compared(without, (0.1, 0.1), (-0.01,) * 12).verdict(0.05) == HOLDS


def test_holm_is_taken_over_the_statements_of_the_run():
    """Eleven of twelve seeds are enough for one statement alone, and not at the first step of many."""

    def losses(net, name, rate, seed):
        return {"elu": 0.9 if seed == 0 else 0.2, "relu": 0.4}.get(name, 0.4 + 0.01 * (-1) ** seed)

    found = next(each for each in judge(only("learning", losses=losses)) if each.statement.key == "faster")
    assert found.primary.as_said == 11 and found.primary.p < 0.05
    assert found.adjusted_p > found.primary.p


@pytest.mark.parametrize(
    ("told", "expected"),
    [([HOLDS, HOLDS], HOLDS), ([HOLDS], CANNOT_TELL), ([HOLDS, CANNOT_TELL], CANNOT_TELL),
     ([HOLDS, HOLDS, DOES_NOT], CANNOT_TELL), ([HOLDS, HOLDS, CANNOT_TELL], HOLDS), ([DOES_NOT, DOES_NOT], DOES_NOT),
     ([HOLDS, EQUIVALENT], CANNOT_TELL), ([EQUIVALENT, EQUIVALENT], EQUIVALENT), ([], CANNOT_TELL)],
)  # fmt: skip
def test_a_statement_holds_only_where_it_holds_on_two_data_sets(told, expected):
    assert overall(told, 2) == expected


def test_runs_of_several_data_sets_are_put_together_by_statement():
    one = judge(only("learning"))
    other = judge(only("learning", losses=lambda net, name, rate, seed: 0.5 - (0.2 if name == "elu" else 0)))
    found = {each.statement.key: each for each in together({"digits": one, "mnist1d": other}, 2)}
    assert found["faster"].verdict == HOLDS
    assert list(found["faster"].by_data_set) == ["digits", "mnist1d"]
    assert found["centring"].verdict == CANNOT_TELL


def test_a_ratio_is_shown_as_one_and_a_difference_as_one():
    run = only("learning")
    ratio = compare(run, msgspec.structs.replace(BELOW, scale="ratio"))
    assert ratio.median == pytest.approx(0.5, abs=0.01)
    assert compare(run, BELOW).median == pytest.approx(-0.2, rel=0.1)
    assert ratio.effect == 1.0


def test_every_measure_reads_the_rows_of_its_claim():
    run = varied()
    for name, measure in MEASURES.items():
        row = next(
            each for each in run.rows
            if each.claim == measure.claim and (each.net == "small") == name.startswith("unit_angle")
        )  # fmt: skip
        assert measure.claim == "step_time" or measure.read(row.values) is not None, name


def test_epochs_to_a_loss_count_a_seed_that_never_gets_there_as_late():
    assert epochs_to(0.1)({"loss": [0.5, 0.1, 0.05]}) == 2
    assert epochs_to(0.1)({"loss": [0.5, None, None]}) == math.inf


def test_the_varied_run_has_numbers_for_every_table():
    run = varied()
    for claim in run.plan.claims:
        found = tables(run, claim)
        assert found or claim == "cost"
        assert all(len(line) == len(table.columns) for table in found for line in table.rows)
    assert PLAN.claims == run.plan.claims

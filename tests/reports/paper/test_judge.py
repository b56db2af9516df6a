"""From rows to verdicts: each effect, put in by hand, is found again."""

import dataclasses

from reports.paper import selection
from reports.paper.judge import judge
from reports.paper.number_tables import tables
from reports.paper.verdicts import CANNOT_TELL, DOES_NOT, HOLDS
from tests.reports.paper.runs import PLAN, angled, claims_run, learned, row, shifted, varied


def verdicts(run):
    return {each.statement.key: each.verdict for each in judge(run)}


def only(claim, *rows, **changes):
    return claims_run(*rows, plan=dataclasses.replace(PLAN, claims=(claim,), **changes))


def test_means_nearer_to_zero_are_told_from_means_farther_away():
    names = ("relu", "lrelu_0.1", "lrelu_0.01", "prelu", "relu+bn")
    for elu, expected in ((0.1, HOLDS), (0.9, DOES_NOT)):
        rows = [shifted(name, seed, 0.5) for name in names for seed in PLAN.seeds]
        run = only("mean_shift", *rows, *(shifted("elu", seed, elu) for seed in PLAN.seeds))
        assert verdicts(run)["mean"] == expected
        assert verdicts(run)["like_bn"] == expected
    run = only("mean_shift", *(shifted("elu", seed, 0.1) for seed in PLAN.seeds))
    assert set(verdicts(run).values()) == {CANNOT_TELL}


def test_learning_is_judged_at_the_papers_rate_and_at_each_ones_best():
    """ELU is ahead at 0.01; at its best rate, 0.03, ReLU is."""
    rows = [
        learned(name, seed, loss, net=net, rate=rate)
        for net in ("deep", "conv")
        for name, rate, loss in (("elu", 0.01, 0.2), ("elu", 0.03, 0.3), ("relu", 0.01, 0.4), ("relu", 0.03, 0.1))
        for seed in PLAN.seeds
    ]
    run = only("learning", *rows)
    assert selection.best_rate(run, "deep", "elu") == 0.01
    assert selection.best_rate(run, "deep", "relu") == 0.03
    faster = next(each for each in judge(run) if each.statement.key == "faster")
    of_relu = [c for c in faster.comparisons if c.label.startswith("elu − relu,")]
    assert [c.verdict for c in of_relu] == [HOLDS, DOES_NOT, HOLDS, DOES_NOT]
    assert faster.verdict == DOES_NOT


def test_a_rate_that_diverges_is_never_the_best_and_is_said():
    broken = {"loss": [2.0, None], "accuracy": [0.1, None]}
    rows = [row("learning", "elu", seed, broken, rate=0.03) for seed in PLAN.seeds]
    rows += [learned("elu", seed, 5.0) for seed in PLAN.seeds]
    run = only("learning", *rows)
    assert selection.best_rate(run, "deep", "elu") == 0.01
    assert selection.by_seed(run, "learning", "deep", "elu", 0.03, selection.mean_loss) == {}
    one = only("learning", *rows[:1], *(learned("elu", seed, 0.2, rate=0.03) for seed in PLAN.seeds[1:]), *rows[6:])
    assert selection.best_rate(one, "deep", "elu") == 0.03
    (best,) = (table for table in tables(one, "learning") if table.title == "deep, each at its best rate of the grid")
    assert best.rows[0][-1] == "1 of 6"
    assert best.rows[0][1] == "0.03 (end of the grid)"


def test_angles_and_saturation():
    names = ("relu", "lrelu_0.1", "lrelu_0.01", "prelu")
    rows = [angled(name, seed, 70.0) for name in names for seed in PLAN.seeds]
    run = only("natural_gradient", *rows, *(angled("elu", seed, 60.0) for seed in PLAN.seeds))
    assert verdicts(run) == {"unit_natural": HOLDS, "natural": HOLDS, "centring": CANNOT_TELL}
    half = only("natural_gradient", *rows[:6], *(angled("elu", seed, 60.0) for seed in PLAN.seeds))
    assert verdicts(half)["natural"] == CANNOT_TELL  # the other activations were not measured

    def probe(by_depth):
        return {"passed": [by_depth[-1]], "by_depth": [by_depth], "inactive": [0.5], "through_net": [0.3]}

    fading, level = [0.1 * n for n in range(1, 11)], [0.1] * 10
    rows = [row("saturation", "elu", seed, probe(fading)) for seed in PLAN.seeds]
    rows += [row("saturation", "lrelu_0.1", seed, probe(level)) for seed in PLAN.seeds]
    assert verdicts(only("saturation", *rows))["saturates"] == CANNOT_TELL
    rows += [row("saturation", name, seed, probe(level)) for name in names[2:] for seed in PLAN.seeds]
    assert verdicts(only("saturation", *rows))["saturates"] == HOLDS
    assert verdicts(only("saturation", *rows))["passes_less"] == DOES_NOT


def test_a_gradient_that_vanishes_does_not_hold():
    def rows(name, first):
        values = {"epoch": [0, 10], "gradient_norm": [[first, *[1.0] * 7]] * 2}
        return [row("vanishing", name, seed, values) for seed in PLAN.seeds]

    assert verdicts(only("vanishing", *rows("elu", 1.5), *rows("sigmoid", 1e-5))) == {"vanishing": HOLDS}
    assert verdicts(only("vanishing", *rows("elu", 0.01), *rows("sigmoid", 1e-5))) == {"vanishing": DOES_NOT}


def test_epochs_to_a_loss_count_a_seed_that_never_gets_there_as_late():
    assert selection.epochs_to(0.1)({"loss": [0.5, 0.1, 0.05]}) == 2
    assert selection.epochs_to(0.1)({"loss": [0.5, None, None]}) == float("inf")


def test_the_varied_run_has_numbers_for_every_table():
    run = varied()
    for claim in run.plan.claims:
        found = tables(run, claim)
        assert found
        assert all(len(line) == len(table.columns) for table in found for line in table.rows)
    assert verdicts(run)["mean"] == CANNOT_TELL  # two of the activations are not in it
    assert verdicts(run)["like_bn"] == HOLDS

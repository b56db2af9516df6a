"""What activations cost: from the records of a sweep to the ratios that the statement is about."""

import dataclasses

from harness.ops.cases import make_case
from reports.paper.costs import comparisons, costs
from reports.paper.verdicts import CANNOT_TELL, HOLDS, of_comparisons
from tests.reports.runs import record, run_of

SHAPE = (2048, 1024)


def timed(op, time_s, provider="eager", **changes):
    return record(make_case(op, SHAPE, "float32"), provider, time_s, **changes)


def sweep(*more):
    return run_of(
        timed("elu", 1e-3), timed("elu_backward", 2e-3), timed("batch_norm_relu", 3e-3),
        timed("batch_norm_relu_backward", 6e-3), *more,
    )  # fmt: skip


def test_forward_and_backward_are_added_and_held_against_each_other():
    found = {(cost.op, cost.passes): cost for cost in costs(sweep())}
    both = found["elu", "forward + backward"]
    assert round(both.time_s * 1e3, 3) == 3.0
    assert both.bytes_moved == 5 * 2048 * 1024 * 4
    made = comparisons(sweep())
    assert [round(each.number.value, 2) for each in made] == [3.0, 3.0]
    assert of_comparisons(made) == HOLDS
    assert comparisons(None) == []


def test_the_fastest_provider_counts_and_one_without_marks_comes_first():
    run = sweep(timed("elu", 0.5e-3, "triton"), timed("elu", 0.1e-3, "compile", flags=("over_roof",)))
    assert next(cost for cost in costs(run) if cost.op == "elu").provider == "triton"


def test_a_disturbed_time_cannot_tell():
    records = [dataclasses.replace(each, flags=("disturbed",)) for each in sweep().records[:1]]
    run = run_of(*records, *sweep().records[1:])
    assert {each.verdict for each in comparisons(run)} == {CANNOT_TELL}
    assert next(cost for cost in costs(run) if cost.op == "elu").marks == ("disturbed",)


def test_a_rejected_provider_costs_nothing():
    run = sweep(timed("elu", 1e-6, "compile", outcome="rejected"))
    assert next(cost for cost in costs(run) if cost.op == "elu").provider == "eager"

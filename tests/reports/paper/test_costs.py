"""What activations cost: from the records of a sweep to the ratios that the statement is about."""

import dataclasses

from harness.ops.cases import make_case
from reports.paper.costs import costs, over_elu
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
    ratio = over_elu(list(found.values()), found["batch_norm_relu", "forward + backward"])
    assert round(ratio.value, 2) == 3.0 and ratio.ci95 is not None
    assert costs(None) == []


def test_the_fastest_provider_counts_and_one_without_marks_comes_first():
    run = sweep(timed("elu", 0.5e-3, "triton"), timed("elu", 0.1e-3, "compile", flags=("over_roof",)))
    assert next(cost for cost in costs(run) if cost.op == "elu").provider == "triton"


def test_a_disturbed_time_has_no_interval():
    records = [dataclasses.replace(each, flags=("disturbed",)) for each in sweep().records[:1]]
    run = run_of(*records, *sweep().records[1:])
    found = costs(run)
    normalised = [each for each in found if each.op == "batch_norm_relu"]
    assert normalised and over_elu(found, normalised[0]).ci95 is None
    assert next(cost for cost in costs(run) if cost.op == "elu").marks == ("disturbed",)


def test_a_rejected_provider_costs_nothing():
    run = sweep(timed("elu", 1e-6, "compile", outcome="rejected"))
    assert next(cost for cost in costs(run) if cost.op == "elu").provider == "eager"

"""What swapping the kernel would save in a model: sums over its layers."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from harness.store.vocabulary import Outcome, Role
from harness.sweeps.sweep import load
from reports.analysis.workloads import spared_memory, workload_times
from reports.render.markdown import report
from reports.render.terminal import show
from tests.reports.runs import record, run_of

SWEEP = load("gat")
CONTENT = SWEEP.content()


def measured(*providers: str, leave_out: tuple[str, ...] = ()):
    """A run of the GAT sweep in which provider number n takes n times 10 ns per row."""
    return run_of(
        *(
            record(case, provider, case.shape[0] * n * 1e-8)
            for case in SWEEP.cases
            for n, provider in enumerate(providers, start=1)
            if f"{case.op} {case.shape[0]} {provider}" not in leave_out
        ),
        sweep=CONTENT,
    )


def test_times_are_summed_as_often_as_a_layer_occurs_and_held_against_eager():
    times = workload_times(measured("triton", "eager"))
    assert [(each.workload.name, each.direction, each.provider) for each in times[:4]] == [
        ("GAT, Cora", "forward", "triton"), ("GAT, Cora", "forward", "eager"),
        ("GAT, Cora", "backward", "triton"), ("GAT, Cora", "backward", "eager"),
    ]  # fmt: skip
    ppi = next(each for each in times if each.workload.name == "GAT, PPI, training" and each.provider == "eager")
    assert ppi.time_s == pytest.approx(2 * 44906 * 2e-8)  # two such layers
    assert (ppi.calls, ppi.layers, ppi.measured, ppi.marked) == (2, 1, 1, 0)
    assert ppi.half_width == pytest.approx(0.001, abs=0.002)
    assert {round(each.speedup, 6) for each in times if each.provider == "triton" and each.speedup} == {2.0}


def test_a_model_of_which_a_layer_is_missing_has_no_time():
    sweep = load("ppo")
    rows = [
        record(case, provider, 1e-5)
        for case in sweep.cases
        for provider in ("eager", "compile")
        if (provider, case.shape) != ("compile", (4096, 128))
    ]
    times = {
        (each.workload.name, each.provider): each
        for each in workload_times(run_of(*rows, sweep=sweep.content()))
        if each.direction == "forward"
    }
    part = times["legged_gym, a step of 4,096", "compile"]
    assert (part.measured, part.layers, part.time_s, part.speedup) == (2, 3, None, None)
    assert times["legged_gym, a step of 4,096", "eager"].time_s == pytest.approx(6e-5)
    assert times["legged_gym, a mini-batch", "compile"].time_s == pytest.approx(6e-5)


def test_memory_is_computed_from_shapes_even_where_nothing_was_timed():
    spared = {each.workload.name: each for each in spared_memory(run_of(sweep=CONTENT))}
    ppi = spared["GAT, PPI, two graphs"]
    assert (ppi.calls, ppi.largest_bytes, ppi.all_bytes) == (2, 5524 * 1024 * 4, 2 * 5524 * 1024 * 4)
    assert spared_memory(run_of(sweep=load("ppo").content())) == []  # nothing is fused


def test_runs_without_workloads_or_with_odd_ones_have_no_such_table():
    for content in ({}, {"workloads": 3}, {"workloads": [{"name": "x"}]}, {"workloads": ["x"]}):
        assert workload_times(run_of(record(), sweep=content)) == []


def test_tables_and_report_show_the_sums():
    run = measured("triton", "eager", leave_out=("bias_elu 2708 triton",))
    file = io.StringIO()
    show(run, Console(file=file, width=160))
    text = file.getvalue()
    assert "what swapping the kernel would save" in text
    assert "GAT, PPI, training" in text
    assert "computed from shapes" in text
    markdown = report(run, "0" * 64)
    assert "## Models" in markdown and "## Memory" in markdown
    assert "| 1.80 ms |" in markdown or "1.80 ms" in markdown


def of_model(case, provider, time_s, **fields):
    return dataclasses.replace(record(case, provider, time_s), role=Role.MODEL, **fields)


def test_a_whole_model_comes_last_with_its_memory_and_one_that_was_not_timed_says_why():
    once, both = SWEEP.workloads[0].models
    rows = [
        of_model(once, "eager", 4e-3, peak_bytes=2**21),
        of_model(once, "triton", 2e-3, peak_bytes=2**20),
        dataclasses.replace(
            of_model(both, "triton", 1e-3), outcome=Outcome.VALIDATED, median_s=None, samples_s=(), ci95_s=None
        ),
    ]
    run = run_of(*rows, sweep=CONTENT)
    times = workload_times(run)
    assert [(each.direction, each.provider, each.speedup, each.peak_bytes) for each in times] == [
        ("whole, forward", "triton", 2.0, 2**20), ("whole, forward", "eager", 1.0, 2**21),
        ("whole, both ways", "triton", None, None),
    ]  # fmt: skip
    file = io.StringIO()
    show(run, Console(file=file, width=160))
    text = file.getvalue()
    assert "2 MiB" in text and "1 MiB" in text and "validated" in text
    assert "GB/s" not in text  # nobody counts the bytes of a model

"""What swapping the kernel would save in a model, modelled from the counts of a stored run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.machine_code.rows import rows_of
from harness.predict.devices import known
from harness.predict.workloads import EAGER, predicted, to_json
from harness.store.records import read_run
from harness.store.vocabulary import Regime
from harness.sweeps.sweep import load
from reports.render.prediction import workload_tables, workloads_to_markdown

RUN = Path(__file__).parents[3] / "results" / "nvidia-h200" / "default"
H200 = known()["H200 SXM"]
ROWS = rows_of(read_run(RUN, samples=False))


def found(sweep, regime=Regime.GRAPH, rows=ROWS):
    return predicted(load(sweep).workloads, rows, [H200], regime)


@pytest.mark.parametrize("sweep", ["gat", "encodec", "ppo"])
def test_sums_are_of_layers_as_often_as_they_occur(sweep):
    made = found(sweep)
    assert {each.provider for each in made} == {EAGER, "triton"}
    for each in made:
        assert each.seconds == pytest.approx(sum(layer.count * layer.seconds for layer in each.layers))
        assert each.device == "H200 SXM" and each.source


def test_fusing_a_bias_saves_a_pass_and_elu_alone_none_where_memory_binds():
    by_name = {(each.workload, each.direction, each.provider): each for each in found("gat")}
    fused = by_name["GAT, PPI, training", "forward", "triton"]
    assert fused.times_eager == pytest.approx(2.0, abs=0.05)
    alone = [each for each in found("ppo") if each.provider == "triton" and each.workload.endswith("mini-batch")]
    assert all(each.times_eager == pytest.approx(1.0, abs=0.02) for each in alone)


def test_eager_is_no_quicker_than_its_passes_bytes_and_launches():
    (eager, *_) = found("gat", Regime.COLD)
    (layer,) = eager.layers
    moved = 2 * 2 * 4 * 2708 * 64  # two launches, each of which reads and writes it
    assert layer.seconds >= moved / H200.memory_gbps / 1e9 + 2 * H200.fixed_us["cold"] * 1e-6 - 1e-12


def test_what_is_not_counted_has_no_sum_and_all_of_it_says_that_it_is_modelled():
    assert {each.provider for each in found("linear_attention", rows=())} == {EAGER}
    made = found("gat")
    assert {row["kind"] for row in json.loads(to_json(made))} == {"modelled"}
    titles = [each.title for each in workload_tables(made)]
    assert titles and all("modelled" in title for title in titles)
    assert "modelled, not measured" in workloads_to_markdown(made)

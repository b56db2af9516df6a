"""`inspect --predict` and `compare --predicted` as people and programs use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.predict.of_run import variant_of
from tests.harness.command import elubench

RESULTS = Path(__file__).parents[3] / "results"


@pytest.mark.slow
def test_inspect_prints_curves_that_say_they_are_modelled():
    pytest.importorskip("triton.backends.nvidia")
    ended = elubench("inspect", "--predict", "--device", "H100", "--op", "elu", "--dtype", "bf16")
    assert ended.returncode == 0, ended.stderr
    assert "elu bf16, modelled: H100 SXM, graph" in ended.stdout
    assert "2^16" in ended.stdout and "2^30" in ended.stdout and "launch" in ended.stdout and "memory" in ended.stdout
    ended = elubench("inspect", "--predict", "--arch", "sm_100", "--op", "relu", "--dtype", "bf16", "--json")
    (curve, *_) = json.loads(ended.stdout)
    assert (curve["kind"], curve["device"], curve["op"], len(curve["points"])) == ("modelled", "B200", "relu", 8)
    assert all(point["seconds"] > 0 and point["gbps"] > 0 and point["bound_by"] for point in curve["points"])


@pytest.mark.slow
def test_inspect_predicts_what_a_model_would_save_layer_by_layer_and_summed():
    pytest.importorskip("triton.backends.nvidia")
    ended = elubench("inspect", "--predict", "--sweep", "gat", "--device", "A100")
    assert ended.returncode == 0, ended.stderr
    assert "summed, modelled: A100 SXM 80GB, graph" in ended.stdout and "each layer, one call" in ended.stdout
    assert "modelled, not measured" in ended.stdout and "GAT, PPI, training" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "--device", "H100"), "give --predict, too"),
        (("inspect", "--sweep", "ppo"), "give --predict, too"),
        (("inspect", "--predict", "--sweep", "smoke"), "has no [[workloads]]"),
        (("inspect", "--predict", "--check"), "leave --check and --listings"),
        (("inspect", "--predict", "--device", "V100"), "choose from H200 SXM"),
        (("inspect", "--predict", "--arch", "gfx942"), "no such device is of gfx942"),
        (("compare", "a", "b", "--predicted"), "--predicted takes one run"),
        (("compare", RESULTS / "amd-epyc" / "default", "--predicted"), "times are predicted for H200 SXM"),
    ],
)
def test_what_cannot_be_predicted_is_said_in_a_sentence(words, said):
    ended = elubench(*words)
    assert ended.returncode == 2 and said in ended.stderr


@pytest.mark.slow
def test_compare_shows_measured_and_modelled_times_and_no_verdict():
    ended = elubench("compare", RESULTS / "nvidia-h200" / "default", "--predicted", "--json")
    rows = json.loads(ended.stdout)
    assert len(rows) > 40 and {row["provider"] for row in rows} == {"triton"}
    assert all(0.3 < row["modelled_s"] / row["measured_s"] < 1.3 for row in rows)
    assert "verdict" not in rows[0]


@pytest.mark.parametrize(
    ("params", "variant"),
    [
        ({}, "default"),
        ({"alpha": 1.0, "scale": 1.0, "input_scale": 1.0}, "unit"),
        ({"alpha": 1.5, "scale": 1.0, "input_scale": 1.0}, "unscaled"),
        ({"alpha": 1.5, "scale": 1.1, "input_scale": 1.0, "is_result": True}, "result general"),
        ({"alpha": 1.0, "dim": -1}, "last unit"),
        ({"alpha": 1.5, "dim": 1}, "conv general"),
        ({"dim": 1}, "conv"),
    ],
)
def test_parameters_choose_the_variant_of_the_inspected_row(params, variant):
    assert variant_of(params) == variant

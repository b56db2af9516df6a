"""The sweeps of real models: every shape and count follows from the model's configuration."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from harness.ops.cases import make_case
from harness.sweeps.sweep import SweepError, from_content, load, parse

Layers = Counter[tuple[str, tuple[int, ...]]]
MODELS = ("elu_paper", "encodec", "gat", "linear_attention", "mimi", "ppo")


def layers_of(sweep: str, backward: bool = False) -> dict[str, Layers]:
    """By workload: how often each op occurs at each shape, forward or backward."""
    return {
        workload.name: Counter(
            {(each.case.op, each.case.shape): each.count for each in workload.layers if each.is_backward == backward}
        )
        for workload in load(sweep).workloads
    }


def residual(batch: int, channels: int, time: int, compress: int = 2) -> Iterator[tuple[str, tuple[int, ...]]]:
    """SEANet's block: an ELU of its input, and one right after a convolution with a bias."""
    yield "elu", (batch, channels, time)
    yield "bias_elu", (batch, channels // compress, time)


def seanet(n_filters: int, ratios: Sequence[int], samples: int, batch: int = 1, lstm: bool = True) -> Layers:
    """The ELUs of an encoder and a decoder, by walking through both as their constructors do."""
    found: Layers = Counter()
    channels, time = n_filters, samples
    for ratio in reversed(ratios):
        found.update([*residual(batch, channels, time), ("elu", (batch, channels, time))])
        channels, time = 2 * channels, math.ceil(time / ratio)
    after_a_convolution = "elu" if lstm else "bias_elu"
    found[after_a_convolution, (batch, channels, time)] += 1  # before the last convolution
    for number, ratio in enumerate(ratios):  # the decoder
        found["elu" if number else after_a_convolution, (batch, channels, time)] += 1
        channels, time = channels // 2, time * ratio
        found.update(residual(batch, channels, time))
    found["elu", (batch, channels, time)] += 1
    assert (channels, time) == (n_filters, samples)
    return found


@pytest.mark.parametrize(("sweep", "n_filters", "ratios"), [("encodec", 32, (8, 5, 4, 2)), ("mimi", 64, (8, 6, 5, 4))])
def test_seanet_follows_from_its_filters_ratios_and_the_sample_rate(sweep, n_filters, ratios):
    found = layers_of(sweep)
    name = load(sweep).workloads[0].name.partition(",")[0]
    rate = 24_000
    lstm = sweep == "encodec"
    expected = {f"{name}, {seconds} s": seanet(n_filters, ratios, rate * seconds, lstm=lstm) for seconds in (1, 10)}
    if lstm:
        expected[f"{name}, 64 times 1 s"] = seanet(n_filters, ratios, rate, batch=64)
    assert found == expected
    per_frame = rate // math.prod(ratios)
    assert per_frame == {"encodec": 75, "mimi": 25}[sweep]


def test_seanet_has_as_many_elus_as_modules_of_that_kind():
    assert seanet(32, (8, 5, 4, 2), 24_000).total() == 2 * (4 * (2 + 1) + 1)


def test_gat_follows_from_nodes_heads_and_features():
    assert layers_of("gat") == {
        "GAT, Cora": Counter({("bias_elu", (2708, 8 * 8)): 1}),
        "GAT, PPI, two graphs": Counter({("bias_elu", (5524, 4 * 256)): 2}),
        "GAT, PPI, training": Counter({("bias_elu", (44906, 4 * 256)): 2}),
    }


def test_policies_follow_from_environments_widths_and_mini_batches():
    def policy(rows: int, nets: int) -> Layers:
        return Counter({("elu", (rows, width)): nets for width in (512, 256, 128)})

    assert layers_of("ppo") == {
        "legged_gym, a step of 4,096": policy(4096, nets=2),
        "legged_gym, a mini-batch": policy(4096 * 24 // 4, nets=2),
        "AllegroHand, a step of 16,384": policy(16384, nets=1),
        "AllegroHand, a mini-batch": policy(32768, nets=1),
    }
    with_gradient = {name for name, layers in layers_of("ppo", backward=True).items() if layers}
    assert with_gradient == {"legged_gym, a mini-batch", "AllegroHand, a mini-batch"}


def test_linear_attention_maps_queries_and_keys_of_every_layer():
    layers, heads, features = 8, 8, 64
    expected = {
        f"linear attention, {k}k tokens": Counter({("elu_plus_one", (1, k * 1024, heads, features)): 2 * layers})
        for k in (1, 4, 16, 64)
    }
    assert layers_of("linear_attention") == expected


def test_the_papers_nets_follow_from_stacks_and_poolings():
    def convolutional(batch: int, side: int, stacks: Sequence[Sequence[tuple[int, int]]]) -> Layers:
        found: Layers = Counter()
        for stack in stacks:
            for layers, units in stack:
                found["bias_elu", (batch, units, side, side)] += layers
            side = max(1, side // 2)
        return found

    widths = (192, 240, 260, 280, 300)
    cifar = [[(1, 192)], *([(1, a), (1, b)] for a, b in pairwise(widths)), [(1, 300)]]
    imagenet = [[(1, 96)], [(3, 512)], [(5, 768)], [(3, 1024)]]
    expected = {
        "CIFAR-100": convolutional(100, 32, cifar),
        "ImageNet, one image": convolutional(1, 224, imagenet) + Counter({("elu", (1, 4096)): 2}),
    }
    assert layers_of("elu_paper") == expected
    assert expected["CIFAR-100"].total() == 11 - 1  # the last has a softmax
    assert expected["ImageNet, one image"].total() == 15 - 1


def test_kernelbench_has_its_own_data_and_mixed_signs():
    found = {(case.shape, case.data) for case in load("kernelbench").cases}
    assert found == {(shape, data) for shape in [(4096, 393216), (32, 393216)] for data in ("positive", "normal")}


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_is_a_case_and_every_model_names_its_source(name):
    sweep = load(name)
    keys = {case.key for case in sweep.cases}
    for workload in sweep.workloads:
        assert workload.source
        assert {each.case.key for each in workload.layers} <= keys
    assert sweep.on("cpu").cases


def test_a_manifest_gives_the_workloads_back_and_older_ones_have_none():
    sweep = load("gat")
    content = json.loads(json.dumps(sweep.content()))
    assert from_content(content) == sweep
    older = {name: value for name, value in content.items() if name != "workloads"}
    older["cases"] = [{key: value for key, value in case.items() if key != "data"} for case in content["cases"]]
    assert from_content(older) == dataclasses.replace(sweep, workloads=())


@pytest.mark.parametrize("name", ["encodec", "gat", "ppo"])
def test_a_small_model_of_its_kind_is_measured_both_ways_as_the_last_rows(name):
    sweep = load(name)
    (workload,) = (each for each in sweep.workloads if each.models)
    assert [case.op for case in workload.models] == [f"model_{name}", f"model_{name}_backward"]
    assert {case.key for case in workload.models} <= {case.key for case in sweep.on("cpu").cases}


def test_data_are_in_the_key_only_where_they_are_not_the_ordinary_ones():
    case = make_case("elu", (8,), "float32", data="positive")
    assert case.key == "elu(alpha=1,input_scale=1,scale=1) 8 float32 contiguous positive"
    assert make_case("elu", (8,), "float32").key == case.key.removesuffix(" positive")
    assert case.reduced(4).data == "positive"


LAYER = {"op": "elu", "shape": [8]}


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        ({"name": "m", "layers": [LAYER]}, "number 1 has no 'source'"),
        ({"name": "m", "source": "s", "layers": [{"op": "elu"}]}, "a layer has no 'shape'"),
        ({"name": "m", "source": "s", "layers": [{**LAYER, "count": 0}]}, "'count' is 1 or more"),
        ({"name": "m", "source": "s", "layers": [{**LAYER, "data": "odd"}]}, "choose from normal, positive"),
        ({"name": "m", "source": "s", "layers": [{**LAYER, "shapes": []}]}, "has no key 'shapes'"),
        ({"name": "m", "source": "s", "layers": [{**LAYER, "op": "gelu"}]}, "no op 'gelu'"),
        ({"name": "m", "source": "s", "layers": [LAYER], "model": {"op": "elu", "shape": [8]}}, "no whole model"),
        ({"name": "m", "source": "s", "layers": [LAYER], "model": {"op": "model_ppo"}}, "its model has no 'shape'"),
    ],
)
def test_what_is_wrong_with_a_workload_is_said(workload, said):
    data = {"providers": ["eager"], "dtypes": ["float32"], "workloads": [workload]}
    with pytest.raises((SweepError, ValueError), match=said):
        parse(data, "mine")

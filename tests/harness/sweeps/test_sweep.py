import dataclasses
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import providers
from harness.ops.cases import CaseError, parse_shape
from harness.sweeps.stop_rule import StopRule
from harness.sweeps.sweep import KEYS, SweepError, from_content, load, names, of_shapes

GOOD = """
providers = ["eager"]
dtypes = ["float32", "bfloat16"]
[stop]
max_seconds = 1
[cpu]
max_elements = 100
[[cases]]
op = "elu"
shapes = [[4, 5], [1000]]
params = [{alpha = 2}, {}]
"""


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", names())
def test_every_shipped_sweep_loads_and_says_what_it_is(name):
    sweep = load(name)
    assert sweep.description
    assert {case.op for case in sweep.on("cpu").cases} == {case.op for case in sweep.cases}
    for spec in sweep.providers:
        providers.check(spec)


def test_a_sweep_is_the_product_of_its_lists(tmp_path):
    sweep = load(write(tmp_path, GOOD))
    assert sweep.name == "mine"
    assert len(sweep.cases) == 8
    assert {case.params["alpha"] for case in sweep.cases} == {1.0, 2.0}
    assert sweep.stop.max_seconds == 1
    assert all(case.elements <= 100 for case in sweep.on("cpu").cases)
    assert sweep.on("cuda") == sweep


def test_the_family_has_its_forward_and_its_gradient_at_the_same_numbers_of_elements():
    sweep = load("family")
    sizes = {op: set() for op in ("elu", "elu_plus_one", "relu", "shifted_relu", "leaky_relu", "prelu")}
    sizes |= {f"{op}_backward": set() for op in sizes}
    for case in sweep.cases:
        if case.params.get("dim") != 0:  # one weight for all has a smaller case: its sum is checked whole
            sizes[case.op].add((case.dtype, case.elements))
    assert all(found == sizes["relu"] for found in sizes.values()) and len(sizes["relu"]) == 4
    # SELU's parameters and CELU's, as torch has them.
    x = torch.linspace(-3, 3, 101)
    functions = {torch.ops.aten.elu(x, *case.params.values()) for case in sweep.cases if case.op == "elu"}
    for expected in (torch.selu(x), torch.celu(x, 2.0), torch.nn.functional.elu(x)):
        assert any(torch.allclose(found, expected, rtol=1e-6) for found in functions)


def test_a_case_that_is_named_twice_is_measured_once(tmp_path):
    assert len(load(write(tmp_path, GOOD.replace("{}]", "{alpha = 2.0}]"))).cases) == 4


@pytest.mark.parametrize("name", names())
def test_the_manifest_gives_the_sweep_back(name):
    sweep = load(name)
    assert from_content(sweep.content()) == sweep


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("providers =", "provider =", "no key 'provider'"),
        ('["eager"]', '"eager"', "'providers' is a list"),
        ('["eager"]', "[]", "'providers' is missing or empty"),
        ('["eager"]', "[1]", "list of strings"),
        ("max_seconds = 1", "max_second = 1", "no key 'max_second'"),
        ("max_seconds = 1", 'max_seconds = "1"', "'max_seconds' is a float"),
        ("max_elements = 100", "max_elements = 1.5", "'max_elements' is a int"),
        ('op = "elu"', 'op = "gelu"', "no op 'gelu'"),
        ('op = "elu"', "", "has no 'op'"),
        ("shapes =", "shape =", "no key 'shape'"),
        ("[[4, 5], [1000]]", "[4, 5]", "a shape is a list"),
        ("{alpha = 2}, {}", "1", "'params' is a list of tables"),
        ('"bfloat16"]', '"int4"]', "no dtype 'int4'"),
        ("[[cases]]", "[[case]]", "no key 'case'"),
        ("[stop]", 'regimes = ["hot"]\n[stop]', "no regime 'hot'; choose from auto, cold, graph, warm, host"),
        ("[stop]", "energy_seconds = -1.0\n[stop]", "'energy_seconds' is 0 or more"),
        ("[stop]", 'flush = "wet"\n[stop]', "no flush 'wet'; choose from dirty, clean"),
        ("[stop]", "regimes = []\n[stop]", "'regimes' is empty"),
        ("[stop]", "roof_curves = 1\n[stop]", "'roof_curves' is a bool"),
        ("[stop]", "[stop", "TOML"),
    ],
)
def test_a_wrong_sweep_is_refused_with_its_place(tmp_path, old, new, named):
    with pytest.raises(SweepError, match=named) as caught:
        load(write(tmp_path, GOOD.replace(old, new, 1)))
    assert "mine.toml" in str(caught.value)


def test_what_is_wrong_in_a_table_is_named_with_the_line_in_which_the_table_begins(tmp_path):
    lines = GOOD.splitlines()
    for old, new, header in (
        ('op = "elu"', 'op = "gelu"', "[[cases]]"),
        ("max_seconds = 1", 'max_seconds = "1"', "[stop]"),
        ("max_elements = 100", "max_elements = 1.5", "[cpu]"),
    ):
        with pytest.raises(SweepError) as caught:
            load(write(tmp_path, GOOD.replace(old, new, 1)))
        assert f"(line {lines.index(header) + 1})" in str(caught.value)
    with pytest.raises(SweepError, match=rf"number 2 \(line {len(lines) + 1}\)"):
        load(write(tmp_path, "\n".join([*lines, "[[cases]]", "shapes = [[1]]"])))


def test_unknown_names_are_answered_with_the_known_ones(tmp_path):
    with pytest.raises(SweepError, match="activations, default, elu_paper, encodec, family, full, gat, kernelbench, "):
        load("huge")
    with pytest.raises(SweepError, match="no file"):
        load(str(tmp_path / "none.toml"))
    sweep = load("smoke")
    with pytest.raises(SweepError, match="no op 'gelu'"):
        sweep.only(["gelu"], [])
    with pytest.raises(SweepError, match="no dtype 'int8'"):
        sweep.only([], ["int8"])
    with pytest.raises(SweepError, match="no regime 'hot'"):
        sweep.by([], ["hot"])
    assert sweep.regimes == ("auto",)
    assert sweep.by([], ["warm", "cold", "warm"]).regimes == ("warm", "cold")
    assert (sweep.flush, sweep.by([], [], "clean").flush) == ("dirty", "clean")
    with pytest.raises(SweepError, match="no case of that op and dtype; it has elu in"):
        sweep.only([], ["float16"])


DOCS = (Path(__file__).parents[3] / "docs" / "sweeps.md").read_text()
TYPES = {
    "string": str, "list": list, "number": float, "whole number": int, "true or false": bool, "table": dict,
    "tables": list,
}  # fmt: skip


def test_the_page_on_sweeps_has_every_key_of_the_reader_with_its_type_and_no_other():
    documented = {}
    for part in DOCS.split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+?)(?: of [^|]+)? \| .+ \| (.+) \|$", part, re.MULTILINE)
        documented[part.partition("\n")[0].strip("`").lower().removeprefix("the ")] = rows
    for table, keys in KEYS.items():
        assert {name: TYPES[kind] for name, kind, _ in documented[table]} == keys
    assert {name: float(default) for name, _, default in documented["[stop]"]} == dataclasses.asdict(StopRule())


def test_the_example_on_the_page_is_a_sweep(tmp_path):
    sweep = load(write(tmp_path, re.search(r"```toml\n(.+?)```", DOCS, re.DOTALL)[1]))
    assert {case.op for case in sweep.cases} == {"elu", "bias_elu"} and len(sweep.cases) == 9


@given(st.lists(st.integers(1, 10**9), max_size=5), st.sampled_from("x×"))
def test_a_shape_is_read_as_it_is_printed(shape, between):
    assert parse_shape(between.join(map(str, shape)) or "scalar") == tuple(shape)


@pytest.mark.parametrize("text", ["", "0x3", "3x", "-1", "3y4", "3.5", "٣", "[3, 4]"])
def test_what_is_no_shape_is_said(text):
    with pytest.raises(CaseError, match="is no shape; write one as 4096x4096"):
        parse_shape(text)


def test_what_is_left_of_a_sweep_says_what_there_is_and_what_size_it_has():
    sweep = load("default")
    with pytest.raises(SweepError, match="it has elu in bfloat16, float16, float32; elu_backward in bfloat16, float32"):
        sweep.only(["relu"], [])
    large = dataclasses.replace(sweep, cpu_max_elements=10)
    with pytest.raises(SweepError, match=r"too large for a CPU: from 1,048,576 elements, .* max_elements is 10"):
        large.on("cpu")
    assert len(of_shapes([(30000, 30000)], [], []).on("cpu").cases) == 2

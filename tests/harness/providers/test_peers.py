"""Other libraries as providers: right or rejected where they are, and said to be missing where they are not."""

from __future__ import annotations

import builtins
import importlib.util

import pytest
import torch

from harness import providers
from harness.correctness import gate
from harness.emulator.emulated import emulated
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.op import Unsupported
from harness.providers.peers import PEERS
from harness.store.records import read_run
from tests.harness.command import elubench, process

SWEEP = """
description = "peers"
providers = ["eager"]
dtypes = ["bfloat16", "float16", "float32"]
case_timeout_s = 100
[stop]
min_samples = 8
max_samples = 20
max_seconds = 0.05
warmup_seconds = 0.0
[[cases]]
op = "elu"
shapes = [[100, 100]]
"""

# In a process of its own: in that of the tests Triton interprets.
FLAGGEMS = """
import os, torch
from harness import providers
from harness.emulator.emulated import emulated
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import OPS

for op, params in (("elu", {}), ("elu_backward", {}), ("elu_backward", {"is_result": True})):
    case = make_case(op, (33, 129), "float32", {"alpha": 0.5, **params})
    buffers = allocate(case, 1, "cpu")[0]
    with emulated() as gpu:
        call = providers.load("flaggems").prepare(case)
        for _ in range(2):  # the second time by a kernel that FlagGems has compiled
            call(*buffers.inputs, *buffers.outputs)
    assert len(gpu.launches) == 2 and not any(launch.faults for launch in gpu.launches), gpu.launches
    torch.testing.assert_close(buffers.outputs[0], *OPS[op].pytorch(case)(*buffers.inputs), rtol=1e-5, atol=1e-6)
    assert not torch.cuda.is_available() and torch.version.cuda is None and "GEMS_VENDOR" not in os.environ
"""


def call_of(name, *words, **params):
    return providers.load(name).prepare(make_case(*words, params))


@pytest.mark.parametrize("name", [each for each in PEERS if each not in ("cupy", "flaggems")])
def test_one_that_is_not_installed_says_what_to_install(name, monkeypatch):
    real = builtins.__import__
    monkeypatch.setattr("importlib.import_module", lambda module: real("not_installed_anywhere"))
    with pytest.raises(Unsupported, match=r"is not installed: pip install 'elubench\["):
        call_of_unpatched(name)


def call_of_unpatched(name):
    """As `providers.load` does, whose own imports are not to fail."""
    module = __import__(f"harness.providers.peers.{name}", fromlist=["prepare"])
    return module.prepare(make_case("elu", (8,), "float32"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cupy", "flaggems"])
def test_one_for_a_gpu_says_that_there_is_none(name):
    with pytest.raises(Unsupported, match="and there is none"):
        call_of(name, "elu", (8,), "float32")


@pytest.mark.parametrize(
    ("name", "case", "why"),
    [
        ("jax", ("elu_plus_one", {}), "has no elu_plus_one"),
        ("jax", ("elu", {"scale": 2.0}), "has no scale"),
        ("jax", ("elu_backward", {"is_result": True}), "from its input alone"),
        ("numba", ("elu", {}), "no arithmetic of bfloat16"),
        ("onnxruntime", ("elu", {}), "no Elu of bfloat16"),
    ],
)
def test_what_a_library_has_not_is_said(name, case, why):
    pytest.importorskip(name)
    op, params = case
    with pytest.raises(Unsupported, match=why):
        providers.load(name).prepare(make_case(op, (8,), "bfloat16", params))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.skipif(importlib.util.find_spec("flag_gems") is not None, reason="FlagGems is installed")
def test_flaggems_that_is_not_installed_says_what_to_install():
    with emulated(), pytest.raises(Unsupported, match=r"is not installed: pip install 'elubench\[flaggems\]'"):
        call_of("flaggems", "elu", (8,), "float32")


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.skipif(importlib.util.find_spec("flag_gems") is None, reason="FlagGems is not installed")
def test_flaggems_launches_on_the_emulated_gpu_and_nobody_else_sees_a_gpu():
    with process(["-c", FLAGGEMS]) as begun:
        _, err = begun.communicate(timeout=240)
    assert begun.returncode == 0, err


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), [("jax", "bfloat16"), ("onnxruntime", "float16"), ("numba", "float64")])
def test_one_that_is_right_passes_the_gate(name, dtype):
    pytest.importorskip(name)
    case = make_case("elu", (33, 129), dtype)
    verdict = gate.check(case, providers.load(name).prepare(case), allocate(case, 1, "cpu")[0], seed=0)
    assert verdict.passed, verdict.reason


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_a_run_times_peers_beside_eager(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    names = [word for name in ("eager", "jax", "onnxruntime", "numba", "cupy") for word in ("--provider", name)]
    words = ("--sweep", tmp_path / "sweep.toml", "--device", "cpu", "--regime", "warm", "--out", tmp_path / "run")
    ended = elubench("run", *words, *names)
    assert ended.returncode == 0, ended.stderr
    records = {(each.provider, each.dtype): each for each in read_run(tmp_path / "run").records}
    outcomes = {key: each.outcome for key, each in records.items()}
    for right in (("jax", "bfloat16"), ("onnxruntime", "float16"), ("numba", "float32")):
        assert outcomes[right] == "ok" and len(records[right].samples_s) >= 8 and records[right].max_ulp <= 4, records[
            right
        ].reason
        assert records[right].entries == records["eager", right[1]].entries  # they took turns
    assert outcomes["onnxruntime", "float32"] == "rejected"  # exp(x) - 1: what is wrong is not timed
    assert outcomes["numba", "bfloat16"] == outcomes["cupy", "float16"] == "unsupported"

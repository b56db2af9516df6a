"""Launches: the short way gives the device what Triton's own way gives it, and takes less of the host's time."""

from __future__ import annotations

import json
import timeit

import pytest
import torch

from kernels import elu, launch, private
from kernels.ops.elu import elu_out
from tests.harness.command import elubench
from tests.kernels.values import DEVICE, same_bits

needs_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device: the interpreter has no launches to time")


@pytest.mark.slow
def test_a_kept_launch_gives_the_device_what_triton_gives_it():
    ended = elubench(module="tests.kernels.launches", timeout=280)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["handles"] == 1  # the same alignment twice
    assert found["heard"] == 1  # by a hook, such as a profiler's
    assert found["compiled"] == [3] * 6  # one for each device function
    assert found["ours_s"] < 0.75 * found["tritons_s"]


def test_plans_are_kept_by_shape_and_parameters_and_not_without_end(monkeypatch):
    launch.forget()
    monkeypatch.setattr(launch, "_MOST_PLANS", 3)
    planned = []

    @launch.kept
    def plan(tensors, alpha):
        planned.append((tensors[0].shape, alpha))
        return len(planned)

    x, wide = torch.empty(3, 4, device=DEVICE), torch.empty(4, 3, device=DEVICE)
    assert [plan((x,), 1.0), plan((x.clone(),), 1.0), plan((x,), 2.0), plan((wide,), 1.0)] == [1, 1, 2, 3]
    assert plan((wide.t(),), 1.0) == 4  # the shape of x, and other strides; three were kept, and all are dropped
    assert plan((x,), 1.0) == 5
    launch.forget()
    assert plan((x,), 1.0) == 6
    launch.forget()


@needs_gpu
def test_launches_are_captured_in_a_graph_and_replayed():
    x = torch.randn(1000, device=DEVICE)
    out = elu(x)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = elu(x)
        elu(captured, inplace=True)
    x.normal_()
    graph.replay()
    assert same_bits(captured, elu(elu(x)))
    assert out.data_ptr() != captured.data_ptr()


@needs_gpu
def test_the_host_is_free_sooner_than_by_tritons_own_way(monkeypatch):
    x = torch.randn(1024, device=DEVICE)
    out = torch.empty_like(x)

    def host_s() -> float:
        elu_out(x, out)
        torch.cuda.synchronize()
        return min(timeit.repeat(lambda: elu_out(x, out), torch.cuda.synchronize, number=200, repeat=20)) / 200

    kept = host_s()
    launch.forget()
    monkeypatch.setattr(private, "CALL_IS_KNOWN", False)
    assert kept < host_s()
    launch.forget()

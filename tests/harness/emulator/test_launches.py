"""Triton's own launches, of kernels as people write them: right ones are right, wrong ones are found at their place."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pytest

from tests.harness.command import elubench

ARCHITECTURES = ["sm_90", *(pytest.param(each, marks=pytest.mark.slow) for each in ("sm_80", "sm_100", "sm_120"))]


@lru_cache(maxsize=4)
def _scenes(arch: str) -> dict[str, Any]:
    """What tests.harness.emulator.launches found; kernels must be imported without the interpreter."""
    done = elubench(arch, module="tests.harness.emulator.launches")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=ARCHITECTURES)
def scenes(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _scenes(request.param)


def only_fault(scenes: dict[str, Any], name: str) -> dict[str, Any]:
    (fault,) = scenes[name]["faults"]
    return dict(fault)


@pytest.mark.parametrize("name", ["right_bf16", "libdevice", "tuned", "loops", "scans", "transposed", "functions"])
def test_right_kernels_have_no_faults(scenes: dict[str, Any], name: str) -> None:
    assert scenes[name]["faults"] == []


def test_a_right_bf16_kernel_is_right_at_every_input(scenes: dict[str, Any]) -> None:
    assert scenes["right_bf16"]["result"] < 0.51


def test_libdevice_flushes_subnormal_results(scenes: dict[str, Any]) -> None:
    """Right wherever the result is normal; 0 below, which is 127 units of bf16's last place."""
    every, normal, small = scenes["libdevice"]["result"]
    assert normal < 0.5 and every == 127 and small == 0


def test_a_load_past_the_end(scenes: dict[str, Any]) -> None:
    fault = only_fault(scenes, "past_the_end")
    where = (fault["kind"], fault["tensor"], fault["offset"], fault["block"], fault["threads"])
    assert where == ("outside", "x_ptr", 4000, 7, 24)
    assert fault["thread"] == 104 and fault["place"].startswith("odd_kernels.py:")
    assert "copy_without_mask reads outside of every tensor" in fault["text"]


def test_a_store_before_the_start_is_not_made(scenes: dict[str, Any]) -> None:
    """Not even where the storage has memory there, of which the tensor is a view."""
    faults = scenes["before_the_start"]["faults"]
    assert [(each["kind"], each["offset"]) for each in faults] == [("outside", -16)] * 2
    assert scenes["before_the_start"]["result"] == 252


def test_a_misaligned_load(scenes: dict[str, Any]) -> None:
    fault = only_fault(scenes, "misaligned")
    assert (fault["kind"], fault["tensor"], fault["offset"]) == ("misaligned", "x_ptr", 2)


def test_what_nobody_wrote(scenes: dict[str, Any]) -> None:
    """torch.empty's memory; not what PyTorch or an earlier kernel has written."""
    fault = only_fault(scenes, "unwritten")
    assert (fault["kind"], fault["tensor"], fault["threads"]) == ("unwritten", "x_ptr", 128)
    assert scenes["unwritten"]["result"] == 0


def test_two_blocks_that_write_one_address(scenes: dict[str, Any]) -> None:
    fault = only_fault(scenes, "two_blocks")
    assert (fault["kind"], fault["tensor"], fault["offset"]) == ("two blocks", "out_ptr", 0)


def test_a_race_in_shared_memory(scenes: dict[str, Any]) -> None:
    """Neighbours swap numbers: with a barrier rightly and without a fault, without one it is a race."""
    assert scenes["race"]["result"] is True
    fault = only_fault(scenes, "race")
    assert fault["kind"] == "race" and fault["tensor"] == "shared"
    assert "thread 1 has written it" in fault["text"] and fault["place"].startswith("odd_kernels.py:")


def test_autotuned_kernels_with_heuristics(scenes: dict[str, Any]) -> None:
    assert max(scenes["tuned"]["result"]) < 1e-4


def test_loops_of_as_many_trips_as_each_block_needs(scenes: dict[str, Any]) -> None:
    assert scenes["loops"]["result"] == [44850, 153, 111, 178]


def test_scans_sorts_histograms_and_atomics(scenes: dict[str, Any]) -> None:
    assert scenes["scans"]["result"] == [True] * 4


def test_a_transpose_through_shared_memory(scenes: dict[str, Any]) -> None:
    assert scenes["transposed"]["result"] is True


def test_libdevice_functions(scenes: dict[str, Any]) -> None:
    single, double = scenes["functions"]["result"]
    assert single < 2e-6 and double < 2e-15


def test_tensor_cores_are_named(scenes: dict[str, Any]) -> None:
    message = scenes["tensor_cores"]["result"]
    assert "does not execute it" in message and "mma" in message and "line " in message and "odd_kernels.py" in message

"""The suite's own kernels as compiled for four architectures, run by the machine: right to the gate's bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.command import elubench


def run(arch: str, ex2: str, *ops: str) -> dict[str, Any]:
    done = elubench(arch, ex2, *ops, module="tests.harness.emulator.suite", timeout=1700)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any]) -> None:
    assert [(key, reason, faults) for key, passed, reason, _, _, faults in found["cases"] if faults or not passed] == []
    assert all(launches > 0 for *_, launches, _ in found["cases"])
    # docs/numerics.md: correctly rounded but for a few thousandths of a unit, and fp16 near 0.
    assert max(found["every_input"].values()) < 0.6, found["every_input"]


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["sm_80", "sm_100", "sm_120"])
def test_elu_on_the_other_architectures(arch: str) -> None:
    check(run(arch, "nearest", "elu"))


@pytest.mark.slow
@pytest.mark.parametrize("ex2", ["low", "high"])
def test_elu_is_right_at_both_ends_of_what_ex2_may_be(ex2: str) -> None:
    check(run("sm_90", ex2, "elu"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_kernel_and_shapes_with_ones_on_sm_90() -> None:
    found = run("sm_90", "nearest")
    assert len(found["cases"]) >= 160
    check(found)

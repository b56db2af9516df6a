"""Providers that cheat, each measured by a real job, and the check that catches each of them."""

from __future__ import annotations

import ctypes
import dataclasses
import random
import time

import pytest
import torch

import harness.timing.clocks
from harness.correctness import integrity
from harness.correctness.audit import Audit
from harness.device import l2
from harness.device.devices import find_device
from harness.ops.buffers import allocate
from harness.ops.cases import make_case
from harness.ops.catalogue import KERNEL_OPS
from harness.run.job import Job
from harness.run.measuring import MEASURING_MODULES, run_job
from harness.sweeps.stop_rule import StopRule
from harness.timing.regimes import CaptureFailed
from tests.harness.command import PROVIDERS

CPU = dataclasses.replace(find_device("cpu"), last_level_cache_bytes=2**18)
RULE = StopRule(min_samples=40, max_samples=40, warmup_seconds=0.0)


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    monkeypatch.setattr(integrity, "_state", [])  # what other tests may change is held against none of them
    integrity.watch(MEASURING_MODULES)
    yield
    integrity.restore()


def measured(*specs, op="elu", device=CPU):
    case = make_case(op, (301, 97), "float32")
    specs = tuple(spec if spec in ("eager", "compile") else str(PROVIDERS / f"{spec}.py") for spec in specs)
    job = Job(case, specs, device, RULE, 0, timed=True)
    try:
        return run_job(job, lambda *_: None)
    except CaptureFailed as failed:  # as a new process would go on
        job = dataclasses.replace(job, not_captured=((failed.entry, failed.message),))
        return run_job(job, lambda *_: None)


@pytest.mark.parametrize(
    ("cheat", "check"),
    [
        # What is wrong whenever one looks, the gate sees.
        ("identity", "gate: "),
        ("exp_minus_one", "gate: "),
        ("stale", "gate: "),
        ("skipped_tail", "gate: out is nan"),
        ("unwritten", "gate: out is nan"),
        ("changes_input", "gate: the call changed its input x"),
        ("other_thread", "gate: out is nan"),
        # What is right only while it is checked, the audit of timed calls sees.
        ("late_stale", "timed outputs: on fresh inputs out is"),
        ("late_unwritten", "timed outputs: on fresh inputs out is"),
        ("late_skipped_tail", "timed outputs: on fresh inputs out is"),
        ("late_reduced_precision", "timed outputs: on fresh inputs out is"),
        ("late_changes_input", "timed outputs: a timed call changed its input x"),
        ("late_other_thread", "timed outputs: on fresh inputs out is"),
        ("clock_at_import", "clock: its code replaced time.perf_counter_ns"),
        ("clock_at_call", "clock: its code replaced harness.timing.clocks.perf_counter_ns"),
        ("threads_at_import", "state: its code changed torch's number of threads"),
        ("threads_at_call", "state: its code changed torch's number of threads"),
        ("seeds_later", "state: its code changed torch's seed"),
        ("event_at_call", "clock: its code replaced torch.cuda.streams.Event.elapsed_time"),
    ],
)
def test_each_cheat_is_caught_by_its_check_and_costs_nobody_else_a_row(cheat, check):
    clocks = (time.perf_counter_ns, harness.timing.clocks.perf_counter_ns, torch.cuda.Event.elapsed_time)
    records = measured("eager", cheat)
    rows = {record.provider: record for record in records if record.role == "provider"}
    # A thread that comes late writes into what the others compute by then: they may be spoilt with it.
    assert rows["eager"].outcome == "ok" or cheat == "late_other_thread"
    assert rows[cheat].outcome == "rejected"
    assert rows[cheat].reason.startswith(check)
    assert not rows[cheat].samples_s
    assert clocks == (time.perf_counter_ns, harness.timing.clocks.perf_counter_ns, torch.cuda.Event.elapsed_time)


class ScriptedDriver:
    """A CUDA driver that keeps the one limit which is asked for."""

    def __init__(self):
        self.limit = 0

    def cuCtxGetLimit(self, size, limit):
        assert limit == 6
        size._obj.value = self.limit
        return 0

    def cuCtxSetLimit(self, limit, size):
        assert limit == 6
        self.limit = size.value
        return 0


def test_who_sets_a_part_of_the_l2_aside_is_caught_and_leaves_none_to_the_others(monkeypatch):
    driver, load = ScriptedDriver(), ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *rest: driver if name == "libcuda.so.1" else load(name, *rest))
    l2._driver.cache_clear()
    try:
        rows = {each.provider: each for each in measured("eager", "l2_carve_out") if each.role == "provider"}
    finally:
        l2._driver.cache_clear()
    assert rows["eager"].outcome == "ok" and rows["l2_carve_out"].outcome == "rejected"
    assert rows["l2_carve_out"].reason.startswith("state: its code changed the carve-out of the GPU's L2")
    assert driver.limit == 0


def test_who_shared_the_rounds_with_a_cheat_is_timed_again_without_it():
    records = measured("late_unwritten", "eager")
    timed = {(each.provider, each.role): each for each in records if each.samples_s and each.role != "roof"}
    assert set(timed) == {("eager", "provider"), ("eager", "control")}
    assert not any("late_unwritten" in each.entries for each in timed.values())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cheat", ["other_stream", "late_unwritten", "late_stale", "event_at_call", "l2_carve_out"])
def test_cheats_are_caught_on_a_gpu(cheat):
    records = measured("eager", cheat, device=find_device("cuda:0"))
    outcomes = {record.provider: record.outcome for record in records if record.role == "provider"}
    reasons = {record.provider: record.reason for record in records if record.role == "provider"}
    assert outcomes == {"eager": "ok", cheat: "rejected"}, (reasons, l2.carve_out_bytes())


@pytest.mark.parametrize("op", KERNEL_OPS)
def test_honest_providers_pass_every_audit(op):
    records = measured("eager", op=op)
    (row,) = [record for record in records if record.role == "provider"]
    assert row.outcome == "ok", row.reason
    assert row.audits is not None and row.audits >= 4


@pytest.mark.parametrize(
    ("op", "params", "shape", "dtype", "layout"),
    [
        ("elu", {}, (1,), "float32", "contiguous"),
        ("elu", {}, (5, 3, 2), "bfloat16", "contiguous"),
        ("elu", {}, (64, 65), "float16", "transposed"),
        ("elu_backward", {"is_result": True, "alpha": 0.5}, (33, 7), "float32", "contiguous"),
        ("elu_plus_one_backward", {"is_result": True}, (33, 7), "bfloat16", "contiguous"),
        ("prelu_backward", {"dim": 0}, (1, 9, 40), "float32", "contiguous"),
        ("bias_elu", {"dim": 1}, (2, 6, 5, 4), "float32", "channels_last"),
        ("bias_elu_backward", {"dim": 1}, (2, 6, 5, 4), "bfloat16", "channels_last"),
        ("bias_elu_backward", {}, (9,), "float64", "contiguous"),
    ],
)
def test_an_audit_holds_any_case_and_misses_no_wrong_place(op, params, shape, dtype, layout):
    from harness import providers

    case = make_case(op, shape, dtype, params, layout)
    (buffers,) = allocate(case, 1, "cpu")
    call = providers.load("eager").prepare(case)

    def failures(spoil):
        audit = Audit(case, [buffers], {"eager": "eager"}, _chance=random.Random(1))
        for _ in range(40):
            look = audit("eager", 0, 1)
            call(*buffers.inputs, *buffers.outputs)
            spoil()
            if look:
                look()
        assert audit.count >= 3
        return audit.failures

    assert failures(lambda: None) == {}
    for output in buffers.outputs:
        wrong = failures(lambda output=output: output[..., -1].add_(0.5))
        assert wrong["eager"].startswith("timed outputs: on fresh inputs")

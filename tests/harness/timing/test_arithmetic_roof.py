"""The ceiling of arithmetic: a product of matrices among the points of the roofs' curves."""

from __future__ import annotations

from dataclasses import replace

import torch

from harness.device.devices import find_device
from harness.ops.cases import Case
from harness.run.job import RoofJob
from harness.run.measuring import run_job
from harness.store.records import from_json, to_json
from harness.store.vocabulary import Mix
from harness.sweeps.stop_rule import StopRule
from harness.timing import roofs

SMALL = Case(Mix.ARITHMETIC, {}, (64, 64), "float32")


def test_it_is_one_of_the_points_on_every_kind_of_device():
    cpu = find_device("cpu")
    for device in (cpu, replace(cpu, kind="cuda")):
        points = list(roofs.curve_cases(device))
        assert [point.op for point in points].count(Mix.ARITHMETIC) == 1
        assert roofs.flops(points[-1]) == 2 * points[-1].shape[0] ** 3 and roofs.flops(points[0]) == 0
        assert roofs.streams(Mix.ARITHMETIC, device.kind) == ("matmul",)


def test_the_call_computes_the_product():
    (call, _) = roofs.curve_calls(SMALL, 2, find_device("cpu"), seed=0)["matmul"]
    first, second = call.args
    assert first.shape == second.shape == (64, 64) and first.isfinite().all()
    call()
    torch.testing.assert_close(call.keywords["out"], first @ second)


def test_its_record_says_how_many_operations_its_samples_are_of():
    job = RoofJob(SMALL, find_device("cpu"), StopRule(8, 20, 0.02, warmup_seconds=0.0), seed=0)
    records = run_job(job, lambda *_: None)
    assert {record.regime for record in records} == {"cold", "warm"}
    for record in records:
        assert (record.flops, record.role, record.is_roof_curve) == (2 * 64**3, "roof", True)
        assert min(record.samples_s) <= record.median_s <= max(record.samples_s)
        assert from_json(to_json(record)) == record

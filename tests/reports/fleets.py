"""Runs that were spread over several devices, as Ray's engine stores them, with times that are chosen."""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from pathlib import Path

from harness.device.devices import Device
from harness.device.placement import Placement
from harness.ops.cases import Case, make_case
from harness.run.recording import CONTROL, Sampling, blank_record, roof_record, timed
from harness.store.files import Store
from harness.store.fleet import FleetDevice, StreamCheck
from harness.store.records import Record, Run, read_run
from harness.store.vocabulary import Outcome, Regime, Role
from harness.timing.clocks import ScriptedClock
from harness.timing.estimators import median, median_ci
from harness.timing.regimes import Setting
from harness.timing.sampler import Sampled
from tests.reports.runs import run_of

H200, L4 = "NVIDIA H200", "NVIDIA L4"
STREAM = "copy of 256 MiB, cold, by torch.clone"
UUIDS = ("GPU-11111111-aaaa-bbbb-cccc-000000000001", "GPU-22222222-aaaa-bbbb-cccc-000000000002",
         "GPU-33333333-aaaa-bbbb-cccc-000000000003")  # fmt: skip
SIZES = (1024, 2048, 4096, 8192)
CASES = tuple(make_case("elu", (size, size), dtype) for dtype in ("bfloat16", "float32") for size in SIZES)


def device(model: str, l2_mib: int = 50) -> Device:
    return Device("cuda", "cuda:0", model, l2_mib << 20, 80 << 30, 132, "sm_90", 4800.0 if model == H200 else 300.0)


def member(model: str, node: str, uuid: str, gbps: float) -> FleetDevice:
    """A device that attained so much on the stream of the check."""
    median_s = 2**29 / gbps / 1e9
    check = StreamCheck(STREAM, gbps, median_s, (median_s * 0.999, median_s * 1.001))
    return FleetDevice(device(model), Placement(node, uuid, "580.95", f"{uuid[4:12]}0123"), check)


def two_and_one(slow_gbps: float = 4150.0) -> tuple[FleetDevice, ...]:
    """Two H200, the second of which attains so much, and an L4, on two machines."""
    return (
        member(H200, "gpu-a", UUIDS[0], 4200.0),
        member(H200, "gpu-b", UUIDS[1], slow_gbps),
        member(L4, "gpu-b", UUIDS[2], 270.0),
    )


def unit(case: Case, on: FleetDevice, eager_gbps: float, speedup: float = 1.5) -> list[Record]:
    """All that a device measures of a case, made into records as a sweep makes them: `triton` is so much faster."""
    time_s = case.bytes_moved / eager_gbps / 1e9
    times = {"eager": time_s, "triton": time_s / speedup, CONTROL: time_s, "roof copy": 0.95 * time_s / speedup}
    sampled = {entry: _sampled(each, f"{entry} {case.key} {on.placement.uuid!a}") for entry, each in times.items()}
    blank = [blank_record(case, name, on.device.name, Outcome.OK, None) for name in ("eager", "triton", "eager")]
    blank[2] = replace(blank[2], role=Role.CONTROL)
    blank.append(roof_record(case, case.roof, "copy", case.bytes_moved, on.device.name))
    setting = Setting(Regime.COLD, "asked for", {}, ScriptedClock([]), 3)
    made = timed(blank, Sampling(setting, "kept", sampled, 7, {}, on.device), twin="eager")
    return [replace(each, placement=on.placement, max_ulp=None if each.role == Role.ROOF else 0.5) for each in made]


def _sampled(time_s: float, seed: str) -> Sampled:
    """Skewed times, as real ones are: about ±0.3% for their median."""
    generator = random.Random(seed)
    times = (time_s * (1 + 0.01 * generator.gauss(0, 1) + 0.01 * generator.expovariate(1)) for _ in range(100))
    samples_s = tuple(times)
    return Sampled(samples_s, median(samples_s), median_ci(samples_s), "max_samples")


@functools.cache  # making records out of samples takes a moment
def fleet_run(fleet: tuple[FleetDevice, ...] | None = None, count: int = len(CASES), **manifest) -> Run:
    """The first cases, once on each model, in turns over its devices: triton is 1.5× as fast on H200s, else 1.2×."""
    fleet = two_and_one() if fleet is None else fleet
    records: list[Record] = []
    for model in dict.fromkeys(each.device.name for each in fleet):
        of_model = [each for each in fleet if each.device.name == model]
        for number, case in enumerate(CASES[:count]):
            rate, speedup = (2500.0, 1.5) if model == H200 else (200.0, 1.2)
            records += unit(case, of_model[number % len(of_model)], rate, speedup)
    made = run_of(*records, device={**vars(fleet[0].device)}, **manifest)
    return replace(made, manifest=replace(made.manifest, fleet=fleet))


def written(run: Run, path: Path) -> Run:
    """The run, stored as a sweep stores it, sealed, and read again."""
    with Store.create(path, run.manifest) as store:
        store.append(run.records)
    return read_run(path)

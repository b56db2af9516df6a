"""The devices of a fleet, held against each other, and what a run that is gone on with knows of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.device.placement import Placement
from harness.store.fleet import SLOW, FleetDevice, StreamCheck, merged, slow_devices
from harness.store.manifest import UNKNOWN_DEVICE, Manifest, add_fleet, read_manifest, write_manifest
from harness.store.vocabulary import MANIFEST, SCHEMA


def member(model, number, gbps=None, stream="copy over 256 MiB, cold", ray_node="a"):
    check = None if gbps is None else StreamCheck(stream, gbps, 1e-3, (0.9e-3, 1.1e-3))
    device = replace(UNKNOWN_DEVICE, kind="cuda", name=model, peak_gbps=1000.0 * (model == "H100"))
    return FleetDevice(device, Placement("box", f"GPU-{number}", "570", ray_node), check)


def test_a_device_is_slow_against_the_fastest_of_its_own_model_on_the_same_stream():
    fleet = [
        member("H100", 0, 3000.0), member("H100", 1, 2400.0), member("H100", 2, 3000.0 * (1 - SLOW) + 1),
        member("A100", 3, 1500.0), member("A100", 4), member("A100", 5, 100.0, stream="copy over 32 MiB, cold"),
    ]  # fmt: skip
    (slow,) = slow_devices(fleet)
    assert slow.member is fleet[1] and slow.behind == pytest.approx(0.2)


def test_a_run_that_is_gone_on_with_has_each_physical_device_once_as_it_is_now():
    before = [member("H100", 0, 3000.0, ray_node="old"), member("H100", 1, 2900.0)]
    now = [member("H100", 0, 3100.0, ray_node="new"), member("H100", 2, 3000.0)]
    assert merged(before, now) == (before[1], *now)


def test_a_manifest_has_the_models_of_its_fleet_and_the_device_of_a_record(tmp_path):
    alone = Manifest(schema=SCHEMA, device=member("L4", 9).device)
    assert alone.models == ("L4",) and alone.device_named("L4") is alone.device
    write_manifest(tmp_path / MANIFEST, alone)
    add_fleet(tmp_path, [member("A100", 0), member("H100", 1), member("A100", 2)])
    found = read_manifest(tmp_path)
    assert found.models == ("A100", "H100")
    assert found.device_named("H100").peak_gbps == 1000.0
    assert found.fleet[1].placement.identity == ("box", "GPU-1")

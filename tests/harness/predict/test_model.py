"""The model of a kernel's time, whatever the kernel and the device."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.predict.devices import PredictError, chosen, known
from harness.predict.model import KernelWork, predict
from harness.store.vocabulary import Regime

DEVICES = st.sampled_from(list(known().values()))
SIZES = st.integers(1, 2**30)
WORKS = st.builds(
    KernelWork,
    arch=st.just("sm_90"),
    bytes_per_element=st.sampled_from([2.0, 4.0, 6.0, 8.0, 12.0]),
    elements_per_block=st.sampled_from([256.0, 1024.0, 8192.0]),
    resident_blocks=st.integers(1, 32),
    clocks_per_block=st.dictionaries(st.sampled_from(["issue", "fma", "alu", "mufu"]), st.floats(1, 1e5), min_size=1),
    shared_out=st.none(),
)


@given(WORKS, DEVICES, SIZES, SIZES)
def test_more_elements_never_take_less_time(work, device, one, other):
    few, many = sorted((one, other))
    assert predict([work], device, few, Regime.COLD).seconds <= predict([work], device, many, Regime.COLD).seconds


@given(WORKS, DEVICES, SIZES, st.sampled_from([Regime.COLD, Regime.GRAPH]))
def test_no_call_is_faster_than_the_smallest_stream_or_than_a_plain_one_of_its_bytes(work, device, size, regime):
    found = predict([work], device, size, regime)
    assert found.seconds >= device.fixed_us[regime] * 1e-6
    assert found.gbps <= device.memory_gbps


@given(WORKS, DEVICES, SIZES)
def test_more_work_in_a_block_never_takes_less_time(work, device, size):
    slower = replace(work, clocks_per_block={name: 2 * each for name, each in work.clocks_per_block.items()})
    assert predict([slower], device, size, Regime.GRAPH).seconds >= predict([work], device, size, Regime.GRAPH).seconds


@given(WORKS, DEVICES, SIZES)
def test_two_launches_take_as_long_as_one_after_the_other(work, device, size):
    one = predict([work], device, size, Regime.GRAPH).seconds
    assert predict([work, work], device, size, Regime.GRAPH).seconds == pytest.approx(2 * one)


def test_what_binds_goes_from_the_launch_to_the_memory_and_a_slow_kernel_to_its_unit():
    device = known()["H200 SXM"]
    quick = KernelWork("sm_90", 4.0, 1024.0, 16, {"issue": 60.0})
    slow = replace(quick, clocks_per_block={"issue": 60.0, "mufu": 2000.0})
    assert predict([quick], device, 2**16, Regime.GRAPH).bound_by == "launch"
    assert predict([quick], device, 2**30, Regime.GRAPH).bound_by == "memory"
    assert predict([slow], device, 2**30, Regime.GRAPH).bound_by == "mufu"
    assert predict([replace(quick, resident_blocks=1)], device, 2**30, Regime.GRAPH).bound_by == "latency"
    assert predict([replace(quick, clocks_per_block={"issue": 1.0})], device, 2**22, Regime.WARM).bound_by == "L2"


def test_the_last_wave_costs_as_much_as_a_full_one():
    device = known()["H200 SXM"]
    work = KernelWork("sm_90", 4.0, 1024.0, 16, {"issue": 1e5})
    full = predict([work], device, 132 * 1024, Regime.GRAPH).seconds
    one_more = predict([work], device, 132 * 1024 + 1, Regime.GRAPH).seconds
    assert predict([work], device, 2 * 132 * 1024, Regime.GRAPH).seconds == one_more > full


def test_devices_are_named_as_people_name_them():
    assert [each.sheet.name for each in chosen(["h100", "H200 SXM", "b200", "A100"])] == [
        "H100 SXM", "H200 SXM", "B200", "A100 SXM 80GB",
    ]  # fmt: skip
    with pytest.raises(PredictError, match="'V100'; choose from H200 SXM"):
        chosen(["V100"])


def test_a_regime_that_nobody_has_published_is_not_predicted():
    work = KernelWork("sm_100", 4.0, 1024.0, 16, {"issue": 60.0})
    with pytest.raises(PredictError, match="B200 that are warm"):
        predict([work], known()["B200"], 2**20, Regime.WARM)

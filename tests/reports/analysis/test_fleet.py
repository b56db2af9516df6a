"""What is said of a run on several devices: each model by itself, and which device of a model is slow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.store import seal
from harness.store.records import read_run
from harness.store.vocabulary import RECORDS, Flag, RunError
from reports.analysis.citable import Selection, citable
from reports.analysis.compare import compare_models, compare_providers_by_model
from reports.analysis.findings import findings
from reports.analysis.fleet import by_model, checked, labels
from reports.analysis.speedups import standings
from reports.analysis.summary import groups
from reports.analysis.trend import trends
from reports.analysis.verify import verify
from tests.reports.fleets import CASES, H200, L4, UUIDS, fleet_run, member, two_and_one, unit, written
from tests.reports.runs import run_of, slowed, untimed

OF_ONE_MODEL = (member(H200, "gpu-a", UUIDS[0], 4200.0), member(H200, "gpu-a", UUIDS[1], 4195.0))


def test_a_slow_device_is_named_with_its_node_and_uuid_and_by_how_much():
    caution = findings(fleet_run(two_and_one(slow_gbps=3650.0)))[0]
    assert caution.kind == "caution"
    assert caution.text.startswith(f"H200 SXM #2 (gpu-b, {UUIDS[1]}) is slow: it attains 86.9% of what H200 SXM #1")
    assert f"(gpu-a, {UUIDS[0]})" in caution.text and "15.1% longer (95%: 14.9 to 15.2%)" in caution.text
    assert (
        "copy of 256 MiB, cold, by torch.clone: 4200 GB/s" in caution.text
        and "4 cases were timed on it" in caution.text
    )


def test_devices_that_are_alike_are_said_to_be():
    text = findings(fleet_run(two_and_one(slow_gbps=4190.0)))[0].text
    assert text.startswith(f"{H200}: the 2 devices attain at least 99.8% of what the fastest of them does")
    assert not any("slow:" in each.text for each in findings(fleet_run(two_and_one(slow_gbps=4190.0))))


def test_no_device_is_said_to_be_slow_within_the_noise_of_its_cases():
    run = fleet_run(two_and_one(slow_gbps=3900.0))
    assert [each.name for each in checked(run) if each.is_slow] == ["H200 SXM #2"]
    noisy = replace(run, records=tuple(replace(each, noise_floor=0.2) for each in run.records))
    assert not any(each.is_slow for each in checked(noisy))
    without = replace(run, records=tuple(replace(each, noise_floor=None) for each in run.records))
    assert {each.verdict for each in checked(without)} == {"undecided", None}, "no control, no claim"


def test_devices_of_different_models_are_not_compared():
    of_l4 = next(each for each in checked(fleet_run(two_and_one(3650.0))) if each.name == "L4")
    assert (of_l4.fastest, of_l4.ratio, of_l4.verdict, of_l4.is_slow) == (None, None, None, False)
    assert of_l4.cases == len(CASES)


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(64)), st.booleans())
def test_every_mean_is_of_one_model_whatever_the_order_of_the_records(order, has_one_model):
    run = fleet_run(OF_ONE_MODEL) if has_one_model else fleet_run()
    run = replace(run, records=tuple(run.records[n] for n in order if n < len(run.records)))
    means = {part.manifest.device.name: [each.mean for each in standings(groups(part))] for part in by_model(run)}
    expected = {H200: [pytest.approx(1.5, rel=0.005)]} | (
        {} if has_one_model else {L4: [pytest.approx(1.2, rel=0.005)]}
    )
    assert means == expected
    texts = [each.text for each in findings(run) if "triton runs at" in each.text]
    starts = [f"{H200} (2 devices): triton runs at 1.50×", f"{L4}: triton runs at 1.20×"]
    assert len(texts) == len(expected) and all(map(str.startswith, texts, starts))


def test_devices_stand_side_by_side_each_against_its_own_eager_and_roof():
    rows = [row for row in groups(fleet_run())[0].rows if row.record.shape == (1024, 1024)]
    names = [(row.record.role, row.record.provider, row.device) for row in rows]
    assert names == [
        (role, provider, device)
        for role, provider in (("provider", "triton"), ("provider", "eager"), ("roof", "copy"))
        for device in ("H200 SXM #1", "L4")
    ]
    for row in rows:
        assert row.roof is not None and row.roof.placement == row.record.placement
        assert row.baseline is None or row.baseline.placement == row.record.placement
    assert [round(row.speedup.ratio, 1) for row in rows if row.record.provider == "triton"] == [1.5, 1.2]


def test_what_was_finished_on_another_device_is_not_held_against_the_first():
    run = fleet_run(OF_ONE_MODEL, 1)
    moved = tuple(
        replace(each, placement=OF_ONE_MODEL[1].placement, flags=(Flag.NOT_INTERLEAVED,), ratio=None, ratio_ci95=None)
        if each.provider == "triton" else each for each in run.records
    )  # fmt: skip
    (row,) = (row for row in groups(replace(run, records=moved))[0].rows if row.record.provider == "triton")
    assert (row.device, row.baseline, row.speedup, row.roof) == ("H200 SXM #2", None, None, None)


def test_a_device_is_known_again_in_a_later_session_and_without_a_placement_by_its_model():
    run = fleet_run()
    label = labels(run)
    first = run.records[0]
    assert label(first) == "H200 SXM #1"
    assert first.placement is not None
    assert label(replace(first, placement=replace(first.placement, ray_node="another"))) == "H200 SXM #1"
    assert label(replace(first, placement=None)) == "H200 SXM"


def test_nodes_of_ray_on_one_machine_are_told_apart():
    cpus = tuple(
        replace(each, device=replace(each.device, kind="cpu", name="Some(R) CPU @ 2 GHz"),
                placement=replace(each.placement, node="box", uuid=None, driver=None, ray_node=name * 8))
        for each, name in zip(two_and_one(), "abc", strict=True)
    )  # fmt: skip
    run = fleet_run(cpus)
    assert [(each.name, each.cases) for each in checked(run)] == [("Some #1", 3), ("Some #2", 3), ("Some #3", 2)]
    assert [each.place for each in checked(run)] == [f"box, Ray node {name * 8}" for name in "abc"]


def test_runs_of_fleets_are_compared_model_by_model(tmp_path):
    first = fleet_run()
    second = replace(first, records=tuple(slowed(each, 1.1) if each.device == L4 else each for each in first.records))
    found = compare_models(written(first, tmp_path / "a"), written(second, tmp_path / "b"))
    assert [(each.device, dict(each.counts)) for each in found] == [(H200, {"same": 16}), (L4, {"slower": 16})]
    assert not any(each.warnings for each in found)


def test_a_model_that_only_one_run_has_is_compared_with_nothing(tmp_path):
    whole = written(fleet_run(), tmp_path / "a")
    one = written(fleet_run(OF_ONE_MODEL), tmp_path / "b")
    of_h200, of_l4 = compare_models(whole, one)
    assert of_h200.counts == {"same": 16} and of_l4.pairs == ()
    assert of_l4.warnings == (f"only {whole.path} has records of {L4}",)
    assert {(each.first, each.second) for each in of_l4.changes} == {("ok", None)} and set(of_l4.gone) == {
        "eager",
        "triton",
    }
    assert of_h200.warnings == ("device of its model: another one in 4 of 8 cases",), "they are in another machine"


def test_a_case_that_moved_to_another_device_of_its_model_is_said(tmp_path):
    there = written(fleet_run(), tmp_path / "a")
    back = written(fleet_run((*two_and_one()[1::-1], two_and_one()[2])), tmp_path / "b")
    assert "device of its model: another one in 8 of 8 cases" in compare_models(there, back)[0].warnings


def test_a_fleet_of_one_model_is_compared_with_a_run_on_one_device_as_two_runs_are(tmp_path):
    fleet = written(fleet_run(OF_ONE_MODEL), tmp_path / "fleet")
    alone = written(fleet_run(OF_ONE_MODEL[:1]), tmp_path / "alone")
    (found,) = compare_models(fleet, alone)
    assert (found.device, len(found.pairs), found.counts["same"]) == ("", 16, 16)
    assert "device of its model: another one in 4 of 8 cases" in found.warnings
    (same,) = compare_models(alone, alone)
    assert same.warnings == ()


def test_two_providers_are_compared_model_by_model():
    found = compare_providers_by_model(fleet_run(), "eager", "triton")
    assert [(each.device, each.counts["faster"], len(each.counted)) for each in found] == [(H200, 8, 8), (L4, 8, 8)]
    only = replace(
        fleet_run(), records=tuple(r for r in fleet_run().records if r.device == L4 or r.provider != "triton")
    )
    assert [each.device for each in compare_providers_by_model(only, "eager", "triton")] == [L4]
    with pytest.raises(RunError, match="holds no provider 'mine'"):
        compare_providers_by_model(fleet_run(), "eager", "mine")


def test_a_trend_is_of_one_model(tmp_path):
    first, second = written(fleet_run(), tmp_path / "a"), written(fleet_run(created="2026-05-05"), tmp_path / "b")
    third = written(fleet_run(OF_ONE_MODEL, created="2026-06-06"), tmp_path / "c")
    found = trends([first, second, third])
    assert [(each.device, len(each.labels)) for each in found] == [(H200, 3), (L4, 2)]
    of_l4 = fleet_run((member(L4, "gpu-b", UUIDS[2], 270.0), member(L4, "gpu-b", UUIDS[1], 270.0)))
    alone = run_of(*unit(CASES[0], OF_ONE_MODEL[0], 2500.0), device={"kind": "cuda", "name": H200})
    assert [each.device for each in trends([alone, first])] == [H200]
    mixed = fleet_run((member("A", "a", UUIDS[0], 1.0), member("B", "a", UUIDS[1], 1.0)))
    with pytest.raises(RunError, match="no two of the runs share a model"):
        trends([of_l4, mixed])


def test_what_is_quoted_says_which_device(tmp_path):
    found = citable(written(fleet_run(), tmp_path / "a"), Selection())
    first, over, of_l4, over_l4 = found.sentences
    assert first.startswith(f"On {H200} (gpu-b, {UUIDS[1]}), triton computes elu") and " 1.50 times" in first
    assert (
        over.startswith("Over 8 valid cases of elu (cold cache, on 2 devices of this model)") and "1.50 times" in over
    )
    assert of_l4.startswith(f"On {L4}, triton computes elu") and "1.20 times" in of_l4
    assert over_l4.startswith("Over 8 valid cases of elu (cold cache) it is faster in 8: 1.20 times")
    assert (found.figure, found.figure_of) == ("bandwidth-elu-NVIDIA-H200", H200)


def test_a_fleet_verifies_and_an_edited_one_does_not(tmp_path):
    run = written(fleet_run(), tmp_path / "run")
    assert verify(run).is_intact and verify(run).state == seal.SEALED
    lines = (run.path / RECORDS).read_text().splitlines()
    lines[-1] = lines[-1].replace(L4, "NVIDIA L9")
    (run.path / RECORDS).write_text("\n".join(lines) + "\n")
    seal.seal(run.path)
    assert [each.field for each in verify(read_run(run.path)).mismatches] == ["device"]


def test_a_fleet_without_times_has_its_rows_by_model():
    run = fleet_run()
    rows = [replace(untimed(CASES[0]), device=each.device.name, placement=each.placement) for each in two_and_one()[1:]]
    texts = [each.text for each in findings(replace(run, records=tuple(rows)))]
    assert [text for text in texts if "is right in 1 case" in text] == [
        f"{name}: triton is right in 1 case, run by Triton's interpreter; without a GPU it has no times."
        for name in (f"{H200} (2 devices)", L4)
    ]

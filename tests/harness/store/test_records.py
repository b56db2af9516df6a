"""What is stored is read back, in this schema and in the one before, and what is not readable is named."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ops.cases import make_case
from harness.run.recording import blank_record
from harness.store.records import ErrorByInput, Record, from_json, iter_records, read_run, to_json
from harness.store.vocabulary import RECORDS, SCHEMA, Flag, Outcome, Regime, Role, RunError
from tests.harness.command import ROOT

BLANK = blank_record(make_case("elu", (8,), "float32"), "eager", "a device", Outcome.OK, None)
TEXTS = st.text()
TIMES = st.floats(min_value=0, allow_infinity=False, allow_nan=False)


def as_schema_2(record: Record, details: dict) -> str:
    """A line as version 0.1.0 wrote it."""
    fields = json.loads(to_json(record))
    for name in ("clock", "calls_per_sample", "audits", "error_by_input", "over_roof_reasons"):
        del fields[name]
    flags = ["warm" if flag == "not_cold" else flag for flag in fields["flags"]]
    return json.dumps(fields | {"schema": 2, "flags": flags, "details": details})


@given(
    st.builds(
        dataclasses.replace,
        st.just(BLANK),
        provider=TEXTS | st.just("\ud800"),
        reason=TEXTS | st.none(),
        samples_s=st.lists(TIMES, max_size=5).map(tuple),
        flags=st.lists(st.sampled_from(Flag), max_size=3).map(tuple),
        outcome=st.sampled_from(Outcome),
        regime=st.sampled_from(Regime) | st.none(),
        role=st.sampled_from(Role),
        error_by_input=st.none() | st.just(ErrorByInput(128, (0.5, None))),
        over_roof_reasons=st.lists(TEXTS, max_size=2).map(tuple),
    )
)
def test_a_record_is_read_back_as_it_was(record):
    line = to_json(record)
    assert "\n" not in line
    assert from_json(line) == record
    assert from_json(line, samples=False) == dataclasses.replace(record, samples_s=())


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_has_no_word_for_is_not_written(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(dataclasses.replace(BLANK, median_s=number))


def test_a_record_of_schema_2_is_lifted():
    record = dataclasses.replace(BLANK, flags=(Flag.NOT_COLD, Flag.NOISY), entries=("eager", "roof copy"))
    old = as_schema_2(
        record,
        {
            "clock": "cuda_events_of_graphs",
            "calls_per_sample": {"eager": 200, "roof copy": 300},
            "audits": 4,
            "error_by_input": {"patterns_per_bucket": 128, "max_ulp": [0.5, None]},
            "over_roof": ["its launch"],
        },
    )
    assert from_json(old) == dataclasses.replace(
        record,
        schema=2,
        clock="cuda_events_of_graphs",
        calls_per_sample=200,
        audits=4,
        error_by_input=ErrorByInput(128, (0.5, None)),
        over_roof_reasons=("its launch",),
    )
    assert from_json(as_schema_2(BLANK, {})) == dataclasses.replace(BLANK, schema=2)


def test_published_runs_of_schema_2_are_read():
    run = read_run(ROOT / "results" / "amd-epyc" / "default")
    assert (run.manifest.schema, run.manifest.device.name, run.manifest.inspected) == (2, "AMD EPYC", True)
    assert run.manifest.time is not None and run.manifest.time.wall_s > 0
    timed = [record for record in run.records if record.samples_s]
    assert timed and {record.clock for record in timed} == {"perf_counter"}
    assert any(record.error_by_input for record in run.records)
    assert all(record.audits for record in timed if record.op == "elu")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": SCHEMA + 1}, f"schema {SCHEMA + 1} and this elubench reads {SCHEMA}; read it with the version"),
        ({"schema": None}, "schema None"),
        ({"flags": ["warmish"]}, r"not a record \(Invalid enum value 'warmish' - at `\$.flags\[0\]`\)"),
        ({"outcome": "splendid"}, r"\$.outcome"),
        ({"samples_s": "many"}, r"\$.samples_s"),
        ({"details": 3, "schema": 2}, r"\$.details"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(tmp_path, change, named):
    (tmp_path / RECORDS).write_text(f"{to_json(BLANK)}\n{json.dumps(json.loads(to_json(BLANK)) | change)}\n")
    with pytest.raises(RunError, match=f"records.jsonl, line 2: .*{named}"):
        list(iter_records(tmp_path))


def test_records_are_chosen_by_what_stands_before_their_samples(tmp_path):
    records = [dataclasses.replace(BLANK, provider=name, samples_s=(1e-6,)) for name in ("eager", "compile")]
    (tmp_path / RECORDS).write_text("".join(to_json(each) + "\n" for each in records))
    assert list(iter_records(tmp_path, lambda head: head.provider == "compile")) == records[1:]
    (tmp_path / RECORDS).write_text("no record\n")
    with pytest.raises(RunError, match="line 1"):
        list(iter_records(tmp_path, lambda head: False))


def test_every_flag_has_a_mark_and_a_meaning_of_its_own():
    assert len({flag.mark for flag in Flag}) == len({flag.meaning for flag in Flag}) == len(Flag)
    assert all(len(flag.mark) == 1 and flag == flag.value == str(flag) for flag in Flag)

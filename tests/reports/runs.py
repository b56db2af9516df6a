"""Runs for the tests of reports: records as a sweep would store them, with times that are chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.cases import Case, make_case
from harness.records import SCHEMA, Record, Run
from harness.statistics import median, median_ci

CASE = make_case("elu", (4096, 4096), "bfloat16")


def record(case: Case = CASE, provider: str = "eager", time_s: float = 100e-6, **changes) -> Record:
    """A record with outcome "ok", timed 40 times evenly within ±0.5% of `time_s`; the roof is 1000 GB/s."""
    samples = tuple(time_s * (1 + 0.005 * (n - 19.5) / 19.5) for n in range(40))
    made = Record(
        schema=SCHEMA,
        case_key=case.key,
        op=case.op,
        params=dict(case.params),
        shape=case.shape,
        dtype=case.dtype,
        layout=case.layout,
        provider=provider,
        regime="cold",
        outcome="ok",
        reason=None,
        samples_s=samples,
        median_s=median(samples),
        ci95_s=median_ci(samples),
        stop_rule="precision",
        elements=case.elements,
        bytes_moved=case.bytes_moved,
        flops=case.flops,
        bandwidth_gbps=case.bytes_moved / time_s / 1e9,
        roof=case.roof,
        roof_gbps=1000.0,
        max_ulp=0.5,
        worst_input="x=-0.25",
        flags=(),
        device="Test device",
    )
    return replace(made, **changes)


def untimed(case: Case = CASE, provider: str = "triton", outcome: str = "validated", **changes) -> Record:
    """A record without times."""
    return record(
        case, provider, outcome=outcome, regime=None, samples_s=(), median_s=None, ci95_s=None, stop_rule=None,
        bandwidth_gbps=None, roof_gbps=None, **changes,
    )  # fmt: skip


def control(noise_floor: float, case: Case = CASE, time_s: float = 100e-6) -> Record:
    """The A/A twin of eager."""
    return record(case, "eager", time_s, role="control", details={"noise_floor": noise_floor})


def roof(case: Case = CASE, time_s: float = 60e-6) -> Record:
    """The matched stream of a case."""
    return record(case, case.roof, time_s, role="roof", max_ulp=None, worst_input=None)


def run_of(*records: Record, torn: bool = False, **manifest) -> Run:
    """A run as `read_run` gives it."""
    whole = {
        "schema": SCHEMA,
        "elubench": "0.1.0",
        "created": "2026-01-01T00:00:00+00:00",
        "device": {"kind": "cpu", "name": "Test device", "torch_device": "cpu"},
        "versions": {"torch": "2.13.0", "triton": "3.7.1"},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "sweep": {"name": "smoke"},
        "threads": 2,
        **manifest,
    }
    return Run(Path("somewhere"), whole, records, torn)

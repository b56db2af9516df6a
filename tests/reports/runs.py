"""Runs for the tests of reports: records as a sweep would store them, with times that are chosen."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.ops.cases import Case, make_case
from harness.store.manifest import UNKNOWN_DEVICE, Manifest
from harness.store.records import Record, Run, read_run, to_json
from harness.store.vocabulary import MANIFEST, RECORDS, SCHEMA, Flag, Mix, Outcome, Regime
from harness.timing.estimators import median, median_ci

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
        regime=Regime.COLD,
        outcome=Outcome.OK,
        reason=None,
        samples_s=samples,
        median_s=median(samples),
        ci95_s=median_ci(samples),
        stop_rule="precision",
        elements=case.elements,
        bytes_moved=case.bytes_moved,
        flops=case.flops,
        bandwidth_gbps=case.bytes_moved / time_s / 1e9,
        roof=Mix(case.roof),
        roof_gbps=1000.0,
        max_ulp=0.5,
        worst_input="x=-0.25",
        flags=(),
        device="Test device",
        data=case.data,
        working_set_bytes=case.bytes_moved,
    )
    return replace(made, **changes)


def noisy(
    case: Case = CASE, provider: str = "eager", time_s: float = 100e-6, seed: int = 0, count: int = 200, **changes
) -> Record:
    """A record with `count` skewed samples around `time_s`, as real ones are: about ±0.5% for the median."""
    generator = random.Random(f"{seed} {case.key} {provider} {changes.get('role')}")
    samples = tuple(time_s * (1 + 0.02 * generator.gauss(0, 1) + 0.02 * generator.expovariate(1)) for _ in range(count))
    return record(
        case, provider, time_s, samples_s=samples, median_s=median(samples), ci95_s=median_ci(samples),
        bandwidth_gbps=case.bytes_moved / median(samples) / 1e9, **changes,
    )  # fmt: skip


def slowed(record: Record, factor: float = 1.03) -> Record:
    """The record with every sample, and what follows from the samples, slowed down."""
    assert record.median_s is not None and record.ci95_s is not None and record.bandwidth_gbps is not None
    return replace(
        record,
        samples_s=tuple(time_s * factor for time_s in record.samples_s),
        median_s=record.median_s * factor,
        ci95_s=(record.ci95_s[0] * factor, record.ci95_s[1] * factor),
        bandwidth_gbps=record.bandwidth_gbps / factor,
    )


def untimed(case: Case = CASE, provider: str = "triton", outcome: str = "validated", **changes) -> Record:
    """A record without times."""
    return record(
        case, provider, outcome=outcome, regime=None, samples_s=(), median_s=None, ci95_s=None, stop_rule=None,
        bandwidth_gbps=None, roof_gbps=None, **changes,
    )  # fmt: skip


def control(noise_floor: float, case: Case = CASE, time_s: float = 100e-6) -> Record:
    """The A/A twin of eager."""
    return record(case, "eager", time_s, role="control", noise_floor=noise_floor)


def roof(case: Case = CASE, time_s: float = 60e-6, **changes) -> Record:
    """The matched stream of a case."""
    return record(case, case.roof, time_s, role="roof", max_ulp=None, worst_input=None, **changes)


def run_of(*records: Record, torn: bool = False, **manifest) -> Run:
    """A run as `read_run` gives it."""
    whole: dict[str, Any] = {
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
    whole = {name: value for name, value in whole.items() if value is not None}
    whole["device"] = asdict(UNKNOWN_DEVICE) | whole.get("device", {})
    return Run(Path("somewhere"), msgspec.convert(whole, Manifest), records, torn)


# Names that mean something to HTML, LaTeX, spreadsheets, Markdown or a terminal; none may mean it in a report.
HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'",
    "latex": r"\input{/etc/passwd} 100% #1 a_b^c ~ $x$ {unbalanced \\ [2em] & ?` !` -- <<",
    "formula": '=HYPERLINK("http://127.0.0.1:9/"&A1)',
    "formula_plus": "+1+cmd|' /C calc'!A0",
    "formula_at": "@SUM(1)",
    "formula_minus": "-2+3",
    "formula_tab": "\t=1+1",
    "markdown": "`a`|**b**|[c](javascript:alert(1))|![d](http://127.0.0.1:9/)|@everyone\n# heading\n\n---",
    "terminal": "\x1b[2J\x1b]0;title\x07\r\nnext\u202eline\u2028",
    "markup": "[red]evil[/red][link=http://127.0.0.1:9/]here[/link]",
    "unicode": "数 é \ud800 \u0000 😀",
    "path": "../../../../tmp/evil/%00",
}


def hostile_run() -> Run:
    """A run in which everything that comes from outside is hostile: providers, device, sweep, reasons, versions."""
    records = []
    for number, name in enumerate(HOSTILE.values()):
        case = make_case("elu", (256 * (number + 1), 256), "float16")
        records += [record(case), record(case, name, 80e-6, device=name, worst_input=name, flags=(Flag.NOISY,))]
        records.append(untimed(case, f"{name} ", "rejected", reason=name, worst_input=name))
        records.append(replace(roof(case), provider=name))
        records.append(record(case, f"valid {name}", 90e-6, device=name))
    everything = " ".join(HOSTILE.values())
    return run_of(
        *records,
        device={"kind": "cpu", "name": everything, "torch_device": "cpu"},
        elubench=everything,
        versions={"torch": everything, "triton": everything},
        git={"commit": everything, "dirty": True},
        sweep={"name": everything},
        created=everything,
    )


def stored(run: Run, path: Path) -> Run:
    """The run, written to the directory `path` as a sweep would have stored it, and read again."""
    path.mkdir(parents=True)
    (path / MANIFEST).write_text(json.dumps(asdict(run.manifest)), encoding="utf-8")
    (path / RECORDS).write_text("".join(to_json(each) + "\n" for each in run.records), encoding="utf-8")
    return read_run(path)

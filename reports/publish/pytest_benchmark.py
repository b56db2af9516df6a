"""A stored run in pytest-benchmark's JSON, for `pytest-benchmark compare` and whatever else reads that format."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.store.provenance import Git
from harness.store.records import Record, Run
from reports.analysis.fleet import by_model, devices_text

FORMAT_VERSION = "5.0.0"  # of pytest-benchmark, whose fields these are


def as_json(run: Run) -> dict[str, Any]:
    """The timed providers of a run; roofs and controls are not benchmarks of anything."""
    manifest, models = run.manifest, len(by_model(run))
    device, versions, git = manifest.device, manifest.versions, manifest.git or Git()
    return {
        "machine_info": {
            "node": devices_text(run),
            "machine": device.kind,
            "system": versions.platform,
            "python_version": versions.python,
            "python_implementation": "CPython",
            "cpu": {"brand_raw": device.name},
            "torch": versions.torch,
            "triton": versions.triton,
        },
        "commit_info": {
            "id": git.commit or "unversioned",
            "dirty": bool(git.dirty),
            "project": "elubench",
            "branch": "(unknown)",
            "time": None,
            "author_time": None,
        },
        "benchmarks": [
            _benchmark(record, record.device if models > 1 else "")
            for record in run.records
            if record.role == "provider" and record.samples_s
        ],
        "datetime": manifest.created,
        "version": FORMAT_VERSION,
    }


def extra_info(record: Record) -> dict[str, Any]:
    """What a time is worth: rates, the part of the roof, the regime, and what is against it."""
    fraction = None
    if record.bandwidth_gbps and record.roof_gbps:
        fraction = record.bandwidth_gbps / record.roof_gbps
    return {
        "valid": not record.doubts,
        "flags": list(record.flags),
        "regime": record.regime,
        "bandwidth_gbps": record.bandwidth_gbps,
        "roof_fraction": fraction,
        "ci95_s": list(record.ci95_s) if record.ci95_s else None,
        "noise_floor": record.noise_floor,
        "max_ulp": record.max_ulp,
        "stop_rule": record.stop_rule,
        "device": record.device,
    }


def _benchmark(record: Record, model: str) -> dict[str, Any]:
    """A record's times; where the run is of several models of device, each has groups and names of its own."""
    on = f" on {model}" if model else ""
    return {
        "group": f"{record.case_key}{on}",
        "name": f"{record.case_key} {record.provider} {record.regime}{on}",
        "fullname": f"{record.case_key} {record.provider} {record.regime}{on}",
        "params": {"provider": record.provider, "regime": record.regime, **record.params},
        "param": f"{record.provider}-{record.regime}",
        "extra_info": extra_info(record),
        "options": {"timer": record.clock, "disable_gc": True, "warmup": True},
        "stats": _stats(np.asarray(record.samples_s)),
    }


def _stats(samples: np.ndarray) -> dict[str, Any]:
    """pytest-benchmark's own statistics: these are not elubench's, whose interval is in `extra_info`."""
    q1, middle, q3 = (float(each) for each in np.quantile(samples, (0.25, 0.5, 0.75)))
    mean = float(samples.mean())
    stddev = float(samples.std(ddof=1)) if len(samples) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = samples[(samples >= low) & (samples <= high)]
    beyond_stddev = int((np.abs(samples - mean) > stddev).sum())
    beyond_iqr = int(len(samples) - len(inside))
    return {
        "min": float(samples.min()),
        "max": float(samples.max()),
        "mean": mean,
        "stddev": stddev,
        "rounds": len(samples),
        "median": middle,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond_iqr,
        "stddev_outliers": beyond_stddev,
        "outliers": f"{beyond_stddev};{beyond_iqr}",
        "ld15iqr": float(inside.min()),
        "hd15iqr": float(inside.max()),
        "ops": 1 / mean,
        "total": float(samples.sum()),
        "data": samples.tolist(),
        "iterations": 1,
    }

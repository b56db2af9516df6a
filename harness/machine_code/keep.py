"""Counts the machine code of a run's kernels, and stores the rows in the run's `inspect.json`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from harness import providers
from harness.device.devices import Device
from harness.emulator.emulated import ARCH
from harness.machine_code.pipelines import RATES
from harness.machine_code.rows import keep_rows
from harness.machine_code.survey import survey
from harness.ops.catalogue import KERNEL_OPS
from harness.store.manifest import read_manifest, write_manifest
from harness.store.vocabulary import INSPECTION, MANIFEST
from harness.sweeps.sweep import Sweep


def keep_inspection(run: Path, plan: Sweep, device: Device) -> None:
    """Count the code of the kernels that a run names, and keep the rows with it; those emulated where there is no GPU.

    A part of the run that can fail without harm: the reason is said, and what was measured stays as it is. To be
    done before the run is sealed, and done once: what an earlier session has kept stays.
    """
    stored = read_manifest(run)
    cases = [case for case in plan.cases if case.op in KERNEL_OPS]
    kernels = [spec for spec in plan.providers if spec in providers.LAUNCH_TRITON or providers.file_of(spec)]
    if not kernels or not cases or (stored.inspected and (run / INSPECTION).exists()):
        return
    arch = device.capability or ARCH
    if arch not in RATES:
        print(f"elubench: machine code was not inspected: {arch} is not among {', '.join(RATES)}", file=sys.stderr)
        return
    ops, dtypes = (list(dict.fromkeys(getattr(case, name) for case in cases)) for name in ("op", "dtype"))
    try:
        surveyed = [survey([arch], spec, ops, dtypes) for spec in kernels]
        # A file that launches nothing has no machine code to show.
        keep_rows(run, [row for rows in surveyed if any(row.kernel for row in rows) for row in rows])
        write_manifest(run / MANIFEST, replace(stored, inspected=True))
    except (ValueError, OSError) as error:
        print(f"elubench: machine code was not inspected: {error}", file=sys.stderr)

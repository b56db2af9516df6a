"""A provider's file through the gate on small cases, as a run sends it there, and nothing timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.device.devices import Device
from harness.ops.cases import Case, make_case
from harness.ops.catalogue import OPS
from harness.run.bench import OnStage, run_in
from harness.run.job import Job
from harness.run.worker import Worker
from harness.store.records import Record
from harness.store.vocabulary import Cause
from harness.sweeps.stop_rule import StopRule

# More elements than a 16-bit dtype has values, and of no round number: every value, and a kernel's tail.
SHAPE = (257, 259)
DTYPES = ("bfloat16", "float16", "float32")
_TIMEOUT_S = 120.0


def small_cases(op: str, dtypes: Sequence[str]) -> list[Case]:
    """The cases by which an op is checked: with its defaults, and with other parameters."""
    params = OPS[op].params
    changes = [*OPS[op].variants.values(), *([{"is_result": True}] if "is_result" in params else [])]
    return [make_case(op, SHAPE, dtype, change) for change in changes for dtype in dtypes]


def check(
    spec: str, ops: Sequence[str], dtypes: Sequence[str], device: Device, log: Path, on_stage: OnStage
) -> Iterator[Record]:
    """The records of the gate, as they are made; of an op that the provider has not, one that says so.

    Without a GPU all of it runs where Triton's driver is the emulated GPU.
    """
    worker = Worker(log)
    try:
        for op in ops:
            for case in small_cases(op, dtypes):
                job = Job(case, (spec,), device, StopRule(), 0, timed=device.kind != "cpu", gate_only=True)
                (record,) = run_in(worker, job, _TIMEOUT_S, on_stage)
                yield record
                if record.cause is Cause.NOT_IMPORTED:
                    return
                if record.cause is Cause.NO_FUNCTION:
                    break
    finally:
        worker.stop()

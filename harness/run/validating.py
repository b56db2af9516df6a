"""Without a GPU: kernels as compiled for one, run by the emulated GPU, through the gate. Nothing is timed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from harness import providers
from harness.emulator.driver import EmulatedLaunch
from harness.emulator.emulated import ARCH, emulated
from harness.ops.buffers import allocate
from harness.ops.cases import Case
from harness.run.gated import gated
from harness.store.records import Record
from harness.store.vocabulary import Outcome

if TYPE_CHECKING:
    from harness.run.job import Job, Stage

# Elements of a case that are emulated: every 16-bit value many times over, in seconds.
ELEMENTS = 2**20
# And where another shape of the same kind has been through that: its own blocks, rows and tails.
ELEMENTS_AGAIN = 2**16


def validate(job: Job, stage: Stage) -> list[Record]:
    """The records of those providers that launch a Triton kernel, by a small version of the case.

    What launches nothing is not here, unless only the gate is asked for: it is code for the CPU, which can be timed.
    """
    case = job.case.reduced(ELEMENTS_AGAIN if job.is_repeat else ELEMENTS)
    stage("allocate", None)
    buffers = allocate(case, 1, "cpu", job.seed)[0]
    records = []
    arch = job.device.capability or ARCH
    with emulated(arch) as gpu:
        for spec in job.providers:
            stage("validate", spec)
            gpu.launches.clear()
            gpu.is_asked = False
            record, _ = gated(job, case, spec, buffers)
            failed_to_launch = gpu.is_asked and record.outcome != Outcome.OK
            is_of_triton = gpu.launches or failed_to_launch or spec in providers.LAUNCH_TRITON
            if job.gate_only or is_of_triton or record.outcome == Outcome.UNSUPPORTED:
                records.append(_judged(record, gpu.launches, arch, "×".join(map(str, case.shape))))
    return records


def launches_triton(spec: str, case: Case) -> bool:
    """Whether a provider launches Triton kernels for a case; found by calling it once on the emulated GPU."""
    if spec in providers.BUILTIN:
        return spec in providers.LAUNCH_TRITON
    buffers = allocate(case, 1, "cpu")[0]
    with emulated(ARCH, checks=False) as gpu, contextlib.suppress(Exception):
        providers.load(spec).prepare(case)(*buffers.inputs, *buffers.outputs)
    return bool(gpu.launches)


def _judged(record: Record, launches: list[EmulatedLaunch], arch: str, shape: str) -> Record:
    """A record of the gate with what the machine saw of memory."""
    faults = [fault for launch in launches for fault in launch.faults]
    record = replace(record, validated_by=f"ptx {arch}" if launches else None)
    if faults:
        return replace(record, outcome=Outcome.REJECTED, reason=f"memory: {faults[0]}", worst_input=None)
    if record.outcome != Outcome.OK or not launches:
        return record
    reason = f"right as compiled for {arch}, not timed: run by the emulated GPU at {shape}, as there is no GPU"
    return replace(record, outcome=Outcome.VALIDATED, reason=reason)

"""A provider, through the gate on a case, and the record of how that went. Whatever its code raises has an outcome."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from harness import providers
from harness.correctness import error_by_input, gate, integrity
from harness.emulator.machine import DeadlockError
from harness.emulator.ptx import UnsupportedInstruction
from harness.ops.buffers import BufferSet
from harness.ops.cases import Case
from harness.ops.catalogue import MODEL_OPS
from harness.plumbing.errors import named
from harness.providers.places import described
from harness.run.memory import peak_bytes
from harness.run.recording import blank_record
from harness.store.records import Record
from harness.store.vocabulary import Cause, Flag, Outcome

if TYPE_CHECKING:
    from harness.run.job import Job

ProviderCall = Callable[..., None]


def gated(job: Job, case: Case, spec: str, buffers: BufferSet) -> tuple[Record, ProviderCall | None]:
    """A provider's record so far (outcome "ok" if it passed the gate), and its call."""
    record, call = _through_gate(job, case, spec, buffers)
    replaced = integrity.restore()
    if replaced:
        return replace(record, outcome=Outcome.REJECTED, reason=integrity.sentence(replaced), worst_input=None), None
    return record, call


def _through_gate(job: Job, case: Case, spec: str, buffers: BufferSet) -> tuple[Record, ProviderCall | None]:
    name = providers.name_of(spec)
    try:
        call = providers.load(spec).prepare(case)
        verdict = gate.check(case, call, buffers, job.seed)
    except (providers.Unsupported, UnsupportedInstruction) as error:
        record = blank_record(job.case, name, job.device.name, Outcome.UNSUPPORTED, str(error))
        return replace(record, cause=Cause.NO_FUNCTION if isinstance(error, providers.NoFunction) else None), None
    except (providers.WrongOutput, providers.WrongSignature, DeadlockError) as error:
        return blank_record(job.case, name, job.device.name, Outcome.REJECTED, f"gate: {error}"), None
    except (Exception, SystemExit) as error:
        return failed_record(job, spec, error), None
    remark = getattr(call, "remark", "")
    why = f"gate: {verdict.reason}{f'; {remark}' if remark else ''}"
    outcome, reason = (Outcome.OK, None) if verdict.passed else (Outcome.REJECTED, why)
    record = blank_record(job.case, name, job.device.name, outcome, reason)
    flags = (Flag.FLUSHES_SUBNORMALS,) if verdict.flushes_subnormals else ()
    record = replace(record, max_ulp=_finite(verdict.max_ulp), worst_input=verdict.worst_input, flags=flags)
    if error_by_input.is_profiled(case):
        record = replace(record, error_by_input=error_by_input.error_by_input(case, call, buffers))
    if case.op in MODEL_OPS and job.timed:
        record = replace(record, peak_bytes=peak_bytes(call, buffers))
    return record, call


def failed_record(job: Job, spec: str, error: BaseException) -> Record:
    """The record of a provider that raised; what it raised goes to the worker's log, whole."""
    name = providers.name_of(spec)
    traceback.print_exception(error)
    if is_out_of_memory(error):
        if job.device.kind == "cpu":
            raise error  # what it holds would be missing to the others: they go on in a new process
        return blank_record(job.case, name, job.device.name, Outcome.OOM, named(error))
    if "CUDA error" in str(error) or "Error [CUDA]" in str(error):
        raise error  # the CUDA context may be gone with it: only a new process can go on for certain
    path, is_imported = providers.file_of(spec), not isinstance(error, providers.ProviderError)
    reason = described(error, [path] if path is not None and is_imported else [])
    record = blank_record(job.case, name, job.device.name, Outcome.CRASHED, reason)
    return record if is_imported else replace(record, cause=Cause.NOT_IMPORTED)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on the device or the host."""
    said = str(error)
    is_kind = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return is_kind or "can't allocate memory" in said or "std::bad_alloc" in said


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

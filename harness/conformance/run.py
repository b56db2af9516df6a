"""Puts providers through the checks, each provider in a process of its own: a crash or a hang costs one row."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from harness import providers
from harness.conformance import checks, judges, reproduce
from harness.conformance.checks import CHECKS, SemanticCheck
from harness.conformance.judges import CheckResult
from harness.conformance.reproduce import Reproducible
from harness.conformance.rows import Conformance, ConformRow, RowStatus
from harness.conformance.subject import CheckedProvider, Misbehaved
from harness.correctness import errors, gate, integrity
from harness.device.devices import Device
from harness.emulator.emulated import ARCH, emulated
from harness.emulator.ptx import UnsupportedInstruction
from harness.ops import catalogue, reference
from harness.ops.op import Unsupported
from harness.plumbing.errors import first_line, named
from harness.plumbing.processes import end_with_parent, running
from harness.store import provenance

_LIBRARIES = ("jax", "jaxlib", "onnxruntime", "onnx", "numba", "tensorflow", "tensorflow_cpu", "cupy", "flag_gems")
_TIMEOUT_S = 240.0
_JUDGING = (judges, checks, errors, gate, reference, *catalogue.MODULES)  # what a provider must not replace


@dataclass(frozen=True)
class Item:
    """One row to be made: a check, by its place in CHECKS, in one dtype."""

    number: int
    dtype: str

    @property
    def check(self) -> SemanticCheck:
        return CHECKS[self.number]


def items(ops: Sequence[str], dtypes: Sequence[str], huge: bool = False) -> list[Item]:
    """The rows of each provider; empty: all ops, all dtypes. `huge`: also what takes gigabytes."""
    return [
        Item(number, dtype)
        for number, check in enumerate(CHECKS)
        if (not ops or check.op in ops) and (huge or check.judge is not judges.huge)
        for dtype in check.dtypes
        if not dtypes or dtype in dtypes
    ]


def conformance(
    specs: Sequence[str], wanted: Sequence[Item], device: Device, say: Callable[[str], None]
) -> Conformance:
    """The table of these providers. Raises ProviderError. `say` is told what is being done."""
    rows: list[ConformRow] = []
    for spec in specs:
        for row in judged(spec, wanted, device.torch_device):
            rows.append(row)
            say(f"{row.provider}  {row.op}: {row.check}, {row.dtype}")
    return Conformance(
        device=device.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=tuple(rows),
        elubench=provenance.elubench_version(),
        versions=provenance.versions(),
        libraries={name: version for name in _LIBRARIES if (version := _version(name))},
        git=provenance.git_state(provenance.ROOT),
    )


def judged(spec: str, wanted: Sequence[Item], device: str) -> Iterator[ConformRow]:
    """A provider's rows, as they are made. Raises ProviderError where it cannot be loaded."""
    todo = list(wanted)
    while todo:
        for row in _in_process(spec, todo, device):
            yield row
            todo.pop(0)
        if todo:  # its process is gone
            yield row_of(
                spec, todo.pop(0), CheckResult(RowStatus.FAIL, note="its process died, or did not end in time")
            )


def _in_process(spec: str, todo: Sequence[Item], device: str) -> Iterator[ConformRow]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, spec, list(todo), device), daemon=True)
    with ours, running(process):
        theirs.close()
        loaded = _received(ours)
        if loaded != "":
            raise providers.ProviderError(loaded or f"{spec} cannot be loaded: its process ended, or did not in time")
        for _ in range(len(todo)):
            row = _received(ours)
            if row is None:
                return
            yield row


def _received(connection: Connection) -> Any:
    """What comes next; None where nothing comes."""
    try:
        return connection.recv() if connection.poll(_TIMEOUT_S) else None
    except (EOFError, ConnectionError):
        return None


def _work(connection: Connection, spec: str, todo: Sequence[Item], device: str) -> None:
    """In the process of a provider: send "" once it is loaded, or why it cannot be; then row by row."""
    end_with_parent()
    os.dup2(2, 1)  # what it prints is no part of the table
    launches = spec in providers.LAUNCH_TRITON or providers.file_of(spec) is not None
    with emulated(ARCH) if launches and device == "cpu" else nullcontext() as gpu:
        integrity.watch(_JUDGING)
        try:
            subject = CheckedProvider(spec, device, gpu)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            is_ours = isinstance(error, providers.ProviderError)
            connection.send(str(error) if is_ours else f"{spec} cannot be loaded: {named(error)}")
            return
        connection.send("")
        for item in todo:
            connection.send(_row(subject, item))


def _row(subject: CheckedProvider, item: Item) -> ConformRow:
    try:
        finding = item.check.judge(subject, item.check, item.dtype)
    except (Unsupported, UnsupportedInstruction, NotImplementedError) as error:
        finding = CheckResult(RowStatus.NOT_OFFERED, note=first_line(error))
    except Misbehaved as error:
        finding = CheckResult(RowStatus.FAIL, item.check.shape, note=str(error))
    except (Exception, SystemExit) as error:
        finding = CheckResult(RowStatus.FAIL, item.check.shape, note=f"raises {named(error)}"[:300])
    if replaced := integrity.restore():
        finding = CheckResult(RowStatus.FAIL, item.check.shape, note=integrity.sentence(replaced))
    return row_of(subject.spec, item, finding, "cuda" if subject.has_launched else subject.device)


def row_of(spec: str, item: Item, finding: CheckResult, device: str = "cpu") -> ConformRow:
    """The row of a finding, with the lines that show a fail."""
    check = item.check
    row = ConformRow(providers.name_of(spec), check.name, check.op, item.dtype, check.demand, finding.status)
    row = replace(row, max_ulp=finding.max_ulp, note=finding.note)
    if finding.input is not None and finding.got is not None and finding.true is not None:
        row = replace(row, input=_text(finding.input), got=_text(finding.got), true=_text(finding.true))
    if finding.status is RowStatus.FAIL:
        row = replace(row, reproduce=reproduce.lines(spec, Reproducible(check, item.dtype, finding, device)))
    return row


def _text(value: float) -> str:
    return f"{value:.9g}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

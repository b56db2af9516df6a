"""Cross-checks in a process of their own: what ends it, a provider's file as likely as not, is seen and said."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from harness import providers
from harness.crosscheck import Check, crosscheck
from harness.device.devices import Device
from harness.ops.cases import Case, make_case
from harness.plumbing.processes import end_with_parent, how_ended, running
from harness.providers.places import described


class Failed(Exception):
    """What a provider's code did instead of being timed, as a sentence."""


class NeedsGpu(Exception):
    """Kernels of Triton, where there is no GPU."""


def checks_apart(
    cases: Sequence[Case], spec: str, device: Device, rounds: int, seconds: float
) -> Iterator[list[Check]]:
    """The checks of each case in turn. Raises what `crosscheck` raises, NeedsGpu, and Failed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, tuple(cases), spec, device, rounds, seconds), daemon=True)
    with ours, running(process):
        theirs.close()
        for _ in cases:
            try:
                found = ours.recv()
            except EOFError:
                process.join()
                raise Failed(f"{spec} ended the process that times it, {how_ended(process.exitcode or 0)}") from None
            if isinstance(found, BaseException):
                raise found
            yield found


def _serve(pipe: Connection, cases: Sequence[Case], spec: str, device: Device, rounds: int, seconds: float) -> None:
    end_with_parent()
    try:
        _refuse_without_gpu(spec, cases[0], device)
        for case in cases:
            pipe.send(list(crosscheck(case, spec, device, rounds, seconds)))
    except (Exception, KeyboardInterrupt) as error:  # of a provider's: Ctrl-C is left to the parent
        pipe.send(_sendable(error, spec))


def _refuse_without_gpu(spec: str, case: Case, device: Device) -> None:
    from harness.run.validating import launches_triton

    if device.kind == "cpu" and launches_triton(spec, make_case(case.op, (64,), case.dtype)):
        raise NeedsGpu


def _sendable(error: BaseException, spec: str) -> BaseException:
    """The error, if it is one of ours; of a provider's own, what and where it is: a traceback cannot be sent."""
    if isinstance(error, MemoryError) or type(error).__module__.startswith("harness."):
        return error
    path = providers.file_of(spec)
    return Failed(f"{spec} fails: {described(error, [path] if path is not None else [])}")

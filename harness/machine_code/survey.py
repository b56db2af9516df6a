"""Counts machine code for several architectures: one process for each, as many at a time as cores. Imports no torch."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import providers
from harness.device.devices import usable_cores
from harness.machine_code import library
from harness.machine_code.pipelines import RATES
from harness.machine_code.rows import InspectedRow, from_json
from harness.machine_code.specimens import DTYPES
from harness.ops.catalogue import KERNEL_OPS

ARCHS = ("sm_80", "sm_90", "sm_100", "sm_120", "gfx942")  # where none is named; RATES has all that are known
EAGER = "eager"  # of which the kernels of a CUDA build of PyTorch are counted
_TIMEOUT_S = 1800
_ROOT = Path(__file__).parents[2]


class InspectError(ValueError):
    """What cannot be inspected; the message names the fault and the mend."""


def survey(
    archs: Sequence[str] = ARCHS,
    provider: str = "triton",
    ops: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    listings: Path | None = None,
) -> tuple[InspectedRow, ...]:
    """A row for every kernel that `provider` launches for `ops` in `dtypes` (all where empty), by architecture.

    `provider` is one of providers.LAUNCH_TRITON, EAGER, or a file, whose code runs with the user's rights. `listings`
    is a directory, made where it is missing, for the machine code as text. Raises InspectError, ProviderError,
    LibraryError.
    """
    check(archs, provider, ops, dtypes)
    if listings is not None:
        listings.mkdir(parents=True, exist_ok=True)
    request = {
        "provider": provider,
        "ops": list(ops or KERNEL_OPS),
        "dtypes": list(dtypes or DTYPES),
        "listings": None if listings is None else str(listings),
    }
    with ThreadPoolExecutor(min(len(archs), usable_cores())) as pool:
        found = pool.map(lambda arch: _worker(json.dumps(request | {"arch": arch})), archs)
        return tuple(row for rows in found for row in rows)


def survey_beside_ours(
    archs: Sequence[str],
    files: Sequence[str],
    ops: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    listings: Path | None = None,
) -> tuple[InspectedRow, ...]:
    """The rows of this suite's kernels and of the files' for what both compute: ours first.

    Raises as `survey` does, and InspectError where a file defines no function for any of the ops.
    """
    theirs: list[InspectedRow] = []
    for spec in files:
        found = survey(archs, spec, ops, dtypes, listings)
        if not found:
            raise InspectError(
                f"{spec} defines no function named after {' or '.join(ops or ['an op'])}; 'elubench list ops' has the "
                "names and what each function is given"
            )
        theirs += found
    shared = {row.op for row in theirs}
    ours = survey(archs, "triton", [op for op in ops or KERNEL_OPS if op in shared or not files], dtypes, listings)
    return (*ours, *theirs)


def check(archs: Sequence[str], provider: str, ops: Sequence[str], dtypes: Sequence[str]) -> None:
    """Raises InspectError for names that are not known and where Triton is missing, ProviderError, LibraryError."""
    for given, known, what in ((archs, RATES, "architecture"), (ops, KERNEL_OPS, "op"), (dtypes, DTYPES, "dtype")):
        for each in given:
            if each not in known:
                raise InspectError(f"there is no {what} {each!r} to inspect; choose from {', '.join(known)}")
    providers.check(provider)
    if provider == EAGER:
        library.find()
    elif provider in providers.BUILTIN and provider not in providers.LAUNCH_TRITON:
        raise InspectError(
            f"{provider} launches no Triton kernels here; name {' or '.join(providers.LAUNCH_TRITON)} (Inductor's are "
            f"those of torch.compile), {EAGER} for PyTorch's own, or a file with kernels of yours"
        )
    if importlib.util.find_spec("triton") is None:
        raise InspectError("triton is not installed, and machine code is made by it; install triton (Linux only)")


def process_environment() -> dict[str, str]:
    """That of a process that compiles kernels: Triton does not interpret there, and this package is found."""
    kept = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH", ""))))}


def worker_lines(module: str, request: str, environment: dict[str, str]) -> Iterator[bytes]:
    """The lines that a module of ours prints for a request on its standard input, as they come. Raises InspectError."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
        with process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(request.encode())
            process.stdin.close()
            try:
                yield from process.stdout
            except BaseException:
                process.kill()
                raise
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode != 0:
        raise InspectError(f"the process that runs kernels ended: {lines[-1] if lines else process.returncode}")


def _worker(request: str) -> tuple[InspectedRow, ...]:
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "harness.machine_code.worker"],
            input=request, env=process_environment(), capture_output=True, text=True, timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InspectError(f"kernels were not compiled after {_TIMEOUT_S} s; inspect fewer with --op") from None
    if ended.returncode or not ended.stdout:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        of_ours, _, sentence = last.partition(": ")
        if of_ours.startswith("harness.") and sentence:
            raise InspectError(sentence)
        raise InspectError(f"the process that compiles kernels ended: {last}")
    return from_json(ended.stdout.encode())

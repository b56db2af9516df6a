"""The process that compiles kernels for one architecture and one provider, and prints rows as JSON.

It is a process of its own because Triton decides when kernels are imported whether it interprets them, and keeps
what it compiled for one target. Run by `survey`; it reads a request from standard input.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget

from harness import providers
from harness.device.datasheets import of_arch
from harness.machine_code import amd, aten, disassemble, library, model
from harness.machine_code.driver import NotedLaunch, NotingDriver, noting
from harness.machine_code.executed import NotExecutedError, execute
from harness.machine_code.instructions import MachineInstruction
from harness.machine_code.line_table import ptx_lines
from harness.machine_code.rows import InspectedRow, to_json
from harness.machine_code.specimens import Specimen, specimens
from harness.machine_code.survey import EAGER
from harness.ops.cases import Case

# What a row's note says of counts that are not of an executed block.
_STATIC = "Not executed, so the way with the fewest instructions that moves the launch's bytes is counted"


@dataclass(frozen=True)
class Code:
    """A kernel's instructions, and what it takes: registers and bytes of local memory, both per thread.

    `lines` are those of its PTX that the instructions come from, where that is known.
    """

    instructions: list[MachineInstruction]
    registers: int
    local_bytes: int
    lines: list[int | None]


class NoLaunch(Exception):
    """There is nothing to inspect: what was called launched no kernel."""


@dataclass(frozen=True)
class Noted:
    """A launch, the row that it is to fill, and what it has to do."""

    row: InspectedRow
    launch: NotedLaunch
    work: model.LaunchWork
    bytes_per_element: float


def main() -> None:
    request = json.load(sys.stdin)
    # What a provider prints goes to the errors: standard output is for the rows alone.
    out = os.dup(1)
    os.dup2(2, 1)
    asked = request["arch"], request["ops"], request["dtypes"], request["listings"]
    rows = of_eager(*asked) if request["provider"] == EAGER else inspect(request["provider"], *asked)
    with os.fdopen(out, "w", encoding="utf-8") as file:
        file.write(to_json(rows))


def inspect(spec: str, arch: str, ops: list[str], dtypes: list[str], listings: str | None = None) -> list[InspectedRow]:
    """A row for every kernel that the provider launches, or for every case in which it launches none.

    `listings` is a directory to write the machine code of each of them to.
    """
    provider = providers.load(spec)
    noted: list[Noted] = []
    failed: list[InspectedRow] = []
    with noting(target(arch), of_arch(arch)[0].multiprocessors) as driver:
        for op in ops:
            for specimen in (each for dtype in dtypes for each in specimens(op, dtype)):
                row = InspectedRow(op, specimen.variant, specimen.case.dtype, arch, provider.name)
                try:
                    noted += _noted(row, specimen, provider, driver)
                except providers.Unsupported as reason:
                    if spec in providers.BUILTIN:
                        failed.append(replace(row, reason=str(reason)))
                except Exception as error:
                    driver.take()
                    failed.append(replace(row, reason=_sentence(error)))
    if listings is not None:
        for each in noted:
            _list(each, Path(listings))
    return [*filled(noted, arch), *failed]


def of_eager(arch: str, ops: list[str], dtypes: list[str], listings: str | None = None) -> list[InspectedRow]:
    """A row for every kernel of PyTorch's own, or why it is not counted. Raises LibraryError."""
    found = library.find()
    rows = []
    for op in ops:
        for specimen in (each for dtype in dtypes for each in specimens(op, dtype) if "odd" not in each.variant):
            blank = InspectedRow(op, specimen.variant, specimen.case.dtype, arch, EAGER)
            rows.append(aten.counted(found, blank, params=tuple(specimen.case.params.values())))
            if listings is not None and rows[-1].reason is None:
                path = _listing_path(blank, Path(listings))
                path.with_name(f"{path.name}.sass").write_text(aten.listed(found, blank), encoding="utf-8")
    return rows


def _listing_path(row: InspectedRow, directory: Path) -> Path:
    name = " ".join((row.op, row.variant, row.dtype, row.arch, "" if row.role == "main" else "second pass"))
    name = name.strip() if row.provider == "triton" else f"{row.provider} {name.strip()}"
    return directory / re.sub(r"[^\w.=-]+", "-", name)


def _list(noted: Noted, directory: Path) -> None:
    """The kernel's code as text, in a file that is named after its row."""
    path, files = _listing_path(noted.row, directory), noted.launch.files
    if "cubin" in files:
        path.with_name(f"{path.name}.sass").write_text(disassemble.readable(str(files["cubin"])), encoding="utf-8")
    else:
        path.with_name(f"{path.name}.s").write_bytes(files["amdgcn"].read_bytes())


def target(arch: str) -> GPUTarget:
    """Triton's name for an architecture."""
    return GPUTarget("hip", arch, 64) if arch.startswith("gfx") else GPUTarget("cuda", int(arch[3:]), 32)


def _noted(
    row: InspectedRow, specimen: Specimen, provider: providers.Provider, driver: NotingDriver
) -> Iterator[Noted]:
    """What the provider launches for the specimen, on tensors without memory."""
    case = specimen.case
    inputs, outputs = (
        [torch.empty(each.shape, dtype=getattr(torch, each.dtype), device="meta") for each in specs]
        for specs in (case.inputs, case.outputs)
    )
    provider.prepare(case)(*inputs, *outputs)
    # Autotuning launches every configuration, and the one that it chose once more.
    launches = list({_identity(each): each for each in driver.take()}.values())
    if not launches:
        raise NoLaunch("it launched no Triton kernel")
    works = _works(case, launches, inputs, outputs)
    mains = [each for each in works if each.main_stored_bytes]
    configured = {
        each.kernel
        for each in launches
        if any(other.kernel == each.kernel and other.constants != each.constants for other in launches)
    }
    for launch, work in zip(launches, works, strict=True):
        is_main = bool(work.main_stored_bytes)
        least = case.bytes_moved if is_main and len(mains) == 1 else work.stored_bytes + work.loaded_bytes
        name = f"{row.variant} [{launch.constants}]" if launch.kernel in configured else row.variant
        named = replace(row, variant=name, kernel=launch.kernel, role="main" if is_main else "stage2")
        yield Noted(named, launch, work, least / case.elements)


def _identity(launch: NotedLaunch) -> tuple[object, ...]:
    return launch.kernel, launch.constants, launch.programs, tuple(map(_storage, launch.tensors))


def _works(
    case: Case, launches: list[NotedLaunch], inputs: list[Tensor], outputs: list[Tensor]
) -> list[model.LaunchWork]:
    """What each launch has to load and store: an output is stored, and so is scratch by the first that has it."""
    given, results = {_storage(each) for each in inputs}, {_storage(each) for each in outputs}
    seen: set[int] = set()
    works = []
    for launch in launches:
        tensors = {_storage(each): each for each in launch.tensors}
        stored = {key for key in tensors if key in results or (key not in given and key not in seen)}
        stored = stored or set(tensors) - given  # scratch that is written once more
        loaded = set(tensors) - stored or set(tensors)
        seen |= set(tensors)
        sizes = {key: each.numel() * each.element_size() for key, each in tensors.items()}
        large = {key for key, each in tensors.items() if each.numel() == case.elements}
        works.append(
            model.LaunchWork(
                elements=case.elements,
                threads=launch.programs * launch.threads,
                stored_bytes=sum(sizes[key] for key in stored),
                loaded_bytes=sum(sizes[key] for key in loaded),
                main_stored_bytes=sum(sizes[key] for key in stored & large),
                main_loaded_bytes=sum(sizes[key] for key in loaded & large),
            )
        )
    return works


def _storage(tensor: Tensor) -> int:
    """The same number for all views of one storage."""
    return int(tensor.untyped_storage()._cdata)


def filled(noted: list[Noted], arch: str) -> list[InspectedRow]:
    """The rows with their numbers."""
    try:
        codes = _amd_codes(noted) if arch.startswith("gfx") else _nvidia_codes(noted, arch)
    except disassemble.ToolError as error:
        return [replace(each.row, reason=str(error)) for each in noted]
    return [_counted_row(each, code) for each, code in zip(noted, codes, strict=True)]


def _counted_row(noted: Noted, code: Code | disassemble.ToolError) -> InspectedRow:
    if isinstance(code, disassemble.ToolError):
        return replace(noted.row, reason=str(code))
    run, row = None, noted.row
    try:
        run = execute(noted.launch, code.lines)
    except NotExecutedError as why:
        row = replace(row, notes=(f"{_STATIC}: {why}.",))
    return model.row(
        row, code.instructions, noted.work, noted.bytes_per_element,
        threads=noted.launch.threads, programs=noted.launch.programs, registers=code.registers,
        local_bytes=code.local_bytes, shared_bytes=noted.launch.shared_bytes, run=run,
    )  # fmt: skip


def _nvidia_codes(noted: list[Noted], arch: str) -> list[Code | disassemble.ToolError]:
    """The code of each launch, or why it cannot be read. Raises ToolError where that holds for all."""
    paths = [each.launch.files["cubin"] for each in noted]
    binaries = {str(path): disassemble.kernel_code(path.read_bytes()) for path in paths}
    listed = disassemble.listings({path: code for path, code in binaries.items() if isinstance(code, bytes)}, arch)
    found: dict[str, Code | disassemble.ToolError] = {}
    for path, code in binaries.items():
        if isinstance(code, bytes):
            taken = disassemble.resources(path)
            lines = ptx_lines(Path(path).read_bytes(), len(listed[path]))
            found[path] = Code(listed[path], taken.registers, taken.local_bytes, lines)
        else:
            found[path] = code
    return [found[str(path)] for path in paths]


def _amd_codes(noted: list[Noted]) -> list[Code | disassemble.ToolError]:
    texts = [each.launch.files["amdgcn"].read_text(encoding="utf-8") for each in noted]
    return [
        Code(amd.parse(text), amd.number(text, "vgpr_count"), amd.number(text, "private_segment_fixed_size"), [])
        for text in texts
    ]


def _sentence(error: BaseException) -> str:
    """The last line that the first cause of an exception says: a compiler's others tell where it was."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^|\t")]
    return (
        str(error)
        if isinstance(error, NoLaunch)
        else f"{type(error).__name__}: {lines[-1] if lines else 'no message'}"[:300]
    )


if __name__ == "__main__":
    main()

"""The rooms of the house, as data: from the top down, each with what is inside. A room imports only those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOPS = ("kernels", "harness", "reports")

# `reports` is one room here; between its own folders, imports follow from what each is for.
ROOMS = {
    "harness.cli": "the verbs, progress and exit codes",
    "reports": "what is said about a stored run",
    "harness.doctor": "what this machine can measure, and why not the rest",
    "harness.paper": "the ELU paper's statements, measured",
    "harness.proof": "every input there is, put through the compiled kernel",
    "harness.predict": "the time of a kernel by size, modelled, and held against published times",
    "harness.conformance": "ELU's semantics as checks, and every provider put through them",
    "harness.crosscheck": "our clock against other libraries'",
    "harness.run": "a sweep, run: worker processes, the job of one case, the making of records",
    "harness.fleet": "a Ray cluster: its nodes, and calls spread over their slots",
    "harness.machine_code": "kernels compiled, disassembled and counted",
    "harness.timing": "clocks, the sampler, estimators, roofs, regimes",
    "harness.emulator": "the emulated GPU: compiled PTX and machine code, executed on the CPU",
    "harness.correctness": "the gate, errors in ULP, the audit of timed calls",
    "harness.providers": "who computes an op: ours, PyTorch's, a user's file",
    "harness.sweeps": "the TOML files that name cases and providers, and their reader",
    "harness.ops": "one file an op: its tensors, parameters, reference and PyTorch form",
    "harness.store": "records, the manifest, the run directory, its seal",
    "harness.device": "the device: what it is, its datasheet, its health",
    "harness.plumbing": "files written whole, first lines of errors, a worker whose parent is gone",
    "kernels": "the Triton kernels, one file an op, and their faces in PyTorch",
}

# From `elubench run` to a stored record: the modules in the order in which a reader comes to them.
ROUTE = (
    ("harness.cli.app", "the verb `run` reads the options"),
    ("harness.sweeps.sweep", "the sweep file becomes cases"),
    ("harness.run.runner", "every case becomes a unit for an engine, its records go to the store"),
    ("harness.run.engine", "the engine gives every unit to a device, this machine's or one of a cluster"),
    ("harness.run.bench", "the device's worker processes, and what is made of their deaths"),
    ("harness.run.worker", "the worker process runs a job, and may die of it"),
    ("harness.run.measuring", "one case: gate, regime, samples, audit"),
    ("harness.run.recording", "a record is made of samples"),
    ("harness.providers", "a provider prepares its call"),
    ("harness.correctness.gate", "its outputs are checked"),
    ("harness.timing.sampler", "it is timed, in turns with the others"),
    ("harness.store.files", "the records are written and flushed"),
)


def room_of(module: str) -> str | None:
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), None)


def sources(root: Path) -> Iterator[Path]:
    """The files in Python of kernels, harness and reports."""
    for top in TOPS:
        yield from sorted((root / top).rglob("*.py"))


def module_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """The names of all modules that a source imports from other packages, inside of functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def upward(root: Path) -> list[str]:
    """A sentence for every import that points upwards, or from kernels to anything of ours."""
    order = list(ROOMS)
    found = []
    for path in sorted(sources(root)):
        module = module_of(path, root)
        own = room_of(module)
        for name in imported(path.read_text(encoding="utf-8")):
            other = room_of(name)
            if own and other and order.index(other) < order.index(own):
                found.append(f"{module} imports {name}, which is above it")
    return found

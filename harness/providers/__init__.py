"""Providers: who computes an op.

A provider is a function `prepare(case) -> call`, and `call(*inputs, *outputs)` computes the case into the
outputs it is given. Everything slow (compiling, choosing a kernel) belongs into `prepare`; only `call` is timed.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from harness.providers.errors import NoFunction, ProviderError, Unsupported, WrongOutput, WrongSignature
from harness.providers.file import load_module, prepared, sources
from harness.providers.peers import PEERS
from harness.store.manifest import read_manifest
from harness.store.sources import kept, sources_sha256
from harness.store.vocabulary import PROVIDERS

if TYPE_CHECKING:
    from harness.ops.cases import Case

__all__ = [
    "BUILTIN", "LAUNCH_TRITON", "NoFunction", "Provider", "ProviderError", "Unsupported", "WrongOutput",
    "WrongSignature", "check", "check_name", "check_unchanged", "distinct", "file_of", "load", "module_of", "name_of",
    "sources_of",
]  # fmt: skip

BUILTIN = {
    "eager": "PyTorch's own operators, one call each",
    "compile": "torch.compile of the same (Inductor)",
    "triton": "the kernels of this suite",
    "inductor": "torch.compile's kernels for CUDA where there is no GPU: validated and counted, never timed",
    **PEERS,
}
LAUNCH_TRITON = ("triton", "inductor", "flaggems")  # of the built-in ones


@dataclass(frozen=True)
class Provider:
    """A name for tables, and the function that prepares a case."""

    name: str
    prepare: Callable[[Case], Callable[..., None]]


def file_of(spec: str) -> Path | None:
    """The file that a spec names, "FILE.py" or "NAME=FILE.py"; None for a built-in provider."""
    if not spec.endswith(".py"):
        return None
    _, named, path = spec.partition("=")
    return Path(path if named and not Path(spec).exists() else spec)


def name_of(spec: str) -> str:
    """The name a provider has in records: its own, the one that is given to it, or its file's without the ending."""
    path = file_of(spec)
    if path is None:
        return spec
    return path.stem if str(path) == spec else spec.partition("=")[0]


def distinct(specs: Sequence[str]) -> tuple[str, ...]:
    """The specs, each once; files of one name are told apart by as many of their folders as it takes.

    Raises ProviderError where one name is given to two files.
    """
    specs = tuple(dict.fromkeys(specs))
    counts = Counter(map(name_of, specs))
    named = []
    for spec in specs:
        path = file_of(spec)
        if counts[name_of(spec)] > 1 and path is not None and str(path) == spec:
            rivals = [each for each in map(file_of, specs) if each is not None and each.stem == path.stem]
            spec = f"{_apart(path, rivals)}={spec}"
        named.append(spec)
    twice = next((name for name, count in Counter(map(name_of, named)).items() if count > 1), None)
    if twice is not None:
        raise ProviderError(f"two providers are called {twice!r}; name them apart, as in --provider v1=FILE.py")
    return tuple(named)


def _apart(path: Path, rivals: Sequence[Path]) -> str:
    """The end of a path, without its ending, by which it differs from its rivals."""
    parts = path.resolve().with_suffix("").parts
    others = [each.resolve().with_suffix("").parts for each in rivals if each.resolve() != path.resolve()]
    length = next((n for n in range(1, len(parts)) if all(parts[-n:] != each[-n:] for each in others)), len(parts))
    return ".".join(parts[-length:]).lstrip("./")


def check(spec: str) -> None:
    """Raise ProviderError unless `spec` is the name of a provider, an existing Python file, or NAME=FILE.py."""
    if spec in BUILTIN:
        return
    path = file_of(spec)
    if path is None:
        raise ProviderError(
            f"there is no provider {spec!r}; choose from {', '.join(BUILTIN)}, or name a .py file of your own"
        )
    check_name(spec)
    try:
        path.read_bytes()
    except FileNotFoundError:
        raise ProviderError(
            f"there is no file {path}; a provider is a Python file with functions named after ops"
        ) from None
    except OSError as error:
        raise ProviderError(f"{path} cannot be read ({error.strerror}); a provider is a Python file") from None


def check_name(spec: str) -> None:
    """Raise ProviderError where a file cannot be a provider for its name."""
    name = name_of(spec)
    if not re.fullmatch(r"[\w.+-]+", name) or not name.strip("."):
        raise ProviderError(f"a provider cannot be called {name!r}; use letters, digits and ._+-")
    if name in BUILTIN:
        raise ProviderError(
            f"{spec} has the name of the built-in provider {name!r}; rename the file, or give it another name, as in "
            f"--provider mine={file_of(spec)}"
        )


def sources_of(specs: Sequence[str]) -> dict[str, dict[str, bytes]]:
    """The sources of the providers that are files, by provider and path."""
    return {name_of(spec): sources(path) for spec in specs if (path := file_of(spec)) is not None}


def check_unchanged(specs: Sequence[str], run: Path) -> None:
    """Raise ProviderError where a file, or what it imports from beside it, is not what the run keeps of it.

    Of a run from before sources were kept, nothing can be said.
    """
    known = read_manifest(run).provider_sources_sha256
    for spec in specs:
        path, name = file_of(spec), name_of(spec)
        if path is None or name not in known:
            continue
        before, now = kept(run, name), sources(path)
        if sources_sha256(now) != known[name]:
            changed = sorted(file for file in before.keys() | now.keys() if before.get(file) != now.get(file))
            raise ProviderError(
                f"the run was made with other sources of the provider {name!r} than those of {path} now (changed: "
                f"{', '.join(changed)}); put them back from {run / PROVIDERS / name}, or start a new run with --out"
            )


def load(spec: str) -> Provider:
    """The provider of that name, or of that file, whose code runs with the user's rights. Raises ProviderError."""
    check(spec)
    path = file_of(spec)
    if path is None:
        return Provider(spec, module_of(spec).prepare)
    return Provider(name_of(spec), partial(prepared, load_module(path), path))


def module_of(name: str) -> ModuleType:
    """The module of a built-in provider."""
    return importlib.import_module(f"harness.providers.{'peers.' if name in PEERS else ''}{name}")

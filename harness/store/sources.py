"""The sources of a run's providers, as it keeps them: the files under providers/NAME/, their hash in its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.plumbing.files import written_whole
from harness.store.vocabulary import PROVIDERS

Sources = Mapping[str, bytes]  # the content of files, by path relative to their folder


def sources_sha256(files: Sources) -> str:
    """A hash over the names and bytes of files, the same on every machine."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items(), key=lambda item: PurePosixPath(item[0])):
        # The length keeps the end of one file apart from the name of the next.
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def keep(run: Path, name: str, files: Sources) -> None:
    """Write the sources of a provider into the directory of its run."""
    for file, content in files.items():
        path = run / PROVIDERS / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            temporary.write_bytes(content)


def kept(run: Path, name: str) -> dict[str, bytes]:
    """The sources of a provider that a run keeps; none where it keeps none."""
    folder = run / PROVIDERS / name
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py") if path.is_file()}


def edited(run: Path, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The providers whose kept sources have not the hash that the manifest knows, and the hash that they have."""
    for name, sha256 in known.items():
        found = sources_sha256(kept(run, name))
        if found != sha256:
            yield name, found

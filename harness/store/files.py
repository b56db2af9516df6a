"""The store: a run directory that is only ever appended to, each record on disk before the next is measured."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import shlex
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

from harness.device.devices import Device, find_device
from harness.store import seal, sources
from harness.store.lines import iter_lines, whole_bytes
from harness.store.manifest import Manifest, add_session, read_manifest, same_device_and_schema, write_manifest
from harness.store.records import from_json, to_json
from harness.store.vocabulary import MANIFEST, RECORDS, Regime, RunError

S = TypeVar("S", bound="Store")
P = TypeVar("P")  # what a run is made by: a sweep, or a plan


class StoredRow(Protocol):
    """What can be stored: a dataclass with a key that no other row of its run has."""

    @property
    def key(self) -> tuple[Any, ...]: ...


class Store:
    """A run directory open for appending. Use `create` or `resume`; one process at a time holds it."""

    # Other verbs store other rows, under the same guarantees: a subclass says which.
    verb: ClassVar[str] = "run"

    @staticmethod
    def parse(line: bytes) -> StoredRow:
        """The row of a line. Raises RunError where it is none."""
        return from_json(line, samples=False)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open(path / RECORDS, "ab")  # noqa: SIM115 - held open for the length of the run
        if not _locked(self._file.fileno()):
            self._file.close()
            raise RunError(f"{path} is being written by another elubench; wait for it, or end it")
        self._file.truncate(whole_bytes(path / RECORDS))  # what follows is a record cut short by a crash
        self.keys = {self.parse(line).key for line in iter_lines(path / RECORDS)}

    @classmethod
    def create(cls, path: Path, manifest: Manifest, kept: Mapping[str, sources.Sources] | None = None) -> Self:
        """A new run at `path`, with the sources of its providers in `kept`, by name.

        Raises RunError where something is there already.
        """
        _refuse_taken(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name, files in (kept or {}).items():
                sources.keep(path, name, files)
            hashes = {name: sources.sources_sha256(files) for name, files in (kept or {}).items()}
            write_manifest(path / MANIFEST, dataclasses.replace(manifest, provider_sources_sha256=hashes))
            return cls(path)
        except OSError as error:
            raise _cannot_be_made(path, error) from None

    @staticmethod
    def check_new(path: Path) -> None:
        """Raise RunError where no run can be created at `path`, for who has long work to do before there is one."""
        _refuse_taken(path)
        there = next(each for each in (path, *path.parents, Path()) if each.exists())
        try:
            with tempfile.TemporaryDirectory(dir=there):
                pass
        except OSError as error:
            raise _cannot_be_made(path, error) from None

    @classmethod
    def resume(cls, path: Path) -> Self:
        """The run at `path`, to go on with. Raises RunError where there is none, or of another schema or verb."""
        cls.check_verb(path, read_manifest(path))
        return cls(path)

    @classmethod
    def check_verb(cls, path: Path, manifest: Manifest) -> None:
        """Raise RunError where another verb made the run."""
        if manifest.verb != cls.verb:
            made_by = f"elubench {manifest.verb}"
            raise RunError(f"{path} was made by '{made_by}'; go on with: {made_by} --resume {shlex.quote(str(path))}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """The run has ended: closed, and sealed. What ended it is the error that counts, not a seal on a full disk."""
        self.close()
        with contextlib.suppress(*([RunError] if kind is not None else [])):
            seal.seal(self.path)

    def holds(self, case_key: str, role: str, provider: str, regime: str | None, device: str) -> bool:
        """Whether there is such a record of a model of devices, of that regime or, where it is None, of any.

        A record without a regime is of a provider that was not timed, and stands for all regimes.
        """
        regimes = tuple(Regime) if regime is None else (regime,)
        return any((case_key, role, provider, each, device) in self.keys for each in (*regimes, None))

    def append(self, records: Sequence[StoredRow]) -> None:
        """Write the records that are not there yet, in one go, down to the disk.

        Raises RunError where it cannot, as on a full disk; what was stored before stays whole.
        """
        new = [record for record in records if record.key not in self.keys]
        data = "".join(to_json(record) + "\n" for record in new).encode()
        start = os.fstat(self._file.fileno()).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file.fileno(), view) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), start)
            raise _not_written(self.path, error) from None
        self.keys.update(record.key for record in new)

    def close(self) -> None:
        self._file.close()


def go_on(
    path: Path, kind: type[S], argv: list[str], plan_of: Callable[[Manifest], P], devices: Sequence[Device] = ()
) -> tuple[P, Device, S]:
    """Open the run at `path` again: its plan, its device, and its store without its seal.

    `devices` are those to go on with, one of each model; empty: the one of this machine that it was made on.
    Raises RunError where it cannot be gone on with here, and what `plan_of` raises; the run then stays as it was.
    """
    manifest = read_manifest(path)
    kind.check_verb(path, manifest)
    if not devices:
        found = find_device(manifest.device.torch_device)
        # what a run on a CPU is emulated for
        devices = [dataclasses.replace(found, capability=manifest.device.capability) if found.kind == "cpu" else found]
    for device in devices:
        same_device_and_schema(manifest, device)
    plan = plan_of(manifest)
    store = kind.resume(path)
    seal.unseal(path)
    add_session(path, argv, "resume")
    return plan, devices[0], store


def _not_written(path: Path, error: OSError) -> RunError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        fault, mend = f"the disk of {path} is full", "free some space"
    else:
        fault, mend = f"{path} cannot be written to ({error.strerror})", "mend that"
    return RunError(f"{fault}; everything before is intact: {mend}, then go on with --resume {shlex.quote(str(path))}")


def _locked(descriptor: int) -> bool:
    """Whether the file is this process's alone; a process that was just killed is given a second to be gone."""
    deadline = time.monotonic() + 1
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def _refuse_taken(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; name a directory with --out")
    if (path / MANIFEST).exists():
        raise RunError(
            f"{path} holds another run; continue it with --resume {shlex.quote(str(path))}, or choose another --out"
        )
    if path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is not empty; choose a new directory with --out")


def _cannot_be_made(path: Path, error: OSError) -> RunError:
    return RunError(f"{path} cannot be made ({error.strerror}); choose another place with --out")

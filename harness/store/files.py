"""The store: a run directory that is only ever appended to, each record on disk before the next is measured."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from harness.store.lines import iter_lines, whole_bytes
from harness.store.manifest import Manifest, read_manifest, write_manifest
from harness.store.records import from_json, to_json
from harness.store.vocabulary import MANIFEST, RECORDS, Regime, RunError


class Row(Protocol):
    """What can be stored: a dataclass with a key that no other row of its run has."""

    @property
    def key(self) -> tuple[Any, ...]: ...


class Store:
    """A run directory open for appending. Use `create` or `resume`; one process at a time holds it."""

    # Other verbs store other rows, under the same guarantees: a subclass says which.
    verb: ClassVar[str] = "run"

    @staticmethod
    def parse(line: bytes) -> Row:
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
    def create(cls, path: Path, manifest: Manifest) -> Store:
        """A new run at `path`. Raises RunError where something is there already."""
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; name a directory with --out")
        if (path / MANIFEST).exists():
            raise RunError(f"{path} holds another run; continue it with --resume {path}, or choose another --out")
        if path.exists() and any(path.iterdir()):
            raise RunError(f"{path} is not empty; choose a new directory with --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_manifest(path / MANIFEST, manifest)
            return cls(path)
        except OSError as error:
            raise RunError(f"{path} cannot be made ({error.strerror}); choose another place with --out") from None

    @classmethod
    def resume(cls, path: Path) -> Store:
        """The run at `path`, to go on with. Raises RunError where there is none, or of another schema."""
        made_by = read_manifest(path).verb
        if made_by != cls.verb:
            raise RunError(f"{path} was made by another verb; go on with: elubench {made_by} --resume {path}")
        return cls(path)

    def holds(self, case_key: str, role: str, provider: str, regime: str | None = None) -> bool:
        """Whether there is such a record, of that regime or, where it is None, of any.

        A record without a regime is of a provider that was not timed, and stands for all regimes.
        """
        regimes = tuple(Regime) if regime is None else (regime,)
        return any((case_key, role, provider, each) in self.keys for each in (*regimes, None))

    def append(self, records: Sequence[Row]) -> None:
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


def _not_written(path: Path, error: OSError) -> RunError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        fault, mend = f"the disk of {path} is full", "free some space"
    else:
        fault, mend = f"{path} cannot be written to ({error.strerror})", "mend that"
    return RunError(f"{fault}; everything before is intact: {mend}, then go on with --resume {path}")


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

"""What takes long to make and is only read: made once, though several processes run the tests (pytest-xdist)."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The path `name` in a folder of this whole run of the tests, which `make` is given to write, by who comes first.

    Tests only read it: another process may be reading it, too.
    """
    base = folders.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    path, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(path)
            done.touch()
    return path

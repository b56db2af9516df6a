"""Goes on with a run on a CPU of small caches, and says nothing: python -m tests.harness.run.resumed RUN."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from harness.device.devices import find_device
from harness.run.runner import Progress, run_sweep
from harness.store.files import Store
from harness.store.records import read_run
from harness.sweeps.sweep import from_content

QUIET = Progress(lambda *_: None, lambda *_: None)


def cpu():
    # A small cache, so that few buffer sets are enough.
    return dataclasses.replace(find_device("cpu"), last_level_cache_bytes=2**20)


def resume(run: Path) -> None:
    """Measure what is missing of the sweep in the run's manifest."""
    store = Store.resume(run)
    summary = run_sweep(from_content(read_run(run).manifest.sweep), cpu(), store, QUIET)
    store.close()
    assert summary.left == 0


if __name__ == "__main__":
    resume(Path(sys.argv[1]))

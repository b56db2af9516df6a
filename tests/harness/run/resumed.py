"""Goes on with a run on a CPU of small caches, and says nothing: python -m tests.harness.run.resumed RUN."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.run.runner import run_sweep
from harness.store.files import Store
from harness.store.records import read_run
from harness.sweeps.sweep import from_content
from tests.harness.run.test_worker import QUIET, cpu


def resume(run: Path) -> None:
    """Measure what is missing of the sweep in the run's manifest."""
    store = Store.resume(run)
    summary = run_sweep(from_content(read_run(run).manifest.sweep), cpu(), store, QUIET)
    store.close()
    assert summary.left == 0


if __name__ == "__main__":
    resume(Path(sys.argv[1]))

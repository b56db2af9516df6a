from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.command import PROVIDERS, ROOT
from tests.reports.runs import control, record, run_of, stored


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """What the words of `verbs` stand for, in a folder of the test's own."""
    run = stored(run_of(record(), record(provider="mine"), control(0.01)), tmp_path / "run").path
    sealed = ROOT / "results" / "amd-epyc" / "default"
    return {"run": run, "sealed": sealed, "provider": PROVIDERS / "honest.py", "folder": tmp_path}

"""What is compiled once for all tests, in whichever worker process they run."""

from __future__ import annotations

import os

import pytest
from filelock import FileLock

from harness.machine_code.rows import InspectedRow, from_json, to_json
from harness.machine_code.survey import survey


@pytest.fixture(scope="session")
def suite(tmp_path_factory) -> tuple[InspectedRow, ...]:
    """The suite's kernels on sm_90 in all dtypes. Triton keeps what it compiled by all that it was compiled from."""
    pytest.importorskip("triton.backends.nvidia")
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    kept = root / "inspection-of-the-suite.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(to_json(survey(["sm_90"])))
    return from_json(kept.read_text())

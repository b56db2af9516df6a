"""What is compiled once for all tests, in whichever worker process they run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from filelock import FileLock

from harness.machine_code.rows import InspectedRow, from_json, to_json
from harness.machine_code.survey import survey
from tests.harness.warm import popen_in, warm_process


@pytest.fixture(autouse=True, scope="package")
def workers_begin_warm() -> Iterator[None]:
    """The processes that compile and run kernels import nothing again that a warm process has imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen_in(warm_process))
        yield


@pytest.fixture(scope="package")
def suite(tmp_path_factory, workers_begin_warm) -> tuple[InspectedRow, ...]:
    """The suite's kernels on sm_90 in all dtypes. Triton keeps what it compiled by all that it was compiled from."""
    pytest.importorskip("triton.backends.nvidia")
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    kept = root / "inspection-of-the-suite.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(to_json(survey(["sm_90"])))
    return from_json(kept.read_text())

"""The report of a claims run, made once for all tests that only read it, in whichever worker process they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.paper.rows import read_claims
from harness.store.seal import seal
from reports.paper.build import build
from tests.once import once
from tests.reports.paper.runs import stored


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> Path:
    """A sealed run with its report."""

    def make(path: Path) -> None:
        seal(stored(path).path)
        assert build(read_claims(path)).left_out == ()

    return once(tmp_path_factory, "claims-with-their-report", make)

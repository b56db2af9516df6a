from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.cli.verbs import NAMES, VERBS, filled
from tests.harness.command import PROVIDERS, ROOT, TINY, elubench
from tests.once import once
from tests.reports.runs import control, record, run_of, stored

ONE_CASE = TINY.rpartition("[[cases]]")[0]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """What the words of `verbs` stand for, in a folder of the test's own."""
    run = stored(run_of(record(), record(provider="mine"), control(0.01)), tmp_path / "run").path
    sealed = ROOT / "results" / "nvidia-h200" / "activations"
    sweep = tmp_path / "tiny.toml"
    sweep.write_text(ONE_CASE)
    return {"run": run, "sealed": sealed, "sweep": sweep, "provider": PROVIDERS / "honest.py", "folder": tmp_path}


@pytest.fixture(scope="session")
def long_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs to go on with, of verbs that take long to make one."""

    def made(name: str) -> Path:
        def make(path: Path) -> None:
            ended = elubench(*filled(name, VERBS[name].good, new=path))
            assert ended.returncode == 0, ended.stderr

        return once(tmp_path_factory, f"run-of-{name}", make)

    return {name: made(name) for name in NAMES if VERBS[name].again}

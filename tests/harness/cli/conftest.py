from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.cli.verbs import VERBS, filled
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


class LongRuns:
    """Runs to go on with, of verbs that take long to make one, each made where it is asked for first."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders

    def of(self, name: str) -> Path:
        return once(self._folders, f"run-of-{name}", lambda path: self._make(name, path))

    def temporary(self, name: str) -> Path:
        """Where its temporary files went."""
        return self.of(name).with_name(f"temporary-of-{name}")

    def _make(self, name: str, path: Path) -> None:
        temporary = path.with_name(f"temporary-of-{name}")
        temporary.mkdir()
        ended = elubench(*filled(name, VERBS[name].good, new=path), TMPDIR=str(temporary))
        assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="session")
def long_runs(tmp_path_factory: pytest.TempPathFactory) -> LongRuns:
    return LongRuns(tmp_path_factory)

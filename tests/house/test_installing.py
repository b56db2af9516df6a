"""The command where another package has the name of one of ours, and the one version of everything."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import kernels
from tests.house.rooms import ROOT


def started(module: str, *paths: str, cwd: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", module, "list", "ops"]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("module", "name"),
    [("elubench", "kernels"), ("elubench", "harness"), ("elubench", "reports"), ("harness", "kernels")],
)
def test_another_package_of_one_of_our_names_is_one_sentence(module, name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('the other one was imported')\n")
    ended = started(module, str(tmp_path), str(ROOT), cwd=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"elubench: another {name!r} ({tmp_path / name}) hides elubench's own in {ROOT}; run ")


def test_another_package_that_comes_later_on_the_path_disturbs_nothing(tmp_path):
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "__init__.py").touch()
    ended = started("elubench", str(ROOT), str(tmp_path), cwd=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "bias_elu_backward" in ended.stdout


def test_there_is_one_version():
    stated = {"kernels": kernels.__version__}
    for name, pattern in (("pyproject.toml", r'^version = "(.+)"$'), ("CITATION.cff", r"^version: (.+)$")):
        (stated[name],) = re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(stated.values()) == {kernels.__version__}, stated

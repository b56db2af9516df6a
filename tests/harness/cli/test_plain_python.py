"""A Python that has nothing of what elubench needs: one sentence that says what to install, and no traceback."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import venv

import pytest

from harness.cli.entry import LIBRARIES
from tests.harness.command import ROOT, environment

MAKE = ("make", "VENV=none")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin"


@pytest.mark.parametrize("command", [(*MAKE, "bench"), (*MAKE, "evidence"), (*MAKE, "inspect")], ids=" ".join)
def test_what_is_missing_is_said_at_once_with_the_command_that_installs_it(command, plain):
    variables = environment() | {"PATH": f"{plain}{os.pathsep}{os.environ['PATH']}", "MAKEFLAGS": ""}
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    said = next(line for line in ended.stderr.splitlines() if not line.startswith("make"))
    assert re.fullmatch(
        r"elubench: \w+ is not installed; install what elubench needs with: \S+ -m pip install .+", said
    )
    assert set(LIBRARIES) <= set(said.split())


def test_what_is_asked_for_is_what_the_project_depends_on():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.match(r"[\w-]+", each)[0] for each in project["dependencies"]}
    assert named == {*LIBRARIES, "torch", "triton", "nvidia-ml-py"}

"""Running the real command line in a real process, which begins in a warm one (tests.harness.warm)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.harness.warm import WarmPopen, can_be_warm, warm_process

ROOT = Path(__file__).parents[2]
PROVIDERS = Path(__file__).parent / "provider_files"

TINY = """
providers = ["eager"]
dtypes = ["float32"]
case_timeout_s = 60
[stop]
min_samples = 8
max_samples = 40
max_seconds = 0.05
warmup_seconds = 0.0
[[cases]]
op = "elu"
shapes = [[300, 300], [257, 333]]
[[cases]]
op = "elu_backward"
shapes = [[300, 300]]
"""

# What processes of these words take.
_TAKEN_IN = {("prove", "--op"): "tests.harness.proof.beforehand", ("claims",): "sklearn.datasets"}


def environment() -> dict[str, str]:
    """This process's environment without what tests set, and with the checkout on the path.

    Without pytest-xdist's own variables too: pytest-benchmark times nothing where they are set.
    Runs make no report there, which takes longer than a tiny run; tests of reports ask for it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_INTERPRET", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "ELUBENCH_REPORT": "0", "ELUBENCH_INSPECT": "0"}


def process(
    words: Sequence[str | Path], *, fresh: bool = False, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """`python WORDS` started with its output piped. `fresh`: no warm process, as a test of imports or options wants."""
    command = [sys.executable, *map(str, words)]
    given: dict[str, Any] = {"env": dict(env or environment()), "text": True}
    given |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    warm = None if fresh or not can_be_warm(command) else warm_process(given["env"])
    if warm is not None:
        for module in (module for some, module in _TAKEN_IN.items() if {*some} <= {*command}):
            warm.take_in(module)
    return subprocess.Popen(command, **given) if warm is None else WarmPopen(warm, command, **given)


def start(
    *arguments: str | Path, module: str = "harness", fresh: bool = False, **variables: str
) -> subprocess.Popen[str]:
    """`elubench ARGUMENTS` started, or another module, with these variables and its output piped."""
    return process(["-m", module, *map(str, arguments)], fresh=fresh, env=environment() | variables)


def elubench(
    *arguments: str | Path, module: str = "harness", timeout: float = 240, fresh: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`elubench ARGUMENTS`, or another module, to its end."""
    with start(*arguments, module=module, fresh=fresh, **variables) as begun:
        try:
            out, err = begun.communicate(timeout=timeout)
        except BaseException:
            begun.kill()
            raise
    return subprocess.CompletedProcess(arguments, begun.returncode, out, err)

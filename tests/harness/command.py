"""Running the real command line in a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def environment() -> dict[str, str]:
    """This process's environment without what tests set, and with the checkout on the path.

    Without pytest-xdist's own variables too: pytest-benchmark times nothing where they are set.
    Runs make no report there, which takes longer than a tiny run; tests of reports ask for it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRITON_INTERPRET", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "ELUBENCH_REPORT": "0", "ELUBENCH_INSPECT": "0"}


def start(*arguments: str | Path, module: str = "harness", **variables: str) -> subprocess.Popen[str]:
    """`elubench ARGUMENTS` started, or another module, with these variables and its output piped."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def elubench(
    *arguments: str | Path, module: str = "harness", timeout: float = 240, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`elubench ARGUMENTS`, or another module, to its end."""
    with start(*arguments, module=module, **variables) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)

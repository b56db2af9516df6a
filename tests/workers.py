"""The processes of pytest-xdist fork from a warm one, so that torch, Triton and ours are imported once for all of them.

A plugin of pytest (`-p tests.workers`) for the process that hands out the tests, which needs none of those modules.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.harness.warm import popen_in, warm_process

_begun: list[bool] = []


def hands_out() -> bool:
    """Whether this process runs no test itself: those that it starts do, warm ones."""
    return bool(_begun)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Where there are to be several processes, begin the warm one.

    Not where kernels are to be interpreted, nor where the coverage of imports counts as well.
    """
    is_one = not getattr(early_config.known_args_namespace, "numprocesses", None)
    is_measured = any(each.startswith("--cov") for each in args)
    if is_one or is_measured or "PYTEST_XDIST_WORKER" in os.environ or "KERNELS_ON" in os.environ:
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as tests/conftest.py has it
    if warm_process(os.environ) is not None:
        _begun.append(True)
        subprocess.Popen = popen_in(warm_process, of_tests=True)  # type: ignore[misc]

"""A warm process: imports what the command line and its workers take, and then only forks (tests.harness.warm)."""

from __future__ import annotations

import contextlib
import gc
import importlib
import signal
import socket
import sys

from tests.harness.warm_server import leave_ends, main

MODULES = (
    "torch", "triton", "numpy", "scipy.stats", "networkx", "msgspec", "psutil", "typer.testing", "rich.live",
    "rich.table", "rich.progress", "jinja2", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg", "harness.cli.app", "harness.run.runner", "harness.run.measuring",
    "harness.emulator.emulated", "harness.machine_code.keep", "harness.machine_code.specimens",
    "harness.machine_code.executed", "harness.machine_code.line_table", "harness.machine_code.amd", "harness.proof.run",
    "harness.conformance.run", "harness.crosscheck.apart", "harness.paper.run", "reports.publish.report", "kernels",
)  # fmt: skip


def _parse_once() -> None:
    """Import what typer imports when it first parses a command line."""
    from typer.testing import CliRunner

    from harness.cli.app import app

    CliRunner().invoke(app, ["run", "--budget", "none"])


def _hash_triton() -> None:
    """Have Triton hash itself, which it does once in a process that compiles a kernel."""
    with contextlib.suppress(ImportError):  # it is in no interface
        from triton.runtime.cache import triton_key

        triton_key()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for its owner
    for name in MODULES:
        importlib.import_module(name)
    _parse_once()
    _hash_triton()
    leave_ends()
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=int(sys.argv[1]))
    control.send(b"0")  # for the one that waits for it
    main(control)

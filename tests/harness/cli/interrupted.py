"""`elubench`, sent Ctrl-C wherever it looks for a module: python -m tests.harness.cli.interrupted VERB ...

There it forks: one process is sent Ctrl-C and goes on to its end, the other waits for that, says how it was, and goes
on to the next module. So the imports of a verb are made once, and each is interrupted in a process that has made all
those before it.
"""

from __future__ import annotations

import builtins
import os
import runpy
import signal
import sys
import time
from types import ModuleType
from typing import Any

MARK, ENDED = "<Ctrl-C>", "<ended>"
HUNG_S = 120.0
# What answers Ctrl-C, the command line, its libraries, what a verb computes with, and what it shows in the end.
MODULES = {
    "elubench", "harness.cli.entry", "typer", "harness.cli.app", "rich.console", "numpy", "torch",
    "reports.render.table", "matplotlib",
}  # fmt: skip
OURS = ("elubench", "harness", "reports")


class Interrupter:
    """Sends a signal to a fork for each of MODULES, as it is looked for."""

    def __init__(self) -> None:
        self._left = set(MODULES)
        self._import = builtins.__import__

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Finds no module: the next finder does."""
        self._interrupt(name)

    def import_(self, name: str, *rest: Any, **options: Any) -> ModuleType:
        """`import` of what a warm process has imported: no finder is asked for that."""
        self._interrupt(name)
        return self._import(name, *rest, **options)

    def _interrupt(self, name: str) -> None:
        if name not in self._left:
            return
        self._left.remove(name)
        sys.stdout.flush()
        print(f"{MARK} at {name}", file=sys.stderr, flush=True)
        if fork := os.fork():
            print(f"{ENDED} {exit_code(fork)}", file=sys.stderr, flush=True)
        else:
            self._left.clear()
            signal.raise_signal(signal.SIGINT)


def exit_code(process: int) -> int:
    """The exit code of a child, as subprocess tells it."""
    deadline = time.monotonic() + HUNG_S
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


if __name__ == "__main__":
    for module in [each for each in sys.modules if each.partition(".")[0] in OURS]:  # of a warm process
        del sys.modules[module]
    interrupter = Interrupter()
    sys.meta_path.insert(0, interrupter)  # type: ignore[arg-type]
    builtins.__import__ = interrupter.import_  # type: ignore[assignment]
    runpy.run_module("harness", run_name="__main__", alter_sys=True)

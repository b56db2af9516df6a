"""`elubench`, sent Ctrl-C when it looks for a module: python -m tests.harness.cli.interrupted NUMBER VERB ...

Modules are counted in the order in which the verb comes to them.
"""

from __future__ import annotations

import runpy
import signal
import sys

MARK = "<Ctrl-C>"
# What answers Ctrl-C, the command line, its libraries, what a verb computes with, and what it shows in the end.
MODULES = {
    "elubench", "harness.cli.entry", "typer", "harness.cli.app", "rich.console", "numpy", "torch",
    "reports.render.table", "matplotlib",
}  # fmt: skip


class Interrupter:
    """Finds no module, and sends one signal."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._seen: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name not in MODULES or name in self._seen:
            return
        self._seen.add(name)
        self._left -= 1
        if self._left == 0:
            print(f"{MARK} at {name}", file=sys.stderr, flush=True)
            signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.meta_path.insert(0, Interrupter(int(sys.argv.pop(1))))  # type: ignore[arg-type]
    runpy.run_module("harness", run_name="__main__", alter_sys=True)

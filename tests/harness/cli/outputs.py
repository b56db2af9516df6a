"""`elubench` with an output that takes ASCII alone: python -m tests.harness.cli.outputs VERB ...

As it first writes there it forks: one process goes on to its end with a full disk as its output, another with a pipe
that nobody reads, and the last, which waits for both and says how they ended, with the output that it was given. So a
verb does once what it does before it writes.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
from typing import Any

from tests.harness.cli.interrupted import ENDED, exit_code

MARK = "<output>"
FULL, UNREAD = "full", "unread"


class Output(io.FileIO):
    """Standard output itself, as a file of Python's, which forks at the first write."""

    _is_new = True

    def write(self, data: Any) -> int | None:
        if self._is_new:
            self._is_new = False
            _ = self._goes_to(FULL) or self._goes_to(UNREAD)
        return super().write(data)

    def _goes_to(self, kind: str) -> bool:
        """Fork. Whether this is the process whose output is of the kind; the other waits for it."""
        sys.stderr.flush()
        os.write(2, f"{MARK} {kind}\n".encode())
        if fork := os.fork():
            os.write(2, f"{ENDED} {exit_code(fork)}\n".encode())
            return False
        if kind == FULL:
            new = os.open("/dev/full", os.O_WRONLY)
        else:
            reader, new = os.pipe()
            os.close(reader)
        os.dup2(new, self.fileno())
        return True


if __name__ == "__main__":
    output = io.BufferedWriter(Output(1, "w", closefd=False))
    sys.stdout = io.TextIOWrapper(output, encoding="ascii", line_buffering=False)
    runpy.run_module("harness", run_name="__main__", alter_sys=True)

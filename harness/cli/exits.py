"""Exit codes, the function that ends a verb with one, and the command line as a manifest keeps it."""

from __future__ import annotations

import sys
from typing import NoReturn

CHECK_FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
PIPE_CLOSED = 141  # as a program has that SIGPIPE ends: its reader has had enough


def command_line() -> list[str]:
    """The command as a manifest keeps it: without the path of this installation, which is nobody's business."""
    return ["elubench", *sys.argv[1:]]


class Ended(SystemExit):
    """The end of a verb that has said why, in one sentence."""


def end(message: str, code: int) -> NoReturn:
    """Say why in one sentence, and leave with `code`."""
    print(f"elubench: {message}", file=sys.stderr)
    raise Ended(code)

"""Exit codes, and how a verb ends with one."""

from __future__ import annotations

import sys
from typing import NoReturn

CHECK_FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


def end(message: str, code: int) -> NoReturn:
    """Say why in one sentence, and leave with `code`."""
    print(f"elubench: {message}", file=sys.stderr)
    raise SystemExit(code)

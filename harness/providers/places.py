"""Where in a provider's own sources an error was made: what a person who has to mend it wants to read."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.plumbing.errors import named

_STACK_LINE = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)  # as faulthandler writes it


def described(error: BaseException, paths: Sequence[Path]) -> str:
    """An error in one line, with the place in the files of providers that it was made at, if it was in one of them."""
    kernel_error = _innermost(error)
    at = next((found for path in paths if kernel_error and (found := _kernel_line(kernel_error, path))), "")
    if kernel_error is not None and at:
        message = getattr(kernel_error, "error_message", None) or named(kernel_error.__cause__ or kernel_error)
        return f"{type(error).__name__}: {message.strip().splitlines()[0]}"[:500] + f" ({at})"
    where = next((found for path in paths if (found := location(error, path))), "")
    return f"{named(error)}{f' ({where})' if where else ''}"


def location(error: BaseException, path: Path) -> str:
    """The last line of the file, or of a file beside it, that an exception passed: "mine.py, line 7"; "" for none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = ((frame.filename, frame.lineno) for frame in reversed(traceback.extract_tb(error.__traceback__)))
    return _first_beside(frames, path)


def location_of_death(log: str, paths: Sequence[Path]) -> str:
    """The same, by the stack that faulthandler wrote where a signal ended the process."""
    stack = log[log.rfind("(most recent call first)") :]
    frames = [(file, int(line)) for file, line in _STACK_LINE.findall(stack)]
    return next((found for path in paths if (found := _first_beside(iter(frames), path))), "")


def _first_beside(frames: Iterator[tuple[str, int | None]], path: Path) -> str:
    folder = path.resolve().parent
    for file, line in frames:
        if Path(file).resolve().is_relative_to(folder):
            return f"{Path(file).name}, line {line}"
    return ""


def _innermost(error: BaseException) -> BaseException | None:
    """The error of Triton's compiler at the bottom: one in a function that a kernel calls is raised again for each."""
    found = None
    cause: BaseException | None = error
    while cause is not None and hasattr(cause, "node") and hasattr(cause, "src"):
        found, cause = cause, cause.__cause__
    return found


def _kernel_line(error: Any, path: Path) -> str:
    """The line of a kernel that Triton's compiler did not take: what the error itself says counts from its `def` on."""
    line = getattr(error.node, "lineno", None)
    for file in (path, *sorted(path.resolve().parent.glob("*.py"))):
        before, found, _ = file.read_text(encoding="utf-8", errors="replace").partition(error.src or "\0")
        if found and line:
            return f"{file.name}, line {before.count(chr(10)) + line}"
    return ""

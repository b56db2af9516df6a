"""The entry point of the command line: turns every error that a user can mend into one sentence and an exit code.

Imports nothing heavy, so that Ctrl-C and a missing library are answered from the first moment on. An exception that
is none of these is a fault of elubench, and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from harness.cli.exits import CHECK_FAILED, INTERRUPTED, PIPE_CLOSED, WRONG_USAGE, Ended, end

OURS = ("harness", "reports", "kernels")

_AGAIN_S = 0.005  # from a Ctrl-C that nothing could answer to the next try

# What elubench needs beside torch and triton, which a GPU box has. They are asked for together, once one is missed.
LIBRARIES = ("typer", "rich", "msgspec", "numpy", "scipy", "networkx", "psutil", "jinja2", "matplotlib", "plotly")


def main() -> NoReturn:
    """`elubench`, as an installed command and as `python -m harness`."""
    answering(_command_line)


def _command_line() -> None:
    from harness.cli.app import app

    app()


def answering(program: Callable[[], object]) -> NoReturn:
    """Run a program to its end, and leave with its exit code, or with that of the error that a user can mend."""
    try:
        _mend_streams()
        _interruptible(program)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _leave(PIPE_CLOSED)
    except ModuleNotFoundError as error:
        _missing_library(error)
    except OSError as error:
        _end(_os_sentence(error), CHECK_FAILED if error.errno == errno.ENOSPC else WRONG_USAGE)
    except MemoryError:
        _end("there is not enough memory for this; take a smaller shape, or a part of the run", CHECK_FAILED)
    except ValueError as error:  # the errors of our own modules are sentences already
        if type(error).__module__.partition(".")[0] not in OURS:
            raise
        _end(str(error), WRONG_USAGE)
    except SystemExit as exit_:
        if isinstance(exit_.__context__, BrokenPipeError):  # as rich and typer end where the pipe is closed
            _leave(PIPE_CLOSED)
        _end(None, _code(exit_))
    _end(None, 0)


def _interruptible(program: Callable[[], object]) -> None:
    """Run the program. What it raises after Ctrl-C is Ctrl-C: libraries that it interrupts make other errors of it."""
    seen: list[int] = []

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        _insist(frame)
        raise KeyboardInterrupt

    def again() -> None:
        if signal.getsignal(signal.SIGINT) is on_interrupt:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def on_unraisable(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):  # it came within a callback that can raise nothing
            timer = threading.Timer(_AGAIN_S, again)  # nor can this hook, in which we still are
            timer.daemon = True
            timer.start()
        else:
            sys.__unraisablehook__(unraisable)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_interrupt)
        sys.unraisablehook = on_unraisable
    try:
        program()
    except Ended:
        raise
    except (Exception, SystemExit) as error:
        code = _code(error) if isinstance(error, SystemExit) else None
        if code == INTERRUPTED or (seen and code != 0):  # typer ends so, without a word
            raise KeyboardInterrupt from error
        raise


def _insist(frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt once more where our code goes on after all: a library has swallowed it, as torch can."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] not in OURS:
        frame = frame.f_back

    def on_event(frame: FrameType, event: str, argument: Any) -> None:
        frame.f_trace = None
        sys.settrace(None)
        if event != "exception" or not issubclass(argument[0], KeyboardInterrupt):
            raise KeyboardInterrupt

    if frame is not None and sys.gettrace() is None:
        frame.f_trace = on_event
        sys.settrace(lambda *_: None)


def _code(exit_: SystemExit) -> int:
    return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)


def _mend_streams() -> None:
    """Standard streams that are there, and that can write every character, if only as "?"."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file that is opened would become it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # for the processes that are started, too
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - open as long as the process is
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _missing_library(error: ModuleNotFoundError) -> NoReturn:
    if (error.name or "").partition(".")[0] in OURS:
        raise error
    missing = [name for name in dict.fromkeys((error.name, *LIBRARIES)) if name and _is_missing(name)]
    _end(
        f"{error.name} is not installed; install what elubench needs with: "
        f"{sys.executable} -m pip install {' '.join(missing)}",
        WRONG_USAGE,
    )


def _is_missing(name: str) -> bool:
    return importlib.util.find_spec(name.partition(".")[0]) is None


def _os_sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"the output cannot be written ({reason})"
    mend = {
        errno.ENOSPC: "free some space, and try again",
        errno.EACCES: "change its permissions, or name another place",
        errno.EROFS: "name a place that can be written to",
        errno.ENOENT: "name one that exists",
    }.get(error.errno or 0, "name another place")
    return f"{os.fsdecode(error.filename)}: {reason}; {mend}"


def _end(message: str | None, code: int) -> NoReturn:
    """Leave with `code`, after the message; output that cannot be flushed any more changes neither."""
    if signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing of ours would answer one any more
    try:
        if message is not None:
            end(message, code)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave(code or PIPE_CLOSED)
    except OSError as error:
        if code == 0:
            with contextlib.suppress(OSError):
                print(f"elubench: {_os_sentence(error)}", file=sys.stderr)
        _leave(code or CHECK_FAILED)
    raise SystemExit(code)


def _leave(code: int) -> NoReturn:
    """Leave where standard output is gone: with what it still holds thrown away, since flushing it would fail again."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(code)

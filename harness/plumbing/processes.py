"""Worker processes: one that ends when its parent is gone, and a call whose process may be ended by what it calls."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from harness.plumbing.errors import named

Result = TypeVar("Result")


class ForeignError(Exception):
    """What code that is not ours raised, or that it ended its process; as a sentence."""


def end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and start a thread that ends this process when its parent is gone.

    Even in the middle of a call that hangs: such a call has no other end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_and_exit, daemon=True).start()


def _wait_and_exit() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends: a process that begins and is told nothing would print a traceback."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def running(process: BaseProcess) -> Iterator[None]:
    """Begin a process, and end it where the block is left, however soon after its beginning Ctrl-C comes."""
    try:
        with uninterrupted():
            process.start()
        yield
    finally:
        if process.pid is not None:
            process.kill()
            process.join()


def called_apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """What `function` returns in a process of its own, which its arguments and its result have to reach.

    Raises the errors of ours that it raises, and ForeignError for all else that happens in there.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    with ours, running(process):
        theirs.close()
        try:
            is_error, found = ours.recv()
        except EOFError:
            process.join()
            raise ForeignError(f"it ended its process {how_ended(process.exitcode or 0)}") from None
    if is_error:
        raise found
    result: Result = found
    return result


def how_ended(code: int) -> str:
    """By which signal, or with which exit code."""
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    end_with_parent()
    try:
        pipe.send((False, function(*arguments)))
    except (Exception, KeyboardInterrupt) as error:
        is_ours = type(error).__module__.startswith("harness.")
        pipe.send((True, error if is_ours else ForeignError(named(error))))

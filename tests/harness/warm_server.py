"""The warm process itself: forks for each request, and makes the fork the process that was asked for."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import importlib
import io
import multiprocessing.process
import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import weakref
from collections.abc import Callable, Mapping
from typing import NoReturn

from tests.harness.warm import (
    HIGH,
    MESSAGE_BYTES,
    NAME,
    SCRIPTED_GPU,
    Request,
    Warm,
    adopt,
    begin_workers_in,
    call_itself,
    is_open,
    keep,
    popen_in,
)


def serve(control: socket.socket) -> Request:
    """Fork for each request. Returns in the forked process alone, once it is as the request wants it to be."""
    while True:
        message, files, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 64)
        if not message:
            os._exit(0)  # its owner is gone
        wanted: Request = pickle.loads(message)
        if wanted.words[0] == "import":
            with contextlib.suppress(ImportError):  # what needs it will say so
                importlib.import_module(wanted.words[1])
            leave_ends()
            control.send(b"0")
            continue
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            parent = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == parent:  # until it is a child of the owner
                time.sleep(0.0002)
            os.close(told)
            _become(wanted, files, control, tell)
            return wanted
        for each in (tell, *files):
            os.close(each)
        os.waitpid(between, 0)
        answer = os.read(told, 64)
        os.close(told)
        control.send(answer)


def leave_ends() -> None:
    """What libraries have made by now is taken apart by no fork as it ends: it takes as long as a command."""
    for each in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        each.atexit = False


def run(wanted: Request) -> None:
    """What the interpreter does with its command line."""
    kind, what, *arguments = wanted.words
    if kind == "-m":
        sys.argv = [what, *arguments]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *arguments]
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(what, vars(module))


def _end(code: int) -> NoReturn:
    """Leave as the interpreter does, but for taking all modules apart, which would copy the memory of the warm one."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                code = code or 120
        os._exit(code)


def main(control: socket.socket) -> NoReturn:
    """Serve, and in each process that comes of it do what was asked for, to its end."""
    call_itself(NAME)
    wanted = serve(control)
    try:
        run(wanted)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if not isinstance(error.code, int | None):
            print(error.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        code = 1
    _end(code)


def _become(wanted: Request, files: list[int], control: socket.socket, tell: int) -> None:
    """This process as the request wants it, with a warm one of its own. Tells its number when it is so."""
    ours = _own_warm(control, wanted.before)
    high = [_raised(each) for each in (tell, ours, *files)]
    control.detach()
    os.closerange(0, HIGH)
    for number, file in zip(wanted.descriptors, high[2:], strict=True):
        os.dup2(file, number, inheritable=number < 3)
        os.close(file)
    os.environ.clear()
    os.environ.update(wanted.environment)
    os.chdir(wanted.folder)
    sys.path[0] = os.getcwd() if wanted.words[0] == "-m" else ""
    multiprocessing.process.ORIGINAL_DIR = os.getcwd()  # type: ignore[attr-defined]
    tempfile.tempdir = None
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if SCRIPTED_GPU in sys.modules:
        sys.modules[SCRIPTED_GPU].begin()
    if wanted.before is not None:
        wanted.before()
    _standard_streams()
    own = Warm(socket.socket(fileno=high[1]), wanted.environment)
    if wanted.runs_tests:
        keep(own)
    else:
        _begin_all_in(own)
    signal.signal(signal.SIGINT, signal.SIG_IGN if wanted.ignores_ctrl_c else signal.default_int_handler)
    call_itself("python")
    os.write(high[0], str(os.getpid()).encode())
    os.close(high[0])


def _own_warm(control: socket.socket, before: Callable[[], None] | None) -> int:
    """A process as this one is now, for those that this one begins; what remains here is the end to ask it by."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        if before is not None:
            before()
        for number in range(HIGH):
            if number != theirs.fileno():
                _closed(number)
        ours.detach()
        control.detach()
        main(theirs)
    theirs.close()
    return ours.detach()


def _begin_all_in(own: Warm) -> None:
    """The processes of Python that this one starts begin in its own warm one, where their variables allow it."""
    adopt()

    def warm(environment: Mapping[str, str]) -> Warm | None:
        return own if own.serves(environment) else None

    subprocess.Popen = popen_in(warm)  # type: ignore[misc]
    begin_workers_in(warm)


def _standard_streams() -> None:
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, f"__{name}__")
        stream = None
        if is_open(number):
            binary = open(number, "wb" if number else "rb", 0 if before.write_through else -1, closefd=False)  # noqa: SIM115
            stream = io.TextIOWrapper(binary, before.encoding, before.errors, write_through=before.write_through)
            stream.reconfigure(line_buffering=number == 2 or (number == 1 and stream.isatty()))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _raised(file: int) -> int:
    high = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(file)
    return high


def _closed(file: int) -> None:
    with contextlib.suppress(OSError):
        os.close(file)

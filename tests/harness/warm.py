"""Python processes from a warm one: it has imported torch and ours, and forks for each command that a test starts.

A command line spends more time on imports than on what tests ask of it. What is started here is a process like any
other: a child of the one that starts it, with its own exit code, signals, working directory, environment, files,
limits and end. Not new are only the interpreter and the modules, so that tests of either start a process of their own.

A warm process (warm_server.py) answers one process, its owner. It forks twice, and what it forked becomes its owner's
child as the one in between ends. A process that begins so has a warm one, too: the workers of a run begin as fast as
the run.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Read where they are used: all others may be asked for by an import, and are those of the warm process.
_READ_LATER = (
    "ELUBENCH_", "TRITON_CACHE_DIR", "TRITON_ALWAYS_COMPILE", "TORCHINDUCTOR_CACHE_DIR", "TMPDIR", "COLUMNS", "LINES",
    "NO_COLOR", "TERM", "CUDA_VISIBLE_DEVICES", "PYTEST_", "COV_", "TESTS_SCRIPTED_GPU", "PWD", "OLDPWD", "SHLVL",
    "LC_CTYPE", "_",
)  # fmt: skip
_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36
NAME = "warm"
_Popen = subprocess.Popen  # of the standard library
HIGH = 400  # descriptors from here on are on their way to their own numbers
MESSAGE_BYTES = 2**20


@dataclass(frozen=True)
class Request:
    """A process to be: its command line after the interpreter, and what else it takes from the one that starts it."""

    words: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    descriptors: tuple[int, ...]  # their numbers; the files themselves come with the request
    ignores_ctrl_c: bool
    before: Callable[[], None] | None = None
    runs_tests: bool = False  # then it says itself what begins in its warm process


def at_import(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that an import may ask for."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_READ_LATER)}
    path = kept.pop("PYTHONPATH", "").split(os.pathsep)
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys([each for each in path if each] or [str(ROOT)]))}


def can_be_warm(words: Sequence[str]) -> bool:
    return len(words) > 2 and words[0] == sys.executable and words[1] in ("-m", "-c")


class Warm:
    """A warm process, as its owner sees it."""

    def __init__(self, control: socket.socket, environment: Mapping[str, str]) -> None:
        self._control, self.environment, self._owner = control, at_import(environment), os.getpid()
        self._taken: set[str] = set()
        self._one_asks = threading.Lock()

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Warm | None:
        """A new one, with those of the variables that an import may ask for; None where its imports fail."""
        adopt()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _Popen(
            [sys.executable, "-m", "tests.harness.warm_modules", str(theirs.fileno())],
            env=at_import(environment), cwd="/", pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        atexit.register(ours.close)
        return cls(ours, environment) if ours.recv(1) else None

    def end(self) -> None:
        """No other process will begin in it; those that did go on."""
        self._control.close()

    def take_in(self, module: str) -> None:
        """Import a module there, if it is not imported yet, for all that is forked from now on."""
        if module not in self._taken:
            self._taken.add(module)
            self._ask(Request(("import", module), {}, "", (), True))

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether this process may ask it: not where it is itself a fork of the owner, whose children they would be."""
        return self._owner == os.getpid() and self.environment == at_import(environment)

    def fork(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Mapping[int, int],
        folder: str | Path | None = None,
        before: Callable[[], None] | None = None,
        runs_tests: bool = False,
    ) -> int:
        """The process that runs `words`, a child of this one. Its descriptors: files of this one by their number."""
        there = {number: file for number, file in descriptors.items() if is_open(file)}
        wanted = Request(
            words=tuple(map(os.fsdecode, words[1:])),
            environment=dict(environment),
            folder=os.path.abspath(folder or "."),
            descriptors=tuple(there),
            ignores_ctrl_c=signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
            before=before,
            runs_tests=runs_tests,
        )
        return self._ask(wanted, list(there.values()))

    def _ask(self, wanted: Request, files: Sequence[int] = ()) -> int:
        with self._one_asks:
            socket.send_fds(self._control, [pickle.dumps(wanted)], files)
            answer = self._control.recv(64)
        if not answer:
            raise ChildProcessError("the warm process has ended")
        return int(answer)


_of_this: dict[frozenset[tuple[str, str]], Warm | None] = {}  # the last used last; None where it was asked for once
_broken: set[frozenset[tuple[str, str]]] = set()
_AT_MOST = 3
SCRIPTED_GPU = "tests.harness.scripted_gpu.devices"  # imported by all who have its plugin on their path
_PLUGIN = Path(__file__).parent / "scripted_gpu/plugin"


def warm_process(environment: Mapping[str, str]) -> Warm | None:
    """The warm process of this one for an environment, or None.

    One that finds other modules, by PYTHONPATH, is begun when it is asked for again. With a GPU there is none:
    no process takes CUDA over from another.
    """
    variables = at_import(environment)
    key = frozenset(variables.items())
    if os.path.exists("/dev/nvidiactl"):
        return None
    is_wanted = (
        key in _of_this or variables["PYTHONPATH"] == str(ROOT) or variables["PYTHONPATH"] == f"{_PLUGIN}:{ROOT}"
    )
    found = _of_this.pop(key, None)
    if found is None and is_wanted and key not in _broken:
        found = Warm.start(environment)
        if found is None:
            _broken.add(key)
    _of_this[key] = found
    begun = [each for each, warm in _of_this.items() if warm is not None]
    for each in begun[:-_AT_MOST]:
        _of_this.pop(each).end()  # type: ignore[union-attr]
    return found if found is not None and found.serves(environment) else None


def keep(own: Warm) -> None:
    """Have `warm_process` answer with this one for its environment."""
    adopt()
    _of_this[frozenset(own.environment.items())] = own


class WarmPopen(subprocess.Popen):  # type: ignore[type-arg]
    """A process of the standard library that begins in a warm one."""

    runs_tests = False

    def __init__(self, warm: Warm, *arguments: Any, **options: Any) -> None:
        self._warm = warm
        super().__init__(*arguments, **options)

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any, env: Any, *rest: Any
    ) -> None:
        ends = rest[3:9]
        stdin, stdout, stderr = (
            given if given != -1 else number for number, given in enumerate((ends[0], ends[3], ends[5]))
        )
        files = {0: stdin, 1: stdout, 2: stderr} | {each: each for each in pass_fds}
        self.pid = self._warm.fork(args, os.environ if env is None else env, files, cwd, preexec_fn, self.runs_tests)
        self._child_created = True
        self._close_pipe_fds(*ends)  # type: ignore[attr-defined]


def popen_in(
    warm: Callable[[Mapping[str, str]], Warm | None], *, of_tests: bool = False
) -> type[subprocess.Popen[Any]]:
    """`subprocess.Popen` whose processes of Python begin in a warm one, where there is one for their environment.

    `of_tests`: those that pytest-xdist starts, to run tests. Its -u is left out: what they say goes through pipes that
    they flush themselves.
    """

    class Popen(WarmPopen):
        runs_tests = of_tests

        def __init__(self, *arguments: Any, **options: Any) -> None:
            _Popen.__init__(self, *arguments, **options)

        def _execute_child(self, args: Any, *rest: Any) -> None:
            if of_tests and isinstance(args, list):
                args = [word for word in args if word != "-u"]
            found = warm(rest[5] or os.environ) if isinstance(args, list) and can_be_warm(args) else None
            if found is None:
                super(WarmPopen, self)._execute_child(args, *rest)  # type: ignore[misc]
            else:
                self._warm = found
                super()._execute_child(args, *rest)

    return Popen


def adopt() -> None:
    """Become the parent of what a warm process of ours has forked."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def call_itself(name: str) -> None:
    """The name of this process, as `ps` and psutil tell it; a warm one has NAME."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def begin_workers_in(warm: Callable[[Mapping[str, str]], Warm | None]) -> None:
    """Have multiprocessing begin its processes in a warm one, where there is one for this environment."""
    spawn = util.spawnv_passfds

    def spawnv_passfds(path: str | bytes, words: Sequence[Any], passed: Sequence[int]) -> int:
        words = [os.fsdecode(word) for word in words]
        found = warm(os.environ) if "--multiprocessing-fork" in words and max(passed, default=0) < HIGH else None
        if found is None:
            return spawn(path, words, passed)
        code = words[words.index("-c") :]
        return found.fork([sys.executable, *code], os.environ, {each: each for each in (0, 1, 2, *passed)})

    util.spawnv_passfds = spawnv_passfds  # type: ignore[assignment]


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True

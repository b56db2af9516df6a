"""Worker processes: a crash, a hang or exhausted memory costs one case, never the sweep."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.device.devices import free_memory, read_text
from harness.plumbing.processes import end_with_parent, uninterrupted
from harness.providers import file_of
from harness.providers.places import described, location_of_death
from harness.store.vocabulary import Outcome

if TYPE_CHECKING:
    from harness.run.job import Job, RoofJob
    from harness.store.records import Record


_STACK_BYTES = 2**23  # of a thread, on Linux
_LEFT_BYTES = 2**28  # for the parent and the system


@dataclass(frozen=True)
class Died:
    """A worker that did not answer: the outcome for what it was doing, why, and at which stage."""

    outcome: Outcome  # CRASHED, TIMEOUT or OOM
    reason: str
    stage: str
    provider: str | None
    from_outside: bool = False  # somebody's SIGKILL: it says nothing about the job


@dataclass(frozen=True)
class Poisoned:
    """A worker that lives but is not to be trusted any more: an entry failed while it was captured in a graph."""

    entry: str
    reason: str


class Worker:
    """One child process that runs jobs. After a `Died` it is replaced by the next `run`.

    It has a folder of its own for temporary files: what is ended in the middle of something leaves some.
    """

    def __init__(self, log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        self._environment = environment or {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: Any = None
        self._pipe: Connection | None = None

    def run(
        self, job: Job | RoofJob, timeout_s: float, on_stage: Callable[[str, str | None], None] | None = None
    ) -> list[Record] | Died | Poisoned:
        """The records of the job, or how the worker died of it, or why it was ended."""
        pipe = self._start()
        stage: str = "start"
        provider: str | None = None
        records: list[Record]
        oom_kills, logged = _oom_kills(), self.log.stat().st_size if self.log.exists() else 0
        deadline = time.monotonic() + timeout_s
        try:
            pipe.send(job)
            while pipe.poll(max(0.0, deadline - time.monotonic())):
                kind, content = pipe.recv()
                if kind == "stage":
                    stage, provider = content
                    if on_stage:
                        on_stage(stage, provider)
                elif kind == "records":
                    records = content
                    if job.device.kind == "cpu" and any(each.outcome == Outcome.OOM for each in records):
                        self.stop()  # what its provider still holds is missed by the next job
                    return records
                elif kind == "capture failed":
                    self.stop()
                    return Poisoned(*content)
                else:
                    self.stop()
                    return Died(content[0], content[1], stage, provider)
        except (EOFError, ConnectionError):
            code, where = self._exit_code(), ""
            reason = f"the process ended with exit code {code}"
            if code is not None and code < 0:
                with contextlib.suppress(OSError):
                    where = location_of_death(self.log.read_bytes()[logged:].decode(errors="replace"), _files(job))
                reason = f"the process was ended by {signal.Signals(-code).name}{f' in {where}' if where else ''}"
            if code == -signal.SIGKILL and _oom_kills() != oom_kills:
                return Died(Outcome.OOM, f"{reason}, as the system had no memory left", stage, provider)
            return Died(Outcome.CRASHED, reason, stage, provider, from_outside=code == -signal.SIGKILL)
        except BaseException:
            self.stop()
            raise
        self.stop()
        return Died(Outcome.TIMEOUT, f"not done after {timeout_s:g} s, and ended", stage, provider)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._pipe = self._folder = None

    def _start(self) -> Connection:
        if self._pipe is None or not self._process.is_alive():
            self.stop()
            self._folder = tempfile.TemporaryDirectory(prefix="elubench-", ignore_cleanup_errors=True)
            # What Inductor compiled is for the next run, too.
            cache = Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}"
            kept = {"TORCHINDUCTOR_CACHE_DIR": os.environ.get("TORCHINDUCTOR_CACHE_DIR", str(cache))}
            environment = {"TMPDIR": self._folder.name} | kept | self._environment
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs, str(self.log), environment), daemon=True)
            with uninterrupted():
                self._process.start()
            theirs.close()
        assert self._pipe is not None
        return self._pipe

    def _exit_code(self) -> int | None:
        """How the process ended, once its pipe is closed; it is given a moment to do so."""
        self._process.join(10)
        code: int | None = self._process.exitcode
        self.stop()
        return code


def _oom_kills() -> str:
    """How many processes the kernel's OOM killer has ended; empty where the kernel does not tell."""
    return next((line for line in read_text(Path("/proc/vmstat")).splitlines() if line.startswith("oom_kill ")), "")


def _files(job: Job | RoofJob) -> list[Path]:
    """The files of a job's providers."""
    return [path for spec in getattr(job, "providers", ()) if (path := file_of(spec)) is not None]


def serve(pipe: Connection, log: str, environment: dict[str, str]) -> None:
    """The worker's loop. Nothing heavy is imported before the environment is as it should be."""
    os.environ.update(environment)
    end_with_parent()
    _be_first_to_go()
    # What providers print goes to the run's log, not into the parent's tables.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the process may be ended at any time
    faulthandler.enable()  # to say where, if a signal ends it
    from harness.correctness import integrity
    from harness.run.gated import is_out_of_memory
    from harness.run.measuring import MEASURING_MODULES, run_job
    from harness.timing.regimes import CaptureFailed

    integrity.watch(MEASURING_MODULES)
    most = resource.getrlimit(resource.RLIMIT_DATA)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        if job.device.kind == "cpu":  # CUDA reserves addresses by the terabyte
            _limit_memory(most)
        try:
            pipe.send(("records", run_job(job, lambda *stage: pipe.send(("stage", stage)))))
        except CaptureFailed as error:
            pipe.send(("capture failed", (error.entry, error.message)))
        except Exception as error:
            import traceback

            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            outcome = Outcome.OOM if is_out_of_memory(error) else Outcome.CRASHED
            pipe.send(("died", (outcome, described(error, _files(job)))))


def _limit_memory(most: tuple[int, int]) -> None:
    """Let a job that wants more than there is fail by an error, before the OOM killer looks for somebody to end.

    The limit is on the process's own data, not on its addresses, of which libraries reserve more than they use.
    `most` is the limit that it came with, soft and hard.
    """
    data = re.search(r"^VmData:\s+(\d+) kB", read_text(Path("/proc/self/status")), re.MULTILINE)
    if data is None:
        return
    free = free_memory()
    stacks = 2 * _STACK_BYTES * (os.cpu_count() or 1)  # of threads still to come: counted whole, hardly used
    limit = int(data[1]) * 1024 + max(free // 2, free - max(_LEFT_BYTES, free // 10)) + stacks
    limit = limit if most[0] == resource.RLIM_INFINITY else min(limit, most[0])
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (max(0, limit), most[1]))


def _be_first_to_go() -> None:
    """Make the OOM killer choose this process, not the parent or the user's desktop."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")

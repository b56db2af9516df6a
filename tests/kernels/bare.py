"""Pieces of code, each in a fork of one process that has imported torch and Triton and nothing of ours.

Run as a process of its own, in Triton's interpreter. It reads jobs, and writes of each how it ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """Code, the folders in which it finds packages before all others, and where it runs."""

    code: str
    paths: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def run(jobs: dict[str, Job], beforehand: str = "") -> dict[str, Ended]:
    """How each ended, by its name. The code `beforehand` is run once, before the forks: what it imports all have."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given = json.dumps({"beforehand": beforehand, "jobs": {name: asdict(job) for name, job in jobs.items()}})
    command = [sys.executable, "-P", __file__]
    done = subprocess.run(
        command, env=environment | {"TRITON_INTERPRET": "1"}, input=given, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return {name: Ended(**each) for name, each in json.loads(done.stdout).items()}


def main() -> None:
    given = json.load(sys.stdin)
    import torch
    import torch._dynamo
    import triton  # noqa: F401

    torch.set_num_threads(1)
    exec(given["beforehand"], {})
    json.dump({name: _forked(job) for name, job in given["jobs"].items()}, sys.stdout)


def _forked(job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "out", Path(folder) / "errors"
        child = os.fork()
        if child == 0:
            _become(job, out, errors)
        _, status = os.waitpid(child, 0)
        return {
            "returncode": os.waitstatus_to_exitcode(status), "stdout": out.read_text(), "stderr": errors.read_text()
        }  # fmt: skip


def _become(job: dict[str, Any], out: Path, errors: Path) -> None:
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    code = 1
    try:
        os.chdir(job["folder"])
        sys.path[:0] = job["paths"]
        exec(job["code"], {"__name__": "__main__"})
        code = 0
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()

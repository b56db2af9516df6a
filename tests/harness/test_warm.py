"""A process that begins in a warm one is one like any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import psutil
import pytest

from tests.harness.command import environment, process
from tests.harness.warm import NAME, at_import

SAYS = """
import json, multiprocessing, os, sys
print(json.dumps([sys.argv, os.getcwd(), os.environ.get("ELUBENCH_X"), __name__, os.getppid(), sys.stdin.read()]))
print("an error", file=sys.stderr)
sys.exit(7)
"""


def ended(code, *words, **options):
    begun = process(["-c", code, *words], **options)
    out, err = begun.communicate(timeout=100)
    return begun.returncode, out, err


def test_it_has_its_own_words_folder_environment_files_and_exit_code(tmp_path):
    options = {"cwd": tmp_path, "env": environment() | {"ELUBENCH_X": "a"}, "stdin": subprocess.DEVNULL}
    warm, fresh = (ended(SAYS, "one", "two", fresh=fresh, **options) for fresh in (False, True))
    assert warm == fresh
    assert json.loads(warm[1]) == [["-c", "one", "two"], str(tmp_path), "a", "__main__", os.getpid(), ""]
    assert (warm[0], warm[2]) == (7, "an error\n")


@pytest.mark.parametrize(
    "code",
    [
        "pass", "import sys\nsys.exit('said')", "import os\nos._exit(3)", "import os\nos.abort()", "raise SystemExit",
        "import signal\nsignal.raise_signal(signal.SIGINT)", "import atexit\natexit.register(print, 'at the end')",
        "import threading, time\nthreading.Timer(0.1, print, ['later']).start()",
        "import os\nos.close(1)\nprint('lost')", "1 / 0",
    ],
)  # fmt: skip
def test_it_ends_as_any_other(code):
    warm, fresh = (ended(code, fresh=fresh) for fresh in (False, True))
    assert warm[:2] == fresh[:2]
    assert warm[2].splitlines()[-1:] == fresh[2].splitlines()[-1:]


def test_ctrl_c_and_kill_reach_it():
    for number in (signal.SIGINT, signal.SIGKILL):
        begun = process(["-c", "import time\nprint('here', flush=True)\ntime.sleep(100)"])
        assert begun.stdout.readline() == "here\n"
        begun.send_signal(number)
        _, err = begun.communicate(timeout=100)
        assert begun.returncode == -number
        assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)


def test_its_workers_are_its_children_and_begin_warm():
    code = "import multiprocessing as m, os, sys\nif __name__ == '__main__':\n"
    code += "    child = m.get_context('spawn').Process(target=os._exit, args=(5,))\n"
    code += (
        "    child.start()\n    child.join()\n    print(child.exitcode)\n    sys.stdout.flush()\n    sys.stdin.read()\n"
    )
    begun = process(["-c", code], stdin=subprocess.PIPE)
    assert begun.stdout.readline() == "5\n"
    assert NAME in [child.name() for child in psutil.Process(begun.pid).children()]
    begun.communicate("")
    assert begun.returncode == 0


@pytest.mark.slow
def test_an_environment_that_imports_may_ask_for_has_a_process_of_its_own():
    other = environment() | {"TRITON_INTERPRET": "1"}
    assert at_import(other) != at_import(environment())
    for _ in range(2):  # the first is not worth a warm one
        code, out, _ = ended("from kernels.primitives import INTERPRETED\nprint(INTERPRETED.value)", env=other)
        assert (code, out) == (0, "True\n")

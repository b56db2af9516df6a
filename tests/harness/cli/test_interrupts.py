"""Ctrl-C at any moment of any verb: one sentence and 130, and never a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.harness.cli.interrupted import ENDED, MARK
from tests.harness.cli.verbs import NAMES, VERBS, filled
from tests.harness.command import start

IN_A_CALLBACK = """
import signal, time
from harness.cli.entry import answering

class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def work():
    Dropped()
    time.sleep(60)

answering(work)
"""

# These import numpy, torch and matplotlib themselves, which answers for the others, whose processes begin with them.
FRESH = ("list", "run", "report")
# A run imports as much with nothing measured, and starts no worker, whose own imports are not interrupted here.
NOTHING_MEASURED = {"run": " --budget 0"}
INTERRUPTED = (130, -signal.SIGINT)  # what a shell calls 130, both


def assert_answered(code: int, err: str) -> None:
    assert code in INTERRUPTED, err
    assert "Traceback" not in err, err
    assert err.strip().splitlines()[-1].startswith("elubench: interrupted"), err


def test_ctrl_c_within_a_callback_that_can_raise_nothing_is_answered():
    ended = subprocess.run([sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, timeout=50)
    assert_answered(ended.returncode, ended.stderr)


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each == "list" else pytest.mark.slow) for each in NAMES]
)
def test_ctrl_c_during_any_import_is_answered(name, places, long_runs):
    verb = VERBS[name]
    if verb.again:
        places[name] = long_runs.of(name)
    line = (verb.again or verb.good) + NOTHING_MEASURED.get(name, "")
    words = filled(name, line, **places, new=places["folder"] / "new")
    process = start(*words, module="tests.harness.cli.interrupted", fresh=name in FRESH)
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    moments = err.split(MARK)[1:]
    assert len(moments) >= 4, err
    for moment in moments:
        said, _, code = moment.partition(ENDED)
        assert_answered(int(code.split()[0]), said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delay_s", "fresh", "name"),
    [(0.3, True, name) for name in FRESH] + [(delay_s, False, name) for delay_s in (0.1, 0.7) for name in NAMES],
)
def test_ctrl_c_at_any_time_is_answered(delay_s, fresh, name, places):
    """In a process that begins with its imports, and in one that has them: at work after a tenth of a second."""
    process = start(*filled(name, VERBS[name].good, **places, new=places["folder"] / "new"), fresh=fresh)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    if process.returncode == 0 or (process.returncode == -signal.SIGINT and out):  # it had ended, or was ending
        assert "Traceback" not in err
    elif "elubench: " in err or "/elubench.py" in err:
        assert_answered(process.returncode, err)
    else:  # before Python runs a line of ours, it answers by itself
        assert process.returncode in (1, *INTERRUPTED) and fresh, err

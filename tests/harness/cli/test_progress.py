"""The live view: what it shows, at 80 columns and in a file, and that it keeps still while samples are taken."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import threading
import time
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.cli.progress import View, clock_text, live, state_text
from harness.ops.cases import make_case
from tests.harness.command import TINY, environment, process
from tests.reports.runs import record, untimed

CASE = make_case("bias_elu_backward", (64, 256, 56, 56), "bfloat16", {"dim": 1})
GPU = {
    "gpu": {"after": {"sm_clock_mhz": 1980, "temperature_c": 54, "power_w": 412.3}},
    "slowed_by": [],
    "flags": [],
}
PLAN = SimpleNamespace(name="default", cases=[CASE] * 96)
DEVICE = SimpleNamespace(name="A device")


def text_of(view: View, now: float, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(view.drawn(now))
    return file.getvalue()


def test_it_says_what_is_measured_how_it_went_what_is_left_and_how_the_device_is():
    view = View("default: 96 cases on A device", 96, now=100.0)
    assert "0 of 96 cases  0:00 gone, ? left" in text_of(view, 100.0)
    view.case_done(
        [record(CASE, "triton", 80e-6, bandwidth_gbps=840.0, health=GPU), untimed(CASE, "compile", "rejected")]
    )
    view.stage(CASE, "sampling", None)
    text = text_of(view, 110.0)
    assert "sampling  bias_elu_backward 64×256×56×56 bfloat16" in text
    assert "1 of 96 cases  0:10 gone, 15:50 left" in text
    assert "1980 MHz · 54 °C · 412 W · not slowed down" in text
    (row,) = (line for line in text.splitlines() if "triton" in line)
    assert "80.0 µs" in row and "84%" in row and row.count("█") == 10
    assert "rejected" in text


def test_a_resumed_sweep_and_a_budget_have_honest_times_left():
    view = View("", 10, now=0.0, budget_s=60.0)
    for _ in range(5):
        view.case_done([])  # stored before: they took no time and say nothing of the rest
    assert view.left_s(1.0) is None
    view.case_done([record()])
    assert view.left_s(10.0) == 40.0
    view.case_done([record()])
    assert view.left_s(40.0) == 20.0, "the budget ends it"


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_the_terminal_whatever_the_names(width):
    view = View("default \x1b[2J on " + "long " * 40, 96, now=0.0)
    for provider in ("\x1b[31mred\r\n", "[bold]x[/bold]", "a" * 300):
        view.case_done([record(CASE, provider, health={"slowed_by": ["heat\x07"]})])
        view.stage(CASE, "gate", provider)
    text = text_of(view, 1e5, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    assert "64×256×56×56" in text and "slowed down by heat\\x07" in text


@pytest.mark.parametrize(
    ("health", "text"),
    [
        ({}, ""),
        ({"cpu": {"frequency_mhz": [2900.0, 2450.0], "others_share": 0.25}, "slowed_by": []},
         "2450 MHz · others use 25% of the cores · not slowed down"),
        ({"gpu": {"after": {"sm_clock_mhz": 1200}}, "slowed_by": ["heat"]}, "1200 MHz · slowed down by heat"),
    ],
)  # fmt: skip
def test_the_state_of_the_device(health, text):
    assert state_text(health) == text


def test_times_left():
    assert [clock_text(seconds) for seconds in (0, 59.6, 61, 3723, -5)] == ["0:00", "1:00", "1:01", "1:02:03", "0:00"]


def test_nothing_is_drawn_and_nothing_runs_while_samples_are_taken():
    file = io.StringIO()
    before = threading.active_count()
    with live(PLAN, DEVICE.name, console=Console(file=file, force_terminal=True, width=80)) as progress:
        progress.on_stage(CASE, "sampling", None)
        drawn = file.getvalue()
        assert "sampling" in drawn
        assert threading.active_count() == before, "no thread draws by the clock"
        time.sleep(1.2)
        assert file.getvalue() == drawn
        progress.on_case_done(CASE, [record(CASE)])
        assert file.getvalue() != drawn


def in_terminal(words, columns=80):
    """What a real process writes to a real terminal of so many columns, stdout and stderr alike."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    variables = {name: value for name, value in environment().items() if name != "COLUMNS"}
    begun = process(words, env=variables | {"TERM": "xterm-256color"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert begun.wait(timeout=60) == 0, written.decode(errors="replace")
    return written.decode()


@pytest.mark.slow
def test_a_sweep_in_a_terminal_and_in_a_pipe(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    words = ["-m", "harness", "run", "--sweep", tmp_path / "tiny.toml", "--op", "elu_backward",
             "--device", "cpu", "--out"]  # fmt: skip
    text = in_terminal([*words, tmp_path / "a"], 80)
    assert "sampling" in text and "1 of 1 cases" in text and "left" in text
    # Drawn over, line by line, and taken away in the end: the tables are what stays.
    assert text.count("\x1b[2K") > 10 and "\x1b[?25h" in text
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", text)]
    assert max(map(cell_len, lines)) <= 80

    with process([*words, tmp_path / "b"]) as piped:
        _, err = piped.communicate(timeout=200)
    assert piped.returncode == 0
    assert "\x1b" not in err and "\r" not in err
    title, line = err.splitlines()
    assert title.startswith("tiny: 1 cases on ")
    assert re.fullmatch(r"\[1/1\] elu_backward\(.*\) 300x300 float32 contiguous: eager [\d.]+ [mµn]?s.*", line)

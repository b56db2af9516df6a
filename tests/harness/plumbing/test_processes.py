"""Ctrl-C while a process begins."""

from __future__ import annotations

import signal

import pytest

from harness.plumbing.processes import uninterrupted


def test_ctrl_c_waits_for_the_end_of_the_block():
    reached = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        reached.append(True)
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with uninterrupted():
        pass

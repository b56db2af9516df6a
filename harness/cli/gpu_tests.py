"""The tests of a GPU in parts that go on where they were ended: a process for each file, a line for each test.

A line is written when a test starts and when it ends, so that one that hangs, or kills its process, is known and costs
the others nothing. As a plugin of pytest (`-p harness.cli.gpu_tests`) this module writes them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG, _UNTIL = "ELUBENCH_TESTS_LOG", "ELUBENCH_TESTS_UNTIL"
_GRACE_S = 20.0  # for the test that runs when the time is up
_MOST_STARTS = 2  # of a test that does not end
_ENDED = ("passed", "skipped", "failed")


@dataclass(frozen=True)
class EndedTests:
    """How the tests stand."""

    known: int
    ended: int
    failed: tuple[str, ...]  # those that did not end are among them

    @property
    def left(self) -> int:
        return self.known - self.ended


class GpuTests:
    """The tests marked `gpu`, and a file of how they ended."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def run(self, until_s: float, least_s: float) -> None:
        """Run those that have not ended, then those that failed, until `until_s` of time.monotonic."""
        if not self._known() and not self._collect(until_s):
            return
        outcomes = outcomes_in(self.log)
        left = [test for test in self._known() if outcomes.get(test) not in _ENDED]
        again = [test for test in self._known() if outcomes.get(test) == "failed"]
        for file in dict.fromkeys(test.partition("::")[0] for test in left or again):
            rest_s = until_s - time.monotonic()
            if rest_s < least_s:
                return
            self._run_file(file, rest_s, is_again=not left)

    def tally(self) -> EndedTests:
        known, outcomes = self._known(), outcomes_in(self.log)
        ended = [test for test in known if outcomes.get(test) in _ENDED]
        return EndedTests(len(known), len(ended), tuple(test for test in ended if outcomes[test] == "failed"))

    def _known(self) -> list[str]:
        return [row["test"] for row in _rows(self.log) if row["outcome"] == "known"]

    def _collect(self, until_s: float) -> bool:
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "--collect-only", "-q", "-p", "no:cacheprovider"]
        try:
            listed = subprocess.run(
                command, capture_output=True, text=True, timeout=max(1.0, until_s - time.monotonic())
            )
        except subprocess.TimeoutExpired:
            return False
        found = [line for line in listed.stdout.splitlines() if "::" in line and not line.startswith(("ERROR", " "))]
        if not found:
            print(f"elubench: no test of the GPU was found: {(listed.stdout + listed.stderr).strip()[-300:]}")
        for test in found:
            _write(self.log, test, "known")
        return bool(found)

    def _run_file(self, file: str, rest_s: float, is_again: bool) -> None:
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "harness.cli.gpu_tests", file]
        environment = os.environ | {_LOG: str(self.log), _UNTIL: str(time.time() + rest_s - _GRACE_S)}
        if is_again:
            environment[f"{_LOG}_AGAIN"] = "1"
        try:
            subprocess.run(command, env=environment, timeout=rest_s, check=False)
        except subprocess.TimeoutExpired:
            print(f"elubench: {file} was not done in the time that was left, and ended")


def outcomes_in(log: Path) -> dict[str, str]:
    """How each test ended last; "started" for one that did not end, "failed" where that has happened twice."""
    outcomes: dict[str, str] = {}
    starts: dict[str, int] = {}
    for row in _rows(log):
        test, outcome = row["test"], row["outcome"]
        if outcome == "known":
            continue
        starts[test] = starts.get(test, 0) + 1 if outcome == "started" else 0
        outcomes[test] = "failed" if starts[test] >= _MOST_STARTS else outcome
    return outcomes


def _rows(log: Path) -> Iterator[dict[str, Any]]:
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):  # else a process was ended in the middle of it
                yield json.loads(line)


def _write(log: Path, test: str, outcome: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "outcome": outcome}) + "\n")


# What pytest calls, in the process of a file.


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    outcomes = outcomes_in(Path(os.environ[_LOG]))
    done = ("passed", "skipped") if f"{_LOG}_AGAIN" in os.environ else _ENDED
    left = [item for item in items if outcomes.get(item.nodeid) not in done]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


def pytest_runtest_logstart(nodeid: str) -> None:
    _write(Path(os.environ[_LOG]), nodeid, "started")


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":  # a failure of its setup is one of the test
        _write(Path(os.environ[_LOG]), report.nodeid, report.outcome)


def pytest_runtest_teardown(item: Any) -> None:
    if time.time() > float(os.environ[_UNTIL]):
        item.session.shouldstop = "the time of this command is up"

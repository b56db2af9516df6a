"""Accounts for the wall time of a sweep: measured calls, warm-up calls, and what takes the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.store.records import Record


class Ledger:
    """An account of a sweep's time by stage, as the runner sees it, from its making to `content`.

    Measured and warm-up seconds are those of the sampler: from before a call to after it, by its clock's own account,
    with what the regime does around the call (a flush, a spin, a replay), and nothing else of the harness.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began_s = self._entered_s = now()
        self._stage = "other"
        self._stages_s: dict[str, float] = {}
        self._measured_s = self._warmup_s = 0.0

    def enter(self, stage: str) -> None:
        """From now on, time is spent on `stage`."""
        now_s = self._now()
        self._stages_s[self._stage] = self._stages_s.get(self._stage, 0.0) + now_s - self._entered_s
        self._stage, self._entered_s = stage, now_s

    def add(self, records: Iterable[Record]) -> None:
        """Count what was sampled for these records."""
        for record in records:
            self._measured_s += record.measured_s
            self._warmup_s += record.warmup_s

    def content(self) -> dict[str, Any]:
        """The account so far, as `total` takes it."""
        self.enter(self._stage)
        return {
            "wall_s": self._entered_s - self._began_s,
            "measured_s": self._measured_s,
            "warmup_s": self._warmup_s,
            "stages_s": dict(self._stages_s),
        }


def total(before: Mapping[str, Any] | None, session: Mapping[str, Any]) -> dict[str, Any]:
    """The account of a run, for its manifest: that of all sessions, with the share of time spent in timed calls."""
    before = before or {}
    sums = {name: before.get(name, 0.0) + session[name] for name in ("wall_s", "measured_s", "warmup_s")}
    stages = dict(before.get("stages_s", {}))
    for stage, time_s in session["stages_s"].items():
        stages[stage] = stages.get(stage, 0.0) + time_s
    timed_s = sums["measured_s"] + sums["warmup_s"]
    return {
        **{name: round(time_s, 3) for name, time_s in sums.items()},
        "timed_share": round(timed_s / sums["wall_s"], 4) if sums["wall_s"] > 0 else 0.0,
        "stages_s": {stage: round(time_s, 3) for stage, time_s in sorted(stages.items(), key=lambda each: -each[1])},
    }

"""Accounts for the wall time of a sweep: measured calls, warm-up calls, and what takes the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.store.records import Record


@dataclass(frozen=True)
class Account:
    """Where the time of a session went, or of all sessions of a run."""

    wall_s: float
    measured_s: float
    warmup_s: float
    timed_share: float  # of the time of its devices, spent in measured and warm-up calls
    stages_s: dict[str, float]  # the longest first
    devices_s: float | None = None  # the wall time of all devices that it was spread over; None: there was one


class Ledger:
    """An account of a sweep's time by stage, as the runner sees it, from its making to `content`.

    Measured and warm-up seconds are those of the sampler: from before a call to after it, by its clock's own account,
    with what the regime does around the call (a flush, a spin, a replay), and nothing else of the harness.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, devices: int = 1) -> None:
        self._now, self._devices = now, devices
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

    def content(self) -> Account:
        """The account so far."""
        self.enter(self._stage)
        wall_s = self._entered_s - self._began_s
        devices_s = wall_s * self._devices if self._devices > 1 else None
        return _account(wall_s, self._measured_s, self._warmup_s, self._stages_s, devices_s)


def total(before: Account | None, session: Account) -> Account:
    """The account of a run, for its manifest: that of the sessions before and of this one."""
    before = before or _account(0.0, 0.0, 0.0, {})
    stages_s = dict(before.stages_s)
    for stage, time_s in session.stages_s.items():
        stages_s[stage] = stages_s.get(stage, 0.0) + time_s
    are_spread = before.devices_s is not None or session.devices_s is not None
    devices_s = (before.devices_s or before.wall_s) + (session.devices_s or session.wall_s)
    return _account(
        before.wall_s + session.wall_s,
        before.measured_s + session.measured_s,
        before.warmup_s + session.warmup_s,
        stages_s,
        devices_s if are_spread else None,
    )


def _account(
    wall_s: float, measured_s: float, warmup_s: float, stages_s: dict[str, float], devices_s: float | None = None
) -> Account:
    return Account(
        wall_s=round(wall_s, 3),
        measured_s=round(measured_s, 3),
        warmup_s=round(warmup_s, 3),
        timed_share=round((measured_s + warmup_s) / (devices_s or wall_s), 4) if wall_s > 0 else 0.0,
        stages_s={stage: round(time_s, 3) for stage, time_s in sorted(stages_s.items(), key=lambda each: -each[1])},
        devices_s=None if devices_s is None else round(devices_s, 3),
    )

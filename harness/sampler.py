"""Interleaved samples of several entries, each until its median is known well enough.

Entries are timed in rounds, every entry once per round in a fresh random order: a drift of the device's clock
or temperature then falls on all alike, and the n-th samples of two entries are a pair.
"""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.clocks import Clock
from harness.statistics import median, median_ci, relative_half_width


@dataclass(frozen=True)
class StopRule:
    """When an entry has been sampled enough; sampling stops for all entries at once.

    It stops once the 95% interval of every entry's median is within ±`relative_ci`, or once a cap fires:
    `max_samples` of each entry, or `max_seconds` spent on any one of them, the clock's overhead included and
    the warm-up not. Never before `min_samples`, not even for a cap: a slow entry that must not take that long
    needs a smaller `min_samples`.
    """

    min_samples: int = 30
    max_samples: int = 2000
    max_seconds: float = 1.0
    relative_ci: float = 0.005
    warmup_seconds: float = 0.05

    def __post_init__(self) -> None:
        if not 1 <= self.min_samples <= self.max_samples:
            given = f"{self.min_samples} and {self.max_samples}"
            raise ValueError(f"a stop rule needs 1 <= min_samples <= max_samples, not {given}")
        for name in ("max_seconds", "relative_ci", "warmup_seconds"):
            if not getattr(self, name) >= 0:  # says no to NaN as well
                raise ValueError(f"a stop rule needs {name} >= 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class Sampled:
    """The times of one entry, in the order in which they were taken, and what stopped the sampling."""

    samples_s: tuple[float, ...]
    median_s: float
    ci95_s: tuple[float, float] | None
    stop_rule: str  # "precision", "max_samples", "max_seconds"


def sample(
    calls: Mapping[str, Sequence[Callable[[], object]]], clock: Clock, rule: StopRule, seed: int
) -> dict[str, Sampled]:
    """Samples of every entry, the same number of each. `seed` decides the order within the rounds.

    An entry is the same work bound to each of k buffer sets. One counter for all entries picks the set, so
    that the next set is always the one that nobody has used for longest.
    """
    slots = itertools.cycle(range(_buffer_sets(calls)))
    shuffle = random.Random(seed).shuffle
    order = list(calls)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    spent_s = dict.fromkeys(calls, 0.0)
    check_at = rule.min_samples
    with _gc_paused():
        for name in order:
            _warm_up(calls[name], slots, clock, rule)
        for rounds in itertools.count(1):
            shuffle(order)
            for name in order:
                began_s = clock.now()
                samples[name].append(clock.time_call(calls[name][next(slots)]))
                spent_s[name] += clock.now() - began_s
            cap = _cap(rounds, max(spent_s.values()), rule)
            if cap:
                break
            if rounds == check_at:
                if all(_is_precise(taken, rule) for taken in samples.values()):
                    break
                # A check sorts all samples: rarer as they grow, its cost stays in proportion. And the fewer the
                # looks at an interval, the less the chance of stopping at one that is narrow by luck.
                check_at += max(8, rounds // 8)
    return {
        name: Sampled(
            samples_s=tuple(taken),
            median_s=median(taken),
            ci95_s=median_ci(taken),
            stop_rule=cap if cap and not _is_precise(taken, rule) else "precision",
        )
        for name, taken in samples.items()
    }


def _buffer_sets(calls: Mapping[str, Sequence[Callable[[], object]]]) -> int:
    counts = {len(bound) for bound in calls.values()}
    if not counts:
        raise ValueError("there is nothing to sample")
    if len(counts) > 1:
        listing = ", ".join(f"{name}: {len(bound)}" for name, bound in calls.items())
        raise ValueError(f"every entry needs one call for each buffer set, but the numbers differ: {listing}")
    (count,) = counts
    if count == 0:
        raise ValueError("every entry needs at least one call, bound to a buffer set")
    return count


def _warm_up(bound: Sequence[Callable[[], object]], slots: Iterator[int], clock: Clock, rule: StopRule) -> None:
    clock.time_call(bound[next(slots)])  # may compile for seconds: not a part of the warm-up's time
    until_s = clock.now() + rule.warmup_seconds
    for _ in range(rule.max_samples):  # an end, even if the clock stands still
        if clock.now() >= until_s:
            return
        clock.time_call(bound[next(slots)])


def _cap(rounds: int, spent_s: float, rule: StopRule) -> str | None:
    if rounds >= rule.max_samples:
        return "max_samples"
    if rounds >= rule.min_samples and spent_s >= rule.max_seconds:
        return "max_seconds"
    return None


def _is_precise(samples: Sequence[float], rule: StopRule) -> bool:
    ci = median_ci(samples)
    return ci is not None and relative_half_width(ci, median(samples)) <= rule.relative_ci


@contextmanager
def _gc_paused() -> Iterator[None]:
    """A collection takes milliseconds and would fall into some sample."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

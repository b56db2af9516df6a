"""Samples several entries in interleaved rounds, until the median of each is known well enough.

Entries are timed in rounds, every entry once per round in a fresh random order: a drift of the device's clock
or temperature then falls on all alike, and the n-th samples of two entries are a pair.

Before that they warm up in rounds as well, until the device has settled: an idle one takes a while to raise its
clock, and a hot one to lower it.
"""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.sweeps.stop_rule import StopRule
from harness.timing.clocks import Clock
from harness.timing.estimators import geometric_mean, median, median_ci, relative_half_width

# The warm-up ends when the pace of the last rounds is within ±1% of that of as many rounds before them.
SETTLED_WITHIN = 0.01
_LEAST_WINDOW = 5

Calls = Mapping[str, Sequence[Callable[[], object]]]
# Told before a sample is taken: of which entry, on which buffer set of how many. What it returns is called after.
Watch = Callable[[str, int, int], "Callable[[], None] | None"]


@dataclass(frozen=True)
class Sampled:
    """The times of one entry, in the order in which they were taken, and what stopped the sampling."""

    samples_s: tuple[float, ...]
    median_s: float
    ci95_s: tuple[float, float] | None
    stop_rule: str  # "precision", "max_samples", "max_seconds"
    measured_s: float = 0.0  # by the clock, with whatever it does around each call
    warmup_s: float = 0.0
    is_settled: bool = True  # whether the warm-up ended by itself; all entries of a sampling warm up together


def rounds(entries: Iterable[str], seed: int) -> Iterator[tuple[str, ...]]:
    """The order of the entries in each round, without end. From the `entries` and the `seed` of a stored record
    it is the order in which its samples were taken.
    """
    order = list(entries)
    shuffle = random.Random(seed).shuffle
    while True:
        shuffle(order)
        yield tuple(order)


def sample(calls: Calls, clock: Clock, rule: StopRule, seed: int, watch: Watch | None = None) -> dict[str, Sampled]:
    """Samples of every entry, the same number of each. `seed` decides the order within the rounds.

    An entry is the same work bound to each of k buffer sets. One counter for all entries picks the set, so
    that the next set is always the one that nobody has used for longest. `watch` works outside of what is timed.
    """
    turn = _Turn(calls, clock)
    with gc_paused():
        is_settled = _warm_up(turn, rule)
        warmup_s, turn.spent_s = turn.spent_s, dict.fromkeys(calls, 0.0)
        turn.watch = watch
        samples, cap = _sampled(turn, rule, seed)
    return {
        name: Sampled(
            samples_s=tuple(taken),
            median_s=median(taken),
            ci95_s=median_ci(taken),
            stop_rule=cap if cap and not _is_precise(taken, rule) else "precision",
            measured_s=turn.spent_s[name],
            warmup_s=warmup_s[name],
            is_settled=is_settled,
        )
        for name, taken in samples.items()
    }


class _Turn:
    """Takes the time of an entry on the buffer set whose turn it is, and keeps account of what that costs."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self.calls, self.clock = calls, clock
        self.spent_s = dict.fromkeys(calls, 0.0)
        self.watch: Watch | None = None
        self._sets = _buffer_sets(calls)
        self._slots = itertools.cycle(range(self._sets))

    def time(self, name: str) -> float:
        slot = next(self._slots)
        look = self.watch(name, slot, self._sets) if self.watch else None
        began_s = self.clock.now()
        time_s = self.clock.time_call(self.calls[name][slot])
        self.spent_s[name] += self.clock.now() - began_s
        if look:
            look()
        return time_s


def _sampled(turn: _Turn, rule: StopRule, seed: int) -> tuple[dict[str, list[float]], str | None]:
    """The samples of every entry, and the cap that ended them, if one did."""
    samples: dict[str, list[float]] = {name: [] for name in turn.calls}
    check_at = rule.min_samples
    for count, order in enumerate(rounds(turn.calls, seed), start=1):
        for name in order:
            samples[name].append(turn.time(name))
        cap = _cap(count, max(turn.spent_s.values()), rule)
        if cap:
            return samples, cap
        if count == check_at:
            if all(_is_precise(taken, rule) for taken in samples.values()):
                return samples, None
            # A check sorts all samples: rarer as they grow, its cost stays in proportion. And the fewer the
            # looks at an interval, the less the chance of stopping at one that is narrow by luck.
            check_at += max(8, count // 8)
    raise AssertionError("rounds never end")


def _warm_up(turn: _Turn, rule: StopRule) -> bool:
    """Rounds until the times have settled. False if they had not when the cap was reached."""
    for name in turn.calls:
        turn.time(name)  # may compile for seconds: not a part of the warm-up's time
    if rule.warmup_seconds == 0:
        return True
    least_s, most_s = (each * len(turn.calls) for each in (rule.warmup_seconds, rule.max_warmup_seconds))
    began_s = turn.clock.now()
    times: list[list[float]] = []  # of every entry, for each round
    check_at = 2 * _LEAST_WINDOW
    for count in range(1, rule.max_samples + 1):  # an end, even if the clock stands still
        times.append([turn.time(name) for name in turn.calls])
        spent_s = turn.clock.now() - began_s
        if count >= check_at and spent_s >= least_s:
            if _has_settled(times):
                return True
            check_at = count + max(_LEAST_WINDOW, count // 8)
        if spent_s >= max(least_s, most_s):
            return False
    return False


def _has_settled(times: Sequence[Sequence[float]]) -> bool:
    """Whether the last rounds took as long as those before them, by the geometric mean of the entries' medians."""
    window = max(_LEAST_WINDOW, len(times) // 4)
    paces = []
    for part in (times[-2 * window : -window], times[-window:]):
        medians = [median(of_entry) for of_entry in zip(*part, strict=True)]
        paces.append(geometric_mean(medians) if min(medians) > 0 else 1.0)  # a clock that stands still has settled
    return abs(paces[1] / paces[0] - 1) <= SETTLED_WITHIN


def _buffer_sets(calls: Calls) -> int:
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
def gc_paused() -> Iterator[None]:
    """A collection takes milliseconds and would fall into some sample."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Compares our clock with other libraries' timers: the same calls on the same buffers in the same rotation.

Each size is timed in rounds, by our clock twice and by every other timer once. The two of ours give the noise
floor, an A/A comparison. A timer differs where the whole interval of its ratio to ours lies beyond that floor, agrees
where the whole interval lies within it (or within ±1%), and is undecided otherwise. The gate comes first: what computes
something else is not worth timing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness import providers
from harness.correctness import gate
from harness.crosscheck.timers import CPU, CUDA, Missing
from harness.device.devices import Device
from harness.ops.buffers import allocate, refill
from harness.ops.cases import Case
from harness.store.vocabulary import Verdict
from harness.sweeps.stop_rule import StopRule
from harness.timing import regimes
from harness.timing.estimators import Ratio, median, noise_floor, paired_ratio, verdict
from harness.timing.regimes import Setting
from harness.timing.sampler import sample

ROUNDS = 9
SECONDS = 0.1  # of each timer in each round


# By the verdict on the two times.
_AGREES = {Verdict.SAME: True, Verdict.FASTER: False, Verdict.SLOWER: False, Verdict.UNDECIDED: None}


class Rejected(Exception):
    """A provider that the gate rejects; the message says how it is wrong."""


@dataclass(frozen=True)
class Check:
    """One timer against ours on one case. Times are seconds per call; `ratio` is its time over ours."""

    case_key: str
    elements: int
    provider: str
    timer: str
    ours_s: float
    theirs_s: float | None
    ratio: float | None
    ratio_ci95: tuple[float, float] | None
    noise_floor: float  # of the A/A comparison: 0.01 is ±1%
    agrees: bool | None  # None: undecided, or there is no time
    why: str | None  # why there is no time


def crosscheck(
    case: Case, spec: str, device: Device, rounds: int = ROUNDS, seconds: float = SECONDS
) -> Iterator[Check]:
    """Every timer for this kind of device on one case. Raises providers.Unsupported, and Rejected by the gate."""
    setting, one_call = _prepared(case, spec, device)
    timers = CUDA if device.kind == "cuda" else CPU
    ours: dict[str, list[float]] = {"ours": [], "control": []}
    theirs: dict[str, list[float]] = {name: [] for name in timers}
    missing: dict[str, str] = {}
    rule = StopRule(min_samples=10, max_samples=1000, max_seconds=seconds, warmup_seconds=0.0)
    sample(setting.calls, setting.clock, StopRule(min_samples=10, max_seconds=seconds), seed=0)  # to warm up
    for number in range(rounds):
        for name, sampled in sample(setting.calls, setting.clock, rule, seed=number).items():
            ours[name].append(sampled.median_s)
        for name, timer in timers.items():
            if name in missing:
                continue
            try:
                theirs[name].append(timer(one_call, seconds))
            except Missing as error:
                missing[name] = str(error)
    control = paired_ratio(ours["control"], ours["ours"])
    floor = noise_floor(control) if control is not None else float("inf")
    for name in timers:
        times = () if name in missing else theirs[name]
        yield _check(case, providers.name_of(spec), name, ours["ours"], times, floor, missing.get(name))


def _prepared(case: Case, spec: str, device: Device) -> tuple[Setting, Callable[[], object]]:
    """The calls as our clock takes them, and one that rotates over the same buffers, for the other timers."""
    sets = regimes.sets(["cold"], case.bytes_moved, device)
    buffers = allocate(case, sets, device.torch_device)
    call = providers.load(spec).prepare(case)
    verdict = gate.check(case, call, buffers[0], seed=0)
    if not verdict.passed:
        at = f", at {verdict.worst_input}" if verdict.worst_input else ""
        raise Rejected(f"{providers.name_of(spec)} is wrong and was not timed: {verdict.reason}{at}")
    refill(case, buffers[0], seed=0)
    bound = [partial(call, *each.inputs, *each.outputs) for each in buffers]
    setting = regimes.setting("cold", {"ours": bound, "control": bound}, case.bytes_moved, device)
    rotation = itertools.cycle(setting.calls["ours"])
    return setting, lambda: next(rotation)()


def _check(
    case: Case,
    provider: str,
    timer: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    floor: float,
    why: str | None,
) -> Check:
    ratio: Ratio | None = paired_ratio(theirs, ours) if theirs else None
    return Check(
        case_key=case.key,
        elements=case.elements,
        provider=provider,
        timer=timer,
        ours_s=median(ours),
        theirs_s=median(theirs) if theirs else None,
        ratio=ratio.ratio if ratio else None,
        ratio_ci95=(ratio.low, ratio.high) if ratio else None,
        noise_floor=floor,
        agrees=_AGREES[verdict(ratio, floor)],
        why=why,
    )

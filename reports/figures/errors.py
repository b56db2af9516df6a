"""The error of the plain ELU over the whole range of a 16-bit dtype: the data of the figure of errors."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from harness.store.records import ErrorByInput, Run
from reports.figures.naming import dtype_order

PATTERNS = 2**16
# Inputs that the axis names where there is room, the most wanted first: it is in the order of the bit patterns.
_NAMED = (0.0, -1.0, 1.0, -1e-3, 1e-3, -1e3, 1e3, -1e-15, 1e-15, -1e30, 1e30, -1e-30, 1e-30, -1e15, 1e15, -0.03, -30.0)
_ROOM = 30  # buckets that a name takes


@dataclass(frozen=True)
class Profile:
    """One provider's largest error in each bucket of neighbouring inputs, from the most negative input up.

    `lows` and `highs` are the ends of the buckets: inputs, as plain numbers. Buckets without a finite input are
    left out. `max_ulp` counts units in the last place of the output's dtype.
    """

    provider: str
    dtype: str
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    max_ulp: tuple[float, ...]
    outcome: str  # of the record that it was found with: "rejected" is as good a reason to look


def profiles(run: Run) -> dict[str, list[Profile]]:
    """The profiles of a run by dtype and, within, by provider: of each, that of its first record with one."""
    found: dict[tuple[str, str], Profile] = {}
    for record in run.records:
        content = record.error_by_input
        if content and record.role == "provider" and (record.dtype, record.provider) not in found:
            profile = _profile(record.provider, record.dtype, record.outcome, content)
            if profile is not None:
                found[record.dtype, record.provider] = profile
    by_dtype: dict[str, list[Profile]] = {}
    for (dtype, _), profile in sorted(found.items(), key=lambda item: (dtype_order(item[0][0]), item[0][1])):
        by_dtype.setdefault(dtype, []).append(profile)
    return by_dtype


def _profile(provider: str, dtype: str, outcome: str, content: ErrorByInput) -> Profile | None:
    values = values_of_patterns(dtype)
    size = content.patterns_per_bucket
    errors = content.max_ulp
    if values is None or size * len(errors) != PATTERNS:
        return None
    buckets = values.reshape(-1, size)
    order = [*range(len(errors) - 1, len(errors) // 2 - 1, -1), *range(len(errors) // 2)]
    kept = [(buckets[n][np.isfinite(buckets[n])], errors[n]) for n in order if errors[n] is not None]
    return Profile(
        provider,
        dtype,
        tuple(float(inputs.min()) for inputs, _ in kept),
        tuple(float(inputs.max()) for inputs, _ in kept),
        tuple(float(error or 0.0) for _, error in kept),
        outcome,
    )


def values_of_patterns(dtype: str) -> np.ndarray | None:
    """All 65,536 values of a 16-bit dtype in the order of their bit patterns, in fp64; None of another dtype."""
    patterns = np.arange(PATTERNS, dtype=np.uint32)
    if dtype == "bfloat16":
        wide = (patterns << 16).view(np.float32)
    elif dtype == "float16":
        wide = patterns.astype(np.uint16).view(np.float16)
    else:
        return None
    with np.errstate(invalid="ignore"):
        return wide.astype(np.float64)


def input_ticks(profile: Profile) -> dict[int, str]:
    """Places of buckets and the inputs to name there; those outside the dtype's range, or on others, are left out."""
    ticks: dict[int, str] = {}
    for value in _NAMED:
        place = bisect.bisect_right(profile.lows, value) - 1
        inside = place >= 0 and profile.lows[place] <= value <= profile.highs[-1]
        if inside and all(abs(place - other) >= _ROOM for other in ticks):
            ticks[place] = _input_text(value)
    return dict(sorted(ticks.items()))


def _input_text(value: float) -> str:
    if value == 0:
        return "0"
    text = f"{value:g}".replace("e-0", "e-").replace("e+", "e")
    return text.replace("-", "−")

"""The stop rule: when an entry has been sampled enough. A sweep sets it in its `[stop]` table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StopRule:
    """When an entry has been sampled enough; sampling stops for all entries at once.

    It stops once the 95% interval of every entry's median is within ±`relative_ci`, or once a cap fires:
    `max_samples` of each entry, or `max_seconds` spent on any one of them, the clock's overhead included and
    the warm-up not. Never before `min_samples`, not even for a cap: a slow entry that must not take that long
    needs a smaller `min_samples`.

    The warm-up takes at least `warmup_seconds` for each entry, then until the times have settled, and at most
    `max_warmup_seconds` for each. `warmup_seconds = 0` asks for none but one call of each.
    """

    min_samples: int = 30
    max_samples: int = 2000
    max_seconds: float = 1.0
    relative_ci: float = 0.005
    warmup_seconds: float = 0.05
    max_warmup_seconds: float = 0.25

    def __post_init__(self) -> None:
        if not 1 <= self.min_samples <= self.max_samples:
            given = f"{self.min_samples} and {self.max_samples}"
            raise ValueError(f"a stop rule needs 1 <= min_samples <= max_samples, not {given}")
        for name in ("max_seconds", "relative_ci", "warmup_seconds", "max_warmup_seconds"):
            if not getattr(self, name) >= 0:  # says no to NaN as well
                raise ValueError(f"a stop rule needs {name} >= 0, not {getattr(self, name)}")

"""A median with its interval as text, of values that may be infinite since a net diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.paper import paired
from reports.paper.paired import Interval
from reports.text.formatting import MISSING, significant

DIVERGED = "diverged"


@dataclass(frozen=True)
class Number:
    """A median with its distribution-free 95% interval, which few values do not give."""

    value: float | None
    ci95: Interval | None


def number(values: Sequence[float]) -> Number:
    """The median of one value a seed, and its interval: for 12 seeds the third and the tenth of them in order."""
    return Number(paired.middle(values), paired.interval(values)) if values else Number(None, None)


def number_text(found: Number, digits: int = 3) -> str:
    """A median with its interval: "0.187 [0.155, 0.242]"; without one where the seeds are too few."""
    if found.value is None:
        return MISSING
    return signed(found.value, digits) + interval_text(found.ci95, digits)


def interval_text(ci95: Interval | None, digits: int = 3) -> str:
    """An interval in brackets, after a space; nothing for none."""
    return "" if ci95 is None else f" [{signed(ci95[0], digits)}, {signed(ci95[1], digits)}]"


def signed(value: float, digits: int = 3) -> str:
    """A number with a minus that is as wide as a plus; infinite ones are of nets that diverged."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return significant(value, digits).replace("-", "−")


def p_text(p: float) -> str:
    """A p-value: "0.012", "< 0.0001"."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"

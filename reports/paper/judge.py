"""Judges every statement by the rules: one primary comparison decides, Holm's procedure over the statements. Pure."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.paper.rows import ClaimsRun
from reports.paper import paired
from reports.paper.paired import Interval, Signs
from reports.paper.rules import ComparisonRule, Rules, Statement, rules
from reports.paper.selection import by_seed, rate_of

HOLDS, DOES_NOT, EQUIVALENT, CANNOT_TELL = "holds", "does not", "equivalent", "cannot tell"


@dataclass(frozen=True)
class Compared:
    """A comparison with what was seen: `values` has a number for every seed, less the threshold of the rule.

    Differences as they are, ratios in logarithms. What is infinite diverged; a seed where both did is nan, which is
    among the seeds and speaks for nothing: neither for a side nor for equivalence.
    """

    rule: ComparisonRule
    rates: tuple[float | None, ...]  # that ours, and theirs, were trained at
    values: tuple[float, ...]

    @property
    def signs(self) -> Signs:
        return paired.signs(self.values)

    @property
    def as_said(self) -> int:
        """How many seeds lie on the side that the statement says."""
        return self.signs.below if self.rule.side == "below" else self.signs.above

    @property
    def opposite(self) -> int:
        """How many seeds lie on the other side."""
        return self.signs.above if self.rule.side == "below" else self.signs.below

    @functools.cached_property
    def p(self) -> float:
        """Of the two-sided sign test about the threshold: it decides the side."""
        return paired.sign_p(self.signs)

    @functools.cached_property
    def equivalence_p(self) -> float:
        """Of two one-sided sign tests: the median lies within the margin."""
        return paired.equivalence_p(self.values, self.margin)

    @functools.cached_property
    def signed_rank_p(self) -> float:
        """Of Wilcoxon's test, for those who ask; no verdict rests on it."""
        return paired.signed_rank_p(self.known)

    @property
    def known(self) -> tuple[float, ...]:
        """The values of all seeds but those where both nets diverged."""
        return tuple(value for value in self.values if not math.isnan(value))

    @property
    def margin(self) -> float:
        """That of the rule, on the scale of the values."""
        return math.log1p(self.rule.margin) if self.rule.scale == "ratio" else self.rule.margin

    @property
    def effect(self) -> float | None:
        """The paired effect size: 1 where every seed is as said, -1 where every one is opposite."""
        found = paired.effect(self.known)
        return found if found is None or self.rule.side == "above" else -found

    @property
    def median(self) -> float | None:
        """In the units of the measure, or as a ratio."""
        return self._shown(paired.middle(self.known)) if self.known else None

    @property
    def ci95(self) -> Interval | None:
        found = paired.interval(self.known)
        return None if found is None else (self._shown(found[0]), self._shown(found[1]))

    def _shown(self, value: float) -> float:
        if self.rule.scale != "ratio":
            return value + self.rule.threshold
        return math.inf if value > 700 else math.exp(value) * self.rule.threshold

    def verdict(self, level: float) -> str:
        """What follows at a level. A difference that is certain and lies within the margin is of no substance.

        Under any truth one of the three claims errs with a probability of at most `level`: whichever are false lie
        beyond one and the same threshold (Goeman, Solari & Stijnen, "Three-sided hypothesis testing", 2010).
        """
        if self.equivalence_p <= level:
            return EQUIVALENT
        if self.p <= level:
            return HOLDS if self.as_said > self.opposite else DOES_NOT
        return CANNOT_TELL


@dataclass(frozen=True)
class Judged:
    """A statement with what was seen for it; `level` is what Holm's procedure leaves for its primary comparison."""

    statement: Statement
    primary: Compared
    secondary: tuple[Compared, ...]
    level: float
    adjusted_p: float

    @property
    def verdict(self) -> str:
        return self.primary.verdict(self.level) if self.level else CANNOT_TELL


def judge(run: ClaimsRun, by: Rules | None = None) -> list[Judged]:
    """The statements of the claims that the run measured, in the order of the rules."""
    by = by or rules()
    chosen = [each for each in by.statements if each.claim in run.plan.claims]
    primary = [compare(run, each.primary) for each in chosen]
    p_values = [min(each.p, each.equivalence_p) for each in primary]
    levels, adjusted = paired.holm_levels(p_values, by.level), paired.holm(p_values)
    return [
        Judged(statement, first, tuple(compare(run, each) for each in statement.secondary), level, p)
        for statement, first, level, p in zip(chosen, primary, levels, adjusted, strict=True)
    ]


def compare(run: ClaimsRun, rule: ComparisonRule) -> Compared:
    """What the judged seeds of a run show for a comparison."""
    names = [name for name in (rule.ours, rule.theirs) if name is not None]
    rates = tuple(rate_of(run, rule.net, name, rule.rate) for name in names)
    found = [by_seed(run, rule.net, name, rate, rule.measure) for name, rate in zip(names, rates, strict=True)]
    return Compared(rule, rates, tuple(_values(rule, found)))


def _values(rule: ComparisonRule, found: Sequence[Mapping[int, float]]) -> list[float]:
    ours, theirs = found[0], found[-1]
    seeds = sorted(seed for seed in ours if seed in theirs)
    if rule.scale == "value":
        return [ours[seed] - rule.threshold for seed in seeds]
    if rule.scale == "difference":
        return [_minus(_minus(ours[seed], theirs[seed]), rule.threshold) for seed in seeds]
    shift = math.log(rule.threshold)
    return [_minus(_minus(_log(ours[seed]), _log(theirs[seed])), shift) for seed in seeds]


def _minus(a: float, b: float) -> float:
    """a - b, where two that are both infinitely bad have no difference."""
    return math.nan if math.isinf(a) and a == b else a - b


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf

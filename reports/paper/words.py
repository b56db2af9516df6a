"""The sentences that all forms of a claims report share: what was run, and verdicts with what speaks against them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.paper.choice import chosen_rates
from harness.paper.plan import BATCH, CLAIMS, DATASETS, NETS, PAPER_RATE, Plan
from harness.paper.rows import ClaimsRun
from harness.store.manifest import Manifest
from harness.store.records import Run
from reports.paper import paired
from reports.paper.judge import CANNOT_TELL, DOES_NOT, EQUIVALENT, HOLDS, Compared, Judged
from reports.paper.looks import name_of
from reports.paper.number_text import Number, number_text, p_text, signed
from reports.paper.rules import ComparisonRule, Statement, rules
from reports.paper.selection import MEASURES
from reports.render.table import Column, Kind, Table, numbers, words
from reports.text import wording
from reports.text.formatting import MISSING

TITLE = "The ELU paper, put to the test"
INFERENCE = "our inference"
WORDS_COLUMN = "the paper's words"
MARKS = {HOLDS: "✓", DOES_NOT: "✗", EQUIVALENT: "=", CANNOT_TELL: "?"}
_COLOURS = {HOLDS: "green", DOES_NOT: "red", EQUIVALENT: "cyan", CANNOT_TELL: "yellow"}
CENTRING_TITLE, DIVERGENCE_TITLE = "Centring", "Divergence"
LEVEL = 0.05  # at which a secondary comparison is said to point one way


def header(run: ClaimsRun) -> Iterator[str]:
    """Device, versions and plan, a line each."""
    plan = run.plan
    yield from machine(run.manifest)
    yield (
        f"{'a quick look' if plan.name == 'quick' else 'a full run'} on {plan.dataset}: {len(plan.judge_seeds)} judged "
        f"seeds, rates chosen by {_pilot(plan)}, {plan.epochs} epochs, learning rates "
        f"{', '.join(f'{rate:g}' for rate in plan.rates)}, started {run.manifest.created}"
    )


def _pilot(plan: Plan) -> str:
    count = len(plan.pilot_seeds)
    return f"{count} pilot seed{'s' if count != 1 else ''}"


def machine(manifest: Manifest) -> Iterator[str]:
    """Device and versions, a line each."""
    device = manifest.device
    on_gpu = "GPU, activations on this suite's Triton kernels"
    where = on_gpu if device.kind == "cuda" else f"CPU, {device.cores or '?'} cores, one thread a net"
    yield f"{device.name} ({where})"
    yield from list(wording.header(Run(Path(), manifest, ())))[1:-1]


def where(run: ClaimsRun) -> str:
    """On what data and device: "digits, on AMD EPYC"."""
    return f"{run.plan.dataset}, on {run.manifest.device.name}"


def setting(run: ClaimsRun) -> str:
    """On what the nets were trained, and how, in a paragraph."""
    plan = run.plan
    nets = "; ".join(f"{name}: {what}" for name, what in NETS.items())
    rates = ", ".join(f"{rate:g}" for rate in plan.rates)
    edges = _edges(run)
    return (
        f"Data: {DATASETS[plan.dataset]}. Training: plain stochastic gradient descent, batches of {BATCH}, weights "
        f"drawn as He et al. 2015 do unless said otherwise, {plan.epochs} epochs (half of that for conv). Stage one: "
        f"for each net and variant {_pilot(plan)}, trained at every rate of {rates}, choose the rate of the least "
        f"median training loss. Stage two: {len(plan.judge_seeds)} fresh seeds, which no "
        f"choice has seen, are trained at the chosen rate and at the paper's, {PAPER_RATE:g}; they alone are judged. "
        f"Nets: {nets}. {edges}"
    )


def _edges(run: ClaimsRun) -> str:
    """Which chosen rates lie at an end of the grid, so that a better one may lie beyond."""
    ends = {min(run.plan.rates), max(run.plan.rates)}
    found = [f"{net} {name_of(variant)}" for (net, variant), rate in _chosen(run).items() if rate in ends]
    if not found:
        return "No chosen rate lies at an end of the grid."
    return f"At an end of the grid, so that a better rate may lie beyond it: {', '.join(found)}."


def _chosen(run: ClaimsRun) -> dict[tuple[str, str], float]:
    return chosen_rates(run.plan, run.rows)


def method(run: ClaimsRun, judged: Sequence[Judged]) -> str:
    """How a verdict is made, and what it can and cannot see, in a paragraph."""
    by, seeds = rules(), len(run.plan.judge_seeds)
    hashed = "The manifest of the run has their hash, and that of every module that judges, from before its first row."
    if not run.manifest.judging_sha256:
        hashed = "The manifest of the run has no hash of them, so nothing shows that they are older than it."
    return (
        f"Each of the {len(judged)} statements has one primary comparison, which alone decides, by the rules in "
        f"reports/paper/rules.toml. {hashed} Two nets with the same "
        "seed start from the same weights and see the same batches: a seed counts for the side that it lies on, and "
        "one that diverged ranks last. The p-value is that of the exact two-sided sign test, which assumes only that "
        f"seeds are independent; all statements of a run together err with a probability of {by.level:g} or less, by "
        "Holm's procedure. Equivalent: two one-sided sign tests show that the median difference is within the stated "
        "margin; this comes before a difference that is certain and too small to matter. Effect size: the rank-"
        "biserial correlation of paired differences, 1 where every seed is as said and −1 where none is. Numbers are "
        f"medians with their distribution-free 95% interval. {power_text(seeds, len(judged))}"
    )


def power_text(seeds: int, statements: int) -> str:
    """What the rule can see: how many seeds it takes, and how probable that is, alone and at Holm's first step."""
    by = rules()
    parts = []
    for level, when in ((by.level, "for a statement alone"), (by.level / max(statements, 1), "at Holm's first step")):
        k = paired.needed(seeds, level)
        if k is None:
            parts.append(f"{when} {seeds} seeds are too few for any verdict")
            continue
        power = paired.power(seeds, level, by.power_at)
        parts.append(f"{when} it takes {k} of {seeds} seeds on one side, with a power of {power:.2f}")
    return f"Power, where a seed lies on the stated side with probability {by.power_at:g}: {'; '.join(parts)}."


def counts(verdicts: Sequence[str]) -> str:
    """How many statements have each verdict."""
    found = Counter(verdicts)
    return (
        f"{found[HOLDS]} hold, {found[DOES_NOT]} do not, {found[EQUIVALENT]} are equivalent within their margin, "
        f"{found[CANNOT_TELL]} cannot be told here"
    )


def quoted(statement: Statement) -> str:
    """The paper's own words and where they stand, or that the statement is our inference."""
    return f"“{statement.quote}” ({statement.place})" if statement.quote else f"{INFERENCE} ({statement.place})"


def as_said(found: Compared) -> str:
    """How many seeds lie on the stated side: "11 of 12"."""
    return f"{found.as_said} of {len(found.values)}" if found.values else MISSING


def verdict_text(judged: Judged) -> str:
    """A statement's verdict with what decides: "✓ holds (12 of 12 as said, p = 0.008 after Holm)"."""
    found = judged.primary
    rests_on = f"{as_said(found)} as said, {adjusted_text(judged)}" if found.values else "nothing was measured"
    return f"{MARKS[judged.verdict]} {judged.verdict} ({rests_on})"


def adjusted_text(judged: Judged) -> str:
    """The p-value after Holm's procedure, of the difference or of the equivalence, whichever decides."""
    return f"p = {p_text(judged.adjusted_p)} after Holm" if judged.primary.values else MISSING


def decides(judged: Judged) -> str:
    """The comparison that decides, with its number, its seeds and its margin, as a clause."""
    found = judged.primary
    if not found.values:
        return f"{label(found)}: nothing was measured"
    return (
        f"{MEASURES[found.rule.measure].what}, {label(found)}: {median_text(found)}, said to be {said(found.rule)}, "
        f"{as_said(found)} {_pairs(found)} as said, {adjusted_text(judged)}, {margin_text(found.rule)}"
    )


def label(found: Compared) -> str:
    """What is compared, on which net and at which rates."""
    rule = found.rule
    join = " / " if rule.scale == "ratio" else " − "
    names = join.join(name_of(name) for name in (rule.ours, rule.theirs) if name is not None)
    rates = dict.fromkeys("none" if rate is None else f"{rate:g}" for rate in found.rates)
    return f"{names}, {rule.net}, {'rate' if len(rates) == 1 else 'rates'} {' and '.join(rates)}"


def median_text(found: Compared) -> str:
    return number_text(Number(found.median, found.ci95))


def effect_text(found: Compared) -> str:
    return MISSING if found.effect is None else signed(found.effect, 2)


def said(rule: ComparisonRule) -> str:
    """On which side the statement puts the number: "below 1"."""
    return f"{rule.side} {rule.threshold:g}"


def margin_text(rule: ComparisonRule) -> str:
    """Within what a difference is of no substance."""
    if not rule.margin:
        return "no margin of equivalence" if rule.than is None else f"margin in the threshold, {rule.threshold:g}"
    return f"margin ±{rule.margin:g}" if rule.scale != "ratio" else f"margin ×{1 + rule.margin:g} either way"


def counter_evidence(judged: Judged) -> str:
    """What speaks against the statement, and, where it does not hold, what speaks for it."""
    found = judged.primary
    if not found.values:
        return "Against it: nothing was measured."
    against = [each for each in judged.secondary if each.p <= LEVEL and each.opposite > each.as_said]
    said_so = _side("Against it", found, found.opposite, against, [each.opposite for each in against], judged)
    if judged.verdict in (HOLDS, CANNOT_TELL):
        return said_so
    speaking = [each for each in judged.secondary if each.p <= LEVEL and each.as_said > each.opposite]
    return f"{said_so} {_side('For it', found, found.as_said, speaking, [e.as_said for e in speaking], judged)}"


def _side(
    start: str, primary: Compared, count: int, others: Sequence[Compared], counts: Sequence[int], judged: Judged
) -> str:
    parts = [f"{count} of {len(primary.values)} {_pairs(primary)} of the deciding comparison"]
    parts += [
        f"{label(each)} ({each.rule.why}): {median_text(each)}, {number} of {len(each.values)}"
        for each, number in zip(others, counts, strict=True)
    ]
    if not others:
        parts.append(f"none of {sum(bool(each.values) for each in judged.secondary)} other comparisons beyond chance")
    return f"{start}: {'; '.join(parts)}."


def _pairs(found: Compared) -> str:
    """What is paired: seeds, or of times the rounds that they were taken in."""
    return "rounds" if MEASURES[found.rule.measure].claim == "step_time" else "seeds"


def expected(run: ClaimsRun) -> dict[tuple[object, ...], str]:
    """The stage of every row that the plan has, by its key; what is judged follows from what the pilot chose."""
    plan = run.plan
    units = (*plan.pilots(), *plan.judged(_chosen(run)), *plan.timed())
    return {key: unit.stage for unit in units for key in sorted(unit.keys(), key=str)}


def incomplete(run: ClaimsRun) -> str | None:
    """A sentence on what is missing from an interrupted run, or None."""
    missing = len(expected(run).keys() - {row.key for row in run.rows})
    if not missing:
        return None
    go_on = f"elubench claims --resume {shlex.quote(run.path.name)}"
    return f"The run is not finished: {missing} rows or more are missing; go on with: {go_on}"


def look(run: ClaimsRun) -> str | None:
    """What a reader has to know of a quick run before its verdicts, or None for a full one."""
    if run.plan.name != "quick":
        return None
    return (
        f"This is a quick run, a look only: {run.plan.epochs} epochs and {len(run.plan.judge_seeds)} seeds. Its "
        "verdicts are no evidence, and those of a full run may be others."
    )


def one_data_set(run: ClaimsRun) -> str:
    """That a run is of one data set, and what that is worth."""
    return (
        f"These verdicts are those of one data set, {run.plan.dataset}; a statement holds only where it holds on "
        f"{rules().data_sets}."
    )


def claim_title(claim: str) -> str:
    """The heading of a claim's section."""
    return claim.replace("_", " ").capitalize()


def claim_summary(claim: str) -> str:
    """What is measured for a claim."""
    return CLAIMS[claim]


def comparison_table(judged: Sequence[Judged], title: str = "") -> Table:
    """The primary comparisons, each with its secondary ones below it, which decide nothing and stand behind."""
    rows, dim = [], set()
    for each in judged:
        rows.append(_comparison_cells(each.primary, "decides"))
        for second in each.secondary:
            dim.add(len(rows))
            rows.append(_comparison_cells(second, second.rule.why))
    columns = (
        *words("what is compared", "measure", "what for", kind=Kind.PROSE),
        Column("median [95% interval]"), Column("said to be", Kind.WORD), Column("as said"), Column("effect"),
        Column("p, sign"), Column("p, ranks"), Column("p, equivalent"),
    )  # fmt: skip
    return Table(title, columns, tuple(rows), dim=frozenset(dim))


def _comparison_cells(found: Compared, why: str) -> tuple[str, ...]:
    p_values = [found.p, found.signed_rank_p, found.equivalence_p if found.rule.margin else None]
    return (
        label(found), MEASURES[found.rule.measure].what, why, median_text(found), said(found.rule), as_said(found),
        effect_text(found), *(MISSING if p is None or not found.values else p_text(p) for p in p_values),
    )  # fmt: skip


def verdict_table(judged: Sequence[Judged], title: str = "") -> Table:
    """Every statement with the paper's words, its verdict, the size of its effect, and its margin."""
    styles = {f"{MARKS[verdict]} ": f"bold {colour}" for verdict, colour in _COLOURS.items()}
    columns = (
        *words("statement", WORDS_COLUMN, kind=Kind.PROSE),
        Column("verdict", Kind.WORD, styles=styles), *numbers("as said", "p, Holm", "median [95%]", "effect", "margin"),
    )  # fmt: skip
    return Table(title, columns, tuple(map(_verdict_cells, judged)))


def _verdict_cells(judged: Judged) -> tuple[str, ...]:
    found = judged.primary
    p = p_text(judged.adjusted_p) if found.values else MISSING
    return (
        judged.statement.says, quoted(judged.statement), f"{MARKS[judged.verdict]} {judged.verdict}", as_said(found),
        p, median_text(found), effect_text(found), _margin_cell(found.rule),
    )  # fmt: skip


def _margin_cell(rule: ComparisonRule) -> str:
    if not rule.margin:
        return MISSING if rule.than is None else f"at {rule.threshold:g}"
    return f"×{1 + rule.margin:g}" if rule.scale == "ratio" else f"±{rule.margin:g}"

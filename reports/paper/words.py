"""The sentences that all forms of a claims report share: what was run, the verdicts counted, the comparisons."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.paper.plan import BATCH, CLAIMS, DATASETS, NETS, PAPER_RATE
from harness.paper.rows import ClaimsRun
from harness.store.records import Run
from reports.paper.judge import Judged
from reports.paper.number_tables import number_text, significant_signed
from reports.paper.verdicts import CANNOT_TELL, DOES_NOT, HOLDS, Criterion
from reports.render.table import Column, Kind, Table, words
from reports.text import wording

TITLE = "The ELU paper, put to the test"
MARKS = {HOLDS: "✓", DOES_NOT: "✗", CANNOT_TELL: "?"}
_COLOURS = {HOLDS: "green", DOES_NOT: "red", CANNOT_TELL: "yellow"}


def header(run: ClaimsRun) -> Iterator[str]:
    """Device, versions and plan, a line each."""
    _, *lines = wording.header(Run(run.path, run.manifest, ()))
    device = run.manifest.device
    on_gpu = "GPU, activations on this suite's Triton kernels"
    where = on_gpu if device.kind == "cuda" else f"CPU, {device.cores or '?'} cores, one thread a net"
    yield f"{device.name} ({where})"
    yield from lines[:-1]
    plan = run.plan
    yield (
        f"{'a quick look' if plan.name == 'quick' else 'a full run'}: {len(plan.seeds)} seeds, {plan.epochs} epochs, "
        f"learning rates {', '.join(f'{rate:g}' for rate in plan.rates)}, started {run.manifest.created}"
    )


def where(run: ClaimsRun) -> str:
    """On what data and device: "digits, on AMD EPYC"."""
    return f"{run.plan.dataset}, on {run.manifest.device.name}"


def setting(run: ClaimsRun) -> str:
    """On what the nets were trained, and how, in a paragraph."""
    plan = run.plan
    nets = "; ".join(f"{name}: {NETS[name]}" for name in dict.fromkeys(unit.net for unit in plan.units()))
    rates = ", ".join(f"{rate:g}" for rate in plan.rates)
    return (
        f"Data: {DATASETS[plan.dataset]}. Training: plain stochastic gradient descent, batches of {BATCH}, weights "
        f"drawn as He et al. 2015 do, {plan.epochs} epochs (half of that for conv), at the paper's rate of "
        f"{PAPER_RATE:g} and over the grid {rates}, the same for every activation. The best rate is that of the least "
        f"median training loss, chosen on the seeds that it is reported on. Nets: {nets}."
    )


def intervals(judged: Sequence[Judged]) -> str:
    """What the numbers and the verdicts mean, in a paragraph."""
    compared = sum(comparison.counts for each in judged for comparison in each.comparisons)
    return (
        "Numbers are medians over seeds, and those of times over samples, with the distribution-free 95% interval of "
        "the median, which for 6 seeds spans all of them; nothing is assumed about how seeds are distributed. A "
        "comparison holds where its whole interval "
        "lies on the side that the paper says, does not where it lies on the other, and cannot tell where the interval "
        "holds both. A statement holds where all of its comparisons hold, and does not where one of them does not. "
        f"Verdicts rest on {compared} comparisons, each with an interval of its own: one in twenty may miss the truth "
        "by chance."
    )


def counts(judged: Sequence[Judged]) -> str:
    """How many statements have each verdict: "7 hold, 3 do not, 5 cannot be told here"."""
    found = Counter(each.verdict for each in judged)
    return f"{found[HOLDS]} hold, {found[DOES_NOT]} do not, {found[CANNOT_TELL]} cannot be told here"


def verdict_text(judged: Judged) -> str:
    """A statement's verdict with what it rests on: "✗ does not (6 of 8 comparisons hold, 1 does not)"."""
    found = Counter(each.verdict for each in judged.comparisons if each.counts)
    against = f", {found[DOES_NOT]} {'does' if found[DOES_NOT] == 1 else 'do'} not" if found[DOES_NOT] else ""
    rests_on = f"{found[HOLDS]} of {found.total()} comparisons hold{against}" if found else "nothing was measured"
    return f"{MARKS[judged.verdict]} {judged.verdict} ({rests_on})"


def incomplete(run: ClaimsRun) -> str | None:
    """A sentence on what is missing from an interrupted run, or None."""
    expected = sum(len(unit.rates_for(claim)) for unit in run.plan.units() for claim in unit.claims)
    missing = expected * len(run.plan.seeds) - len(run.rows)
    if missing <= 0:
        return None
    go_on = f"elubench claims --resume {shlex.quote(run.path.name)}"
    return f"The run is not finished: {missing} rows are missing; go on with: {go_on}"


def look(run: ClaimsRun) -> str | None:
    """What a reader has to know of a quick run before its verdicts, or None for a full one."""
    if run.plan.name != "quick":
        return None
    return (
        f"This is a quick run, a look only: {run.plan.epochs} epochs and {len(run.plan.rates)} learning rates. Its "
        "verdicts are no evidence, and those of a full run may be others."
    )


def claim_title(claim: str) -> str:
    """The heading of a claim's section."""
    return claim.replace("_", " ").capitalize()


def claim_summary(claim: str) -> str:
    """What is measured for a claim."""
    return CLAIMS[claim]


def comparison_table(comparisons: Sequence[Criterion], title: str = "") -> Table:
    """Comparisons, a row each; those that do not count stand in parentheses."""
    styles = {f"{MARKS[verdict]} ": colour for verdict, colour in _COLOURS.items()}
    columns = (
        *words("what is compared", "measure"),
        Column("median [95% interval]"),
        Column("said to be", Kind.WORD),
        Column("verdict", Kind.WORD, styles=styles),
    )
    dim = frozenset(number for number, each in enumerate(comparisons) if not each.counts)
    return Table(title, columns, tuple(map(_comparison_cells, comparisons)), dim=dim)


def _comparison_cells(comparison: Criterion) -> tuple[str, ...]:
    side = f"{comparison.side} {significant_signed(comparison.than)}"
    verdict = f"{MARKS[comparison.verdict]} {comparison.verdict}"
    if not comparison.counts:
        side, verdict = f"({side})", f"({verdict})"
    return comparison.label, comparison.measure, number_text(comparison.number), side, verdict


def verdict_table(judged: Sequence[Judged], title: str = "") -> Table:
    """Every statement with its verdict and what that rests on."""
    styles = {f"{MARKS[verdict]} ": f"bold {colour}" for verdict, colour in _COLOURS.items()}
    columns = (*words("the paper says", "where"), Column("verdict", Kind.WORD, styles=styles))
    return Table(title, columns, tuple((e.statement.text, e.statement.place, verdict_text(e)) for e in judged))

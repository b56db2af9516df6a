"""A proof, added up over the line of numbers: for each kernel and each end of ex2's bound, and as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from harness.proof.lines import LINES, End, Known
from harness.proof.plan import Subject
from harness.proof.rows import ProofRow, ProofRun, Witness
from harness.store.records import Run
from harness.store.vocabulary import Outcome
from reports.render.table import Column, Table, numbers, sections, words
from reports.render.table import show as show_table
from reports.text import wording
from reports.text.formatting import printable, significant

TITLE = "Every input there is"
COMPUTED = {Known.FORWARD: "elu", Known.INPUT: "gradient from the input", Known.RESULT: "gradient from the result"}
_SHORT = {Known.FORWARD: "elu", Known.INPUT: "from input", Known.RESULT: "from result"}
_FAULTS = {"wrong_specials": "specials", "decreases": "decreases", "flushed": "flushed"}


@dataclass(frozen=True)
class Proved:
    """All binades of one kernel at one end of ex2's bound."""

    subject: Subject
    ex2: End
    rows: tuple[ProofRow, ...]

    @property
    def inputs(self) -> int:
        return sum(row.inputs for row in self.rows)

    @property
    def worst(self) -> ProofRow:
        """The binade of the largest error."""
        return max(self.rows, key=lambda row: row.max_ulp)

    @property
    def outcome(self) -> Outcome:
        return Outcome.OK if all(row.outcome == Outcome.OK for row in self.rows) else Outcome.REJECTED

    @property
    def outputs_sha256(self) -> str:
        """Over the hashes of the binades, in the order of the line."""
        return hashlib.sha256("".join(row.outputs_sha256 for row in self.rows).encode()).hexdigest()

    def count(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)

    def witness(self, name: str) -> Witness | None:
        """The first of what is counted under that name."""
        return next((row.witnesses[name] for row in self.rows if name in row.witnesses), None)

    @property
    def title(self) -> str:
        """ "elu, float32" """
        return f"{COMPUTED[self.subject.known]}, {self.subject.dtype}"


def summaries(run: ProofRun) -> list[Proved]:
    """One for each kernel and end that has rows, in the order of the plan."""
    found: list[Proved] = []
    for subject in run.plan.subjects:
        for end in subject.ends:
            key = (subject.op, subject.dtype, subject.known, end)
            if rows := tuple(row for row in run.rows if row.key[:4] == key):
                found.append(Proved(subject, end, rows))
    return found


def header(run: ProofRun) -> Iterator[str]:
    """What was proved, on what, by what: a line each."""
    plan = run.plan
    _, *lines = wording.header(Run(run.path, run.manifest, ()))
    yield f"kernels of {plan.provider}, as compiled for {plan.arch}, run by a CPU: {run.manifest.device.name}"
    yield from lines[:-1]
    for each in plan.subjects:
        name = f"{COMPUTED[each.known]}, {each.dtype}"
        if each.source is None:
            yield f"{name}: run by the emulated GPU"
        else:
            yield f"{name}: its PTX translated, the same bits as the emulated GPU's on {each.checked:,} inputs"
    if plan.ex2_close is not None:
        yield f"ex2 to nearest is right for all arguments; {plan.ex2_close} were settled in decimals"
    if plan.between is not None:
        yield f"only the binades with inputs from {plan.between[0]:g} to {plan.between[1]:g}"


def incomplete(run: ProofRun) -> str | None:
    """That inputs are missing, as a sentence."""
    missing = run.missing()
    return f"Not all inputs have been put through: {missing:,} are left." if missing else None


def table(found: Sequence[Proved]) -> Table:
    """A line for each kernel and end."""
    columns = (
        *words("computed", "dtype", "ex2"),
        Column("inputs", goes=2),
        *numbers("max ULP"),
        Column("at input", goes=1),
        *numbers("misrounded", *_FAULTS.values()),
        *words("outcome"),
    )
    rows = tuple(tuple(_cells(each)) for each in found)
    notes = (
        "ex2: where in its bound of 2^−22.5 it lies; unused: the kernel has none. max ULP: the largest error, in units "
        "of the last place of the truth. misrounded: outputs that are not the number nearest to the truth. specials: "
        "wrong NaN, infinities and signs of 0. decreases: outputs below that of the next lower input. flushed: 0 where "
        "a subnormal number is true.",
    )
    made = Table("", columns, rows, notes, sections=sections(each.subject for each in found))
    return made if any(each.count("flushed") for each in found) else made.without("flushed")


def _cells(each: Proved) -> Iterator[str]:
    worst = each.worst
    yield _SHORT[each.subject.known]
    yield each.subject.dtype
    yield each.ex2.value
    yield f"{each.inputs:,}"
    yield f"{worst.max_ulp:.4f}" if worst.max_ulp < 1e4 else significant(worst.max_ulp)
    yield "" if worst.worst is None or not worst.max_ulp else number(each.subject.dtype, worst.worst.input)
    yield f"{each.count('not_correctly_rounded'):,}"
    yield from (f"{each.count(name):,}" for name in _FAULTS)
    yield each.outcome.value


def number(dtype: str, bits: str) -> str:
    """The number that bits in hexadecimal digits stand for, with as many digits as tell it from its neighbours."""
    line = LINES[dtype]
    return f"{line.value(int(bits, 16)):.{9 if line.bits == 32 else 5}g}"


def failure(run: ProofRun) -> str | None:
    """The first thing that was found wrong, with its witness, as a sentence; None where nothing was."""
    wrong = [each for each in summaries(run) if each.outcome != Outcome.OK]
    if not wrong:
        return None
    first = wrong[0]
    row = next(row for row in first.rows if row.outcome != Outcome.OK)
    bound = run.plan.bounds_ulp[row.dtype]
    if row.wrong_specials:
        what, found = "a wrong special value", row.witnesses.get("wrong_specials")
    else:
        what, found = f"{row.max_ulp:.4g} ULP, where {bound:g} are allowed", first.worst.worst
        what = f"{first.worst.max_ulp:.4g} ULP, where {bound:g} are allowed"
    at = ""
    if found is not None:
        at = f": {number(row.dtype, found.output)} of {number(row.dtype, found.input)} (bits {found.input})"
    return f"{len(wrong)} of {len(summaries(run))} are rejected; {first.title}, ex2 {first.ex2}: {what}{at}"


def show(run: ProofRun, console: Console) -> None:
    """Print a proof; nothing is taken for markup or control codes."""
    for line in (TITLE, *header(run)):
        console.print(Text(printable(line)))
    if caution := incomplete(run):
        console.print(Text(caution, style="bold"))
    show_table(table(summaries(run)), console)

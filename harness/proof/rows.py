"""The row that a proof stores, one for each binade, and a whole proof read from disk. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.proof.lines import LINES, End, Known, NumberLine
from harness.proof.plan import ProofPlan, from_content
from harness.store.lines import VersionedDecoder, decoded_lines, is_torn
from harness.store.manifest import Manifest, read_manifest_of
from harness.store.vocabulary import RECORDS, Outcome

VERB = "prove"

Key = tuple[str, str, Known, End, int]


@dataclass(frozen=True)
class Witness:
    """An input and the output that the kernel makes of it, as bits in hexadecimal digits."""

    input: str
    output: str


@dataclass(frozen=True)
class ProofRow:
    """What was found of all numbers of one binade."""

    schema: int
    op: str
    dtype: str
    known: Known
    ex2: End  # where in its bound
    binade: int  # counted on the line of numbers: harness.proof.lines
    inputs: int
    outcome: Outcome  # ok, or rejected: an error beyond the gate's bound, or a wrong special value
    max_ulp: float  # of the finite outputs that were not flushed to 0
    worst: Witness | None  # where the largest error is, the first of several
    not_correctly_rounded: int
    undecided_in_fp64: int  # inputs whose rounding was settled in decimals
    wrong_specials: int  # NaN, infinities and signs of zeros that are not the truth's
    decreases: int  # outputs that are less than the one before: the truth never is
    flushed: int  # zeros where a subnormal number is the truth
    outputs_sha256: str  # over the outputs in the order of the line, little-endian
    witnesses: dict[str, Witness] = field(default_factory=dict)  # the first of each of these, by the name of the count

    @property
    def key(self) -> Key:
        """What makes a row the only one of its kind in a run."""
        return (self.op, self.dtype, self.known, self.ex2, self.binade)

    @property
    def line(self) -> NumberLine:
        return LINES[self.dtype]


def judged(max_ulp: float, wrong_specials: int, bound_ulp: float) -> Outcome:
    """Whether a binade passes, by the measure of the gate."""
    return Outcome.OK if max_ulp <= bound_ulp and not wrong_specials else Outcome.REJECTED


_row = VersionedDecoder(ProofRow)


def row_from_json(line: bytes) -> ProofRow:
    """The row of one line. Raises RunError where the line is not a row of this schema."""
    return _row.row(line, "a row of a proof")


@dataclass(frozen=True)
class ProofRun:
    """A proof read from disk: its rows in the order of its plan."""

    path: Path
    manifest: Manifest
    plan: ProofPlan
    rows: tuple[ProofRow, ...]
    torn: bool = False  # the last line was cut short (a crash mid-write); it is not among the rows

    def missing(self) -> int:
        """Inputs that are in the plan and not in the rows."""
        there = {row.key for row in self.rows}
        return sum(inputs for key, inputs in expected(self.plan).items() if key not in there)


def expected(plan: ProofPlan) -> dict[Key, int]:
    """The inputs of each row that a whole proof has, in their order."""
    return {
        (part.subject.op, part.subject.dtype, part.subject.known, part.end, binade): part.subject.line.each
        for part in plan.parts()
        for binade in part.binades
    }


def read_proof(path: Path | str) -> ProofRun:
    """A whole proof from disk. Raises RunError."""
    path = Path(path)
    manifest = read_manifest_of(path, VERB)
    plan = from_content(manifest.plan or {})
    rows = decoded_lines(path / RECORDS, row_from_json)
    places = {key: place for place, key in enumerate(expected(plan))}
    rows.sort(key=lambda row: places.get(row.key, len(places)))
    return ProofRun(path, manifest, plan, tuple(rows), is_torn(path / RECORDS))

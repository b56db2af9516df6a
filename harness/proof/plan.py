"""What a proof is to go through: kernels, the ends of ex2's bound, and binades, cut into parts. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.proof.lines import LINES, End, Known, NumberLine
from harness.store.vocabulary import RunError

KNOWN = {"elu": (Known.FORWARD,), "elu_backward": (Known.INPUT, Known.RESULT)}
_MOST_INPUTS = 2**23  # of a part: what a crash costs, and how finely time left is told


@dataclass(frozen=True)
class Subject:
    """One kernel on one line of numbers, as it was compiled."""

    op: str
    dtype: str
    known: Known
    ends: tuple[End, ...]  # one alone where the kernel has no approximation
    instructions_sha256: str  # of its PTX
    source: str | None  # of its translation; None: the emulated GPU runs it
    checked: int  # inputs on which the translation was held against the emulated GPU

    @property
    def line(self) -> NumberLine:
        return LINES[self.dtype]


@dataclass(frozen=True)
class Part:
    """A stretch of binades of one subject, at one end of the bound: measured in one go, stored in one go."""

    subject: Subject
    end: End
    binades: tuple[int, ...]

    @property
    def inputs(self) -> int:
        return len(self.binades) * self.subject.line.each


@dataclass(frozen=True)
class ProofPlan:
    """A proof as its manifest keeps it."""

    provider: str
    arch: str
    subjects: tuple[Subject, ...]
    bounds_ulp: dict[str, float]  # the gate's, by dtype
    sources_sha256: str  # of what proves: rows of one run come from one and the same code
    library_error: float  # the largest relative one seen of the fp64 reference, where 2^-50 is assumed
    ex2_close: int | None = None  # arguments of ex2 whose rounding was settled in decimals; None: no kernel has an ex2
    between: tuple[float, float] | None = None  # of a proof of a part of the line

    def binades(self, line: NumberLine) -> tuple[int, ...]:
        """Those that hold a number of the range that was asked for."""
        if self.between is None:
            return tuple(range(line.binades))
        least, greatest = self.between
        return tuple(
            binade
            for binade in range(line.binades)
            if line.first(binade) <= greatest and line.last(binade) >= least
        )  # fmt: skip

    def parts(self) -> Iterator[Part]:
        """In the order of the line, subject by subject."""
        for subject in self.subjects:
            binades = self.binades(subject.line)
            count = max(1, _MOST_INPUTS // subject.line.each)
            for end in subject.ends:
                for start in range(0, len(binades), count):
                    yield Part(subject, end, binades[start : start + count])

    def content(self) -> dict[str, Any]:
        """As plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


def from_content(content: Mapping[str, Any]) -> ProofPlan:
    """The plan that a manifest keeps. Raises RunError where it is none."""
    try:
        return msgspec.convert(content, ProofPlan)
    except msgspec.ValidationError as error:
        raise RunError(f"the manifest has no plan of a proof ({error}); restore it from a copy") from None

"""Checks that a proof is what was measured: its seal, its rows against its plan, and its witnesses computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from harness.proof.lines import Known
from harness.proof.rows import ProofRow, ProofRun, Witness, expected, judged
from harness.store import seal, sources
from harness.store.vocabulary import PROVIDERS
from reports.analysis.verify import Mismatch, Verified
from reports.proof.build import texts
from reports.publish.report import REPORT

_COUNTS = ("not_correctly_rounded", "wrong_specials", "decreases", "flushed")
_DIGITS = 1e-6  # errors are stored with seven digits, and counted against a truth in fp64


def verify(run: ProofRun) -> Verified:
    """Recompute the hash of a proof, and what of its rows can be computed from their witnesses."""
    return Verified(
        state=seal.state(run.path),
        content_hash=seal.content_hash(run.path),
        sealed_hash=seal.sealed_hash(run.path),
        records=len(run.rows),
        mismatches=tuple(mismatches(run)),
    )


def mismatches(run: ProofRun) -> Iterator[Mismatch]:
    """Rows that the plan does not have, figures that do not follow, a report that says something else."""
    known = run.manifest.provider_sources_sha256
    for name, found in sources.edited(run.path, known):
        yield Mismatch(f"{PROVIDERS}/{name}", "the hash of its sources", known[name], found)
    planned, seen = expected(run.plan), set()
    for row in run.rows:
        where = f"{row.op}, {row.dtype}, {row.known}, ex2 {row.ex2}, binade {row.binade}"
        if row.key in seen:
            yield Mismatch(where, "key", "more than once", "once")
        seen.add(row.key)
        if row.key not in planned:
            yield Mismatch(where, "key", "a row", "none in the plan of the run")
            continue
        for field, stored, computed in _figures(row, planned[row.key], run.plan.bounds_ulp[row.dtype]):
            if stored != computed:
                yield Mismatch(where, field, stored, computed)
    for name, text in texts(run).items():
        path = run.path / REPORT / name
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            yield Mismatch(f"{REPORT}/{name}", "the text", "other than", "what the rows say")


def _figures(row: ProofRow, inputs: int, bound_ulp: float) -> Iterator[tuple[str, Any, Any]]:
    """(field, as stored, as it has to be)"""
    yield "inputs", row.inputs, inputs
    yield "outcome", row.outcome, judged(row.max_ulp, row.wrong_specials, bound_ulp)
    if row.worst is not None:
        error = error_ulp(row, row.worst)
        yield (
            "max_ulp",
            row.max_ulp,
            row.max_ulp if math.isclose(row.max_ulp, error, rel_tol=_DIGITS, abs_tol=1e-7) else error,
        )
    elif row.max_ulp:
        yield "max_ulp", row.max_ulp, 0.0
    if row.max_ulp > 0.5 + _DIGITS:
        yield "not_correctly_rounded", max(1, row.not_correctly_rounded), row.not_correctly_rounded or "1 or more"
    for name in _COUNTS:
        yield f"witness of {name}", name in row.witnesses, getattr(row, name) > 0
    for name, witness in [*row.witnesses.items(), *([("worst", row.worst)] if row.worst else [])]:
        yield f"binade of {name}", _binade(row, witness), row.binade


def _binade(row: ProofRow, witness: Witness) -> int:
    """Where on the line the input of a witness is."""
    pattern, line = int(witness.input, 16), row.line
    half = 1 << (line.bits - 1)
    place = pattern + half if pattern < half else 2 * half - 1 - pattern
    return place // line.each


def error_ulp(row: ProofRow, witness: Witness) -> float:
    """The error of a witness's output, its truth computed by Python's own functions."""
    line = row.line
    x, output = (line.value(int(bits, 16)) for bits in (witness.input, witness.output))
    if row.known is Known.FORWARD:
        true = x if x > 0 else math.expm1(x)
    elif x > 0 or math.isnan(x):
        true = 1.0
    else:
        true = math.exp(x) if row.known is Known.INPUT else x + 1.0
    if not math.isfinite(true) or not math.isfinite(output):
        return 0.0 if true == output else math.inf
    _, exponent = math.frexp(true) if true else (0.0, line.least_exponent)
    return abs(output - true) / math.ldexp(1.0, max(exponent - 1, line.least_exponent) - line.fraction_bits)

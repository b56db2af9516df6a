"""Checks that a claims run is what was measured, and that its report says what follows from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from harness.paper.plan import Plan
from harness.paper.rows import ClaimRow, ClaimsRun
from harness.store import seal
from reports.analysis.verify import Mismatch, Verified
from reports.analysis.verify import mismatches as mismatches_of_records
from reports.paper.build import content_hash_of, texts
from reports.publish.report import REPORT


def verify(run: ClaimsRun) -> Verified:
    """Recompute the hashes of a claims run and of the sweep inside it, its rows' places, and all of its report."""
    paths = [run.path, *([run.cost.path] if run.cost is not None else [])]
    states = [seal.state(path) for path in paths]
    return Verified(
        state=next((each for each in (seal.BROKEN, seal.UNSEALED) if each in states), seal.SEALED),
        content_hash=content_hash_of(run),
        sealed_hash=seal.sealed_hash(run.path),
        records=len(run.rows) + (len(run.cost.records) if run.cost is not None else 0),
        mismatches=tuple(mismatches(run)),
    )


def mismatches(run: ClaimsRun) -> Iterator[Mismatch]:
    """Rows that the plan does not have, figures of the sweep that do not follow, lines of the report that differ."""
    expected = _keys(run.plan)
    device = run.manifest.device.name
    seen = set()
    for row in run.rows:
        where = f"{row.claim}: {row.net} {row.variant} rate={row.rate:g} seed={row.seed}"
        if row.key in seen:
            yield Mismatch(where, "key", "more than once", "once")
        if row.key not in expected:
            yield Mismatch(where, "key", "a row", "none in the plan of the run")
        if row.device != device:
            yield Mismatch(where, "device", row.device, device)
        for name, length in _wrong_lengths(row, run.plan):
            yield Mismatch(where, name, *length)
        seen.add(row.key)
    if run.cost is not None:
        yield from mismatches_of_records(run.cost)
    yield from _report_mismatches(run)


def _keys(plan: Plan) -> set[tuple[object, ...]]:
    return {
        (claim, unit.net, unit.variant.name, rate, seed)
        for unit in plan.units()
        for claim in unit.claims
        for rate in unit.rates_for(claim)
        for seed in plan.seeds
    }


def _wrong_lengths(row: ClaimRow, plan: Plan) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every value is by epoch, and has as many places as there were epochs to look at."""
    looked = len(row.values["epoch"]) if "epoch" in row.values else plan.epochs_of(row.net)
    for name, values in row.values.items():
        if not isinstance(values, list) or len(values) != looked:
            found = len(values) if isinstance(values, list) else "no list"
            yield name, (f"{found} epochs", f"{looked} epochs")


def _report_mismatches(run: ClaimsRun) -> Iterator[Mismatch]:
    """The report, made anew, against the one that is there; figures aside, which another matplotlib draws differently.

    A report of an unfinished run may have been made before the last rows; it is stale, and said to be.
    """
    directory = run.path / REPORT
    for name, text in texts(run, {}).items():
        path = directory / name
        if not path.exists():
            continue
        there, here = _words(path.read_text(encoding="utf-8", errors="replace")), _words(text)
        for stored, computed in zip_longest(there, here, fillvalue=""):
            if stored != computed:
                where = _around(stored, computed), _around(computed, stored)
                yield Mismatch(f"{REPORT}/{name}", "the text", *where)
                break


def _words(text: str) -> list[str]:
    """The lines of a text but for empty ones and for figures."""
    return [line for line in text.split("\n") if line.strip() and "<figure" not in line and not line.startswith("![")]


def _around(line: str, other: str) -> str:
    """The part of a line where it begins to differ from another."""
    start = next((n for n, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), min(len(line), len(other)))
    return line[max(0, start - 30) : start + 50].strip()

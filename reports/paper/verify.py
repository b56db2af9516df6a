"""Checks that a claims run is what was measured, and that its report says what follows from the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from harness.paper.first_edition import FirstRun
from harness.paper.judging import judging_sha256
from harness.paper.plan import CURVES, Plan
from harness.paper.rows import ClaimRow, ClaimsRun
from harness.store import seal
from harness.store.vocabulary import MANIFEST
from reports.analysis.verify import Mismatch, Verified
from reports.analysis.verify import mismatches as mismatches_of_records
from reports.paper import words
from reports.paper.build import content_hash_of, texts
from reports.publish.report import REPORT


def verify(run: ClaimsRun) -> Verified:
    """Recompute the hashes of a run, of its rules and of the sweep inside it, its rows' places and its report."""
    return verified(run, mismatches(run))


def verified(run: ClaimsRun | FirstRun, found: Iterable[Mismatch], note: str | None = None) -> Verified:
    """The state of the seals of a run of either edition and of the sweep inside it, with the mismatches found."""
    paths = [run.path, *([run.cost.path] if run.cost is not None else [])]
    states = [seal.state(path) for path in paths]
    return Verified(
        state=next((each for each in (seal.BROKEN, seal.UNSEALED) if each in states), seal.SEALED),
        content_hash=content_hash_of(run),
        sealed_hash=seal.sealed_hash(run.path),
        records=len(run.rows) + (len(run.cost.records) if run.cost is not None else 0),
        mismatches=tuple(found),
        note=note,
    )


def mismatches(run: ClaimsRun) -> Iterator[Mismatch]:
    """Rows that the plan does not have, figures of the sweep that do not follow, lines of the report that differ."""
    yield from _rule_mismatches(run)
    expected = words.expected(run)
    device = run.manifest.device.name
    seen = set()
    for row in run.rows:
        where = f"{row.claim}: {row.net} {row.variant} rate={row.rate:g} seed={row.seed}"
        if row.key in seen:
            yield Mismatch(where, "key", "more than once", "once")
        if row.key not in expected:
            yield Mismatch(where, "key", "a row", "none in the plan of the run")
        elif row.stage != expected[row.key]:
            yield Mismatch(where, "stage", row.stage, expected[row.key])
        if row.device != device:
            yield Mismatch(where, "device", row.device, device)
        if wrong := _wrong_length(row, run.plan):
            yield Mismatch(where, *wrong)
        seen.add(row.key)
    if run.cost is not None:
        yield from mismatches_of_records(run.cost)
    yield from _report_mismatches(run)


def _rule_mismatches(run: ClaimsRun) -> Iterator[Mismatch]:
    """The rules, and the modules that judge, that are not those which the run was made under."""
    then, now = run.manifest.judging_sha256, judging_sha256()
    for path in dict.fromkeys((*then, *now)):
        hashes = [each.get(path, "no hash") for each in (then, now)]
        if hashes[0] != hashes[1]:
            yield Mismatch(MANIFEST, f"the hash of {path}, which verdicts follow from,", *hashes)


def _wrong_length(row: ClaimRow, plan: Plan) -> tuple[str, str, str] | None:
    """A training curve has as many places as there were epochs."""
    if row.claim not in CURVES:
        return None
    epochs, found = plan.epochs_of(row.net), row.values.get("loss")
    length = len(found) if isinstance(found, list) else None
    return None if length == epochs else ("loss", f"{length} epochs", f"{epochs} epochs")


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

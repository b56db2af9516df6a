"""`elubench run --strict`: what of a run fails it, counted by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness import providers
from harness.store.records import Record, iter_records
from harness.store.vocabulary import PROVIDED, Cause, Outcome

_FAILURES = (Outcome.REJECTED, Outcome.CRASHED, Outcome.TIMEOUT, Outcome.OOM)


def failure(run: Path, specs: Sequence[str]) -> str | None:
    """What failed in a run of these providers, as a sentence; None where nothing did.

    That a provider does not support an op is no failure, but that its file defines no function of any op of the run
    is: the likeliest cause is a misspelt name.
    """
    rows = [row for row in iter_records(run, samples=False) if row.role in PROVIDED]
    counts = Counter(row.outcome for row in rows)
    told = [f"{counts[outcome]} {outcome}" for outcome in _FAILURES if counts[outcome]]
    for spec in specs:
        path, own = providers.file_of(spec), [row for row in rows if row.provider == providers.name_of(spec)]
        if path is not None and own and all(row.cause is Cause.NO_FUNCTION for row in own):
            told.append(f"{len(own)} unsupported, as {path.name} defines no function named {_ops(own)}")
    return f"--strict: {', '.join(told)}; the table above says why" if told else None


def _ops(rows: Sequence[Record]) -> str:
    return " or ".join(dict.fromkeys(row.op for row in rows))

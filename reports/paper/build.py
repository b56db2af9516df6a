"""Writes everything under `RUN/report/` of a claims run. The same run gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.paper.first_edition import FirstRun
from harness.paper.rows import ClaimsRun, finite
from harness.plumbing.files import written_whole
from harness.store import seal
from reports.paper import latex, markdown
from reports.paper.judge import Compared, Judged, judge
from reports.paper.page import page
from reports.publish.report import MARKDOWN, REPORT, Built

PAGE, NUMBERS, LATEX, MODELLED, FIGURES = "index.html", "claims.json", "claims.tex", "modelled.tex", "figures"


def build(run: ClaimsRun) -> Built:
    """Write the report of a claims run. Overwrites an earlier one of it; touches nothing outside of `RUN/report/`."""
    directory = run.path / REPORT
    directory.mkdir(exist_ok=True)
    figures, left_out = _figures(run, directory)
    made = texts(run, figures)
    for name, text in made.items():
        _write_whole(directory / name, text)
    return Built(tuple(directory / name for name in made), tuple(left_out))


def texts(run: ClaimsRun, figures: Mapping[str, Sequence[Path]]) -> dict[str, str]:
    """The files of the report that are text, by name, the most wanted first; `figures` are SVG files by claim."""
    content_hash = content_hash_of(run)
    relative = {claim: [f"{FIGURES}/{path.name}" for path in paths] for claim, paths in figures.items()}
    modelled = latex.modelled(run, content_hash)
    return {
        PAGE: page(run, content_hash, figures),
        MARKDOWN: markdown.report(run, content_hash, relative),
        LATEX: latex.verdict_table(run, content_hash),
        NUMBERS: json.dumps(content(judge(run)), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        **({} if modelled is None else {MODELLED: modelled}),
    }


def content(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The verdicts and all that they rest on, as plain data: what `elubench verify` computes again."""
    return [
        {
            "statement": each.statement.key,
            "verdict": each.verdict,
            "level": each.level,
            "p_after_holm": each.adjusted_p,
            "primary": _compared(each.primary),
            "secondary": [_compared(second) for second in each.secondary],
        }
        for each in judged
    ]


def _compared(found: Compared) -> dict[str, Any]:
    """A comparison as plain data; what is infinite, since nets diverged, is None, as JSON has no word for it."""
    numbers = {
        "rates": found.rates, "values": list(found.values), "as_said": found.as_said, "opposite": found.opposite,
        "median": found.median, "ci95": found.ci95, "effect": found.effect, "p": found.p,
        "signed_rank_p": found.signed_rank_p, "equivalence_p": found.equivalence_p,
    }  # fmt: skip
    rule: dict[str, Any] = msgspec.to_builtins(found.rule)
    made: dict[str, Any] = rule | finite(numbers)
    return made


def content_hash_of(run: ClaimsRun | FirstRun) -> str:
    """One hash over the run, the sweep of its costs included."""
    import hashlib

    own = seal.content_hash(run.path)
    if run.cost is None:
        return own
    return hashlib.sha256(f"{own}\n{seal.content_hash(run.cost.path)}\n".encode()).hexdigest()


def _figures(run: ClaimsRun, directory: Path) -> tuple[dict[str, list[Path]], list[str]]:
    try:
        from reports.paper.figures import write_figures
    except ImportError:
        return {}, ["the figures need matplotlib: pip install matplotlib"]
    written = write_figures(run, directory / FIGURES)
    return {claim: [path for path in paths if path.suffix == ".svg"] for claim, paths in written.items()}, []


def _write_whole(path: Path, text: str) -> None:
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")

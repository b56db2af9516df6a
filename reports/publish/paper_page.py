"""The results in docs/claims.md and its figures, and the reports of the published claims runs, from their rows.

Runs of the first edition keep the report that is stored with them; the page shows the newest of them only as long as
there is no run of this edition.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.paper.first_edition import FirstRun, is_first, read_first
from harness.paper.rows import VERB, ClaimsRun, read_claims
from harness.store import seal
from harness.store.manifest import read_manifest
from harness.store.vocabulary import MANIFEST, RunError
from reports.figures.files import as_svg
from reports.paper import markdown, several
from reports.paper.build import FIGURES, content_hash_of
from reports.paper.figures import draw
from reports.paper.first_edition import NOTE, stored_report
from reports.publish.report import MARKDOWN, REPORT
from reports.publish.results_index import RESULTS
from reports.text.blocks import with_block

PAGE, BLOCK = "docs/claims.md", "results"
Drawn = dict[str, dict[str, bytes]]  # the figures of a run by claim and name, as SVG
_ON_PAGE = ("centring", "divergence")  # what the page has figures of; a run's report has all


def files(root: Path) -> dict[Path, bytes]:
    """Every file that is made from the published claims runs. Raises RunError."""
    first, second = published(root)
    made: dict[Path, bytes] = {}
    drawn = {run.path: _figures(run) for run in second}
    for run in second:
        made |= _report(run, drawn[run.path])
    page = root / PAGE
    if not page.exists():
        return made
    if second:
        return made | written(newest_of_each(second), page, drawn)
    return made | (_first_page(max(first, key=_created), page) if first else {})


def published(root: Path) -> tuple[list[FirstRun], list[ClaimsRun]]:
    """The claims runs under `root/results`, of either edition. Raises RunError where one was changed or is none."""
    first: list[FirstRun] = []
    second: list[ClaimsRun] = []
    for folder in sorted(path.parent for path in (root / RESULTS).glob(f"*/*/{MANIFEST}")):
        manifest = read_manifest(folder)
        if manifest.verb != VERB:
            continue
        if seal.state(folder) == seal.BROKEN:
            raise RunError(f"{folder} has been changed since it ended; restore it from a copy")
        if is_first(manifest):
            first.append(read_first(folder))
        else:
            second.append(read_claims(folder))
    return first, second


def newest_of_each(runs: Sequence[ClaimsRun]) -> list[ClaimsRun]:
    """The newest run on each data set, in the order of their names."""
    newest = {run.plan.dataset: run for run in sorted(runs, key=_created)}
    return [newest[name] for name in sorted(newest)]


def _created(run: FirstRun | ClaimsRun) -> str:
    return str(run.manifest.created)


def _report(run: ClaimsRun, drawn: Drawn) -> dict[Path, bytes]:
    """The report's Markdown and its figures, which are stored with a published run."""
    folder = run.path / REPORT
    figures = {claim: [f"{FIGURES}/{name}.svg" for name in each] for claim, each in drawn.items()}
    text = markdown.report(run, content_hash_of(run), figures)
    svgs = {folder / FIGURES / f"{name}.svg": svg for each in drawn.values() for name, svg in each.items()}
    return {folder / MARKDOWN: text.encode()} | svgs


def written(runs: Sequence[ClaimsRun], page: Path, figures_of: Mapping[Path, Drawn]) -> dict[Path, bytes]:
    """The page with the results of the runs, each on its own data, and its figures beside it. Raises LostMarks."""
    folder = page.with_suffix("")
    made: dict[Path, bytes] = {}
    figures, reports = {}, {}
    for run in runs:
        data = run.plan.dataset
        drawn = {claim: each for claim, each in figures_of[run.path].items() if claim in _ON_PAGE}
        figures[data] = {claim: [f"{folder.name}/{data}-{n}.svg" for n in each] for claim, each in drawn.items()}
        reports[data] = os.path.relpath(run.path / REPORT / MARKDOWN, page.parent)
        made |= {folder / f"{data}-{n}.svg": svg for each in drawn.values() for n, svg in each.items()}
    lines = "\n".join(several.results(runs, figures, reports))
    return made | {page: with_block(page.read_text(encoding="utf-8"), BLOCK, lines, str(page)).encode()}


def _first_page(run: FirstRun, page: Path) -> dict[Path, bytes]:
    """The page with the report that the first edition stored, and copies of its figures. Raises LostMarks."""
    folder = page.with_suffix("")
    report = (stored_report(run) or "").partition("\n\n")[2]
    lines = f"This run was {NOTE}.\n\n" + report.replace(f"]({FIGURES}/", f"]({folder.name}/")
    made = {page: with_block(page.read_text(encoding="utf-8"), BLOCK, lines, str(page)).encode()}
    figures = sorted((run.path / REPORT / FIGURES).glob("*.svg"))
    return made | {folder / path.name: path.read_bytes() for path in figures}


def _figures(run: ClaimsRun) -> Drawn:
    """The figures by claim and name, as SVG."""
    return {claim: {name: as_svg(figure) for name, figure in drawn.items()} for claim, drawn in draw(run).items()}

"""The results in docs/claims.md and its figures, and the report of the published claims runs, from their rows."""

from __future__ import annotations

from pathlib import Path

from harness.paper.rows import ClaimsRun, read_claims
from harness.store import seal
from harness.store.manifest import read_manifest
from harness.store.vocabulary import MANIFEST, RunError
from reports.figures.files import as_svg
from reports.paper import markdown
from reports.paper.build import FIGURES, content_hash_of
from reports.paper.figures import draw
from reports.publish.report import MARKDOWN, REPORT
from reports.publish.results_index import RESULTS
from reports.text.blocks import with_block

PAGE, BLOCK = "docs/claims.md", "results"


def files(root: Path) -> dict[Path, bytes]:
    """Every file that is made from the published claims runs; the page shows the newest. Raises RunError."""
    found = published(root)
    made: dict[Path, bytes] = {}
    for run in found:
        made |= _report(run)
    page = root / PAGE
    if found and page.exists():
        made |= written(max(found, key=lambda run: str(run.manifest.created)), page)
    return made


def published(root: Path) -> list[ClaimsRun]:
    """The claims runs under `root/results`. Raises RunError where one was changed or cannot be read."""
    folders = sorted(path.parent for path in (root / RESULTS).glob(f"*/*/{MANIFEST}"))
    runs = [read_claims(folder) for folder in folders if read_manifest(folder).verb == "claims"]
    for run in runs:
        if seal.state(run.path) == seal.BROKEN:
            raise RunError(f"{run.path} has been changed since it ended; restore it from a copy")
    return runs


def _report(run: ClaimsRun) -> dict[Path, bytes]:
    """The report's Markdown and its figures, which are stored with a published run."""
    folder = run.path / REPORT
    drawn = _figures(run)
    figures = {claim: [f"{FIGURES}/{name}.svg" for name in each] for claim, each in drawn.items()}
    text = markdown.report(run, content_hash_of(run), figures)
    svgs = {folder / FIGURES / f"{name}.svg": svg for each in drawn.values() for name, svg in each.items()}
    return {folder / MARKDOWN: text.encode()} | svgs


def written(run: ClaimsRun, page: Path) -> dict[Path, bytes]:
    """The page with the results of the run, and its figures beside it. Raises LostMarks."""
    folder = page.with_suffix("")
    drawn = _figures(run)
    figures = {claim: [f"{folder.name}/{name}.svg" for name in each] for claim, each in drawn.items()}
    lines = "\n".join(markdown.results(run, content_hash_of(run), figures))
    text = with_block(page.read_text(encoding="utf-8"), BLOCK, lines, str(page))
    return {page: text.encode()} | {folder / f"{n}.svg": svg for each in drawn.values() for n, svg in each.items()}


def _figures(run: ClaimsRun) -> dict[str, dict[str, bytes]]:
    """The figures by claim and name, as SVG."""
    return {claim: {name: as_svg(figure) for name, figure in drawn.items()} for claim, drawn in draw(run).items()}

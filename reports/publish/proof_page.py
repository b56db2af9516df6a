"""The proofs in docs/numerics.md, and the reports of the published ones with their figures, from their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.proof.rows import VERB, ProofRun, read_proof
from harness.store import seal
from harness.store.manifest import read_manifest
from harness.store.vocabulary import MANIFEST, RunError
from reports.figures.files import as_svg
from reports.figures.proof import drawn
from reports.proof.build import FIGURE, texts
from reports.proof.summary import summaries, table
from reports.publish.report import FIGURES, MARKDOWN, REPORT
from reports.publish.results_index import RESULTS
from reports.render.table import to_markdown
from reports.text.blocks import with_block

PAGE, BLOCK = "docs/numerics.md", "proofs"


def files(root: Path) -> dict[Path, bytes]:
    """Every file that is made from the published proofs. Raises RunError."""
    found = published(root)
    made: dict[Path, bytes] = {}
    for run in found:
        made[run.path / REPORT / MARKDOWN] = texts(run)[MARKDOWN].encode()
        made[_figure(run)] = as_svg(drawn(run))
    page = root / PAGE
    if found and page.exists():
        text = page.read_text(encoding="utf-8")
        made[page] = with_block(text, BLOCK, "\n".join(_lines(found, root)), str(page)).encode()
    return made


def published(root: Path) -> list[ProofRun]:
    """The proofs under `root/results`. Raises RunError where one was changed or cannot be read."""
    folders = sorted(path.parent for path in (root / RESULTS).glob(f"*/*/{MANIFEST}"))
    runs = [read_proof(folder) for folder in folders if read_manifest(folder).verb == VERB]
    for run in runs:
        if seal.state(run.path) == seal.BROKEN:
            raise RunError(f"{run.path} has been changed since it ended; restore it from a copy")
    return runs


def _figure(run: ProofRun) -> Path:
    return run.path / REPORT / FIGURES / f"{FIGURE}.svg"


def _lines(found: Sequence[ProofRun], root: Path) -> Iterator[str]:
    """One table of all, then where each is stored, and its figure."""
    yield from to_markdown(table([each for run in found for each in summaries(run)]))
    yield ""
    for run in found:
        folder = run.path.relative_to(root).as_posix()
        yield (
            f"- [{folder}](../{folder}/{REPORT}/{MARKDOWN}): {run.manifest.sweep.get('name')}, compiled for "
            f"{run.plan.arch}, content hash `{seal.content_hash(run.path)[:16]}`"
        )
    for run in found:
        figure = _figure(run).relative_to(root).as_posix()
        yield from ("", f"![largest error of each binade, {run.manifest.sweep.get('name')}](../{figure})")

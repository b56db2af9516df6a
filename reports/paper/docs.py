"""Writes the results of a stored run into docs/claims.md, between two marks; the prose around them stays."""

from __future__ import annotations

from pathlib import Path

from harness.paper.rows import ClaimsRun
from harness.store import seal
from harness.store.vocabulary import RunError
from reports.paper import markdown
from reports.paper.build import content_hash_of
from reports.paper.figures import write_figures

PAGE = "docs/claims.md"
BEGIN, END = "<!-- made by python -m reports.paper docs RUN -->", "<!-- end of what it made -->"


def write(run: ClaimsRun, page: Path) -> None:
    """Put the results of `run` into `page`, and its figures beside it. Raises RunError where it cannot be published."""
    if seal.state(run.path) == seal.BROKEN:
        raise RunError(f"{run.path} has been changed since it ended; restore it from a copy")
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(f"{page} cannot be read ({error.strerror}); name the page with --page") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RunError(f"{page} has no '{BEGIN}' with '{END}' after it; restore the page")
    folder = page.with_suffix("")
    written = write_figures(run, folder, ("svg",))
    figures = {claim: [f"{folder.name}/{path.name}" for path in paths] for claim, paths in written.items()}
    lines = "\n".join(markdown.results(run, content_hash_of(run), figures))
    page.write_text(f"{before}{BEGIN}\n\n{lines}\n\n{END}{after}", encoding="utf-8", newline="\n")

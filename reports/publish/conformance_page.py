"""The pages of the published tables of conformance, and what README.md and the index of results/ say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.conformance.rows import FILE, Conformance, read
from reports.conformance.page import text
from reports.conformance.tables import sentence
from reports.publish.report import MARKDOWN, REPORT
from reports.publish.results_index import INDEX, README, RESULTS
from reports.text.blocks import with_block
from reports.text.escaping import markdown_text

BLOCK = "conformance"


def files(root: Path, made: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Every file that is made from the published tables, or on top of what is made of it. Raises RunError."""
    found = published(root)
    pages = {folder / REPORT / MARKDOWN: text(each).encode() for folder, each in found}
    if not found:
        return pages
    index, readme = root / RESULTS / INDEX, root / README
    lines = ["", "## Who computes ELU right", "", *_lines(found, root / RESULTS)]
    pages[index] = made.get(index, b"") + ("\n".join(lines) + "\n").encode()
    if readme.exists():
        before = made.get(readme) or readme.read_bytes()
        block = "\n".join(_lines(found, root))
        pages[readme] = with_block(before.decode(), BLOCK, block, str(readme)).encode()
    return pages


def published(root: Path) -> list[tuple[Path, Conformance]]:
    """The tables under `root/results`, each with its folder. Raises RunError."""
    return [(path.parent, read(path.parent)) for path in sorted((root / RESULTS).glob(f"*/*/{FILE}"))]


def _lines(found: Sequence[tuple[Path, Conformance]], beside: Path) -> Iterator[str]:
    for folder, each in found:
        page = (folder / REPORT / MARKDOWN).relative_to(beside).as_posix()
        yield f"- {markdown_text(sentence(each))} [The table]({page}) has every row with its witness."

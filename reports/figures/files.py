"""Every figure of a run as SVG, PDF and PNG. The same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.records import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Without dates and versions, and the ids of SVG elements from a fixed salt (style.RC), nothing in a file changes.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "elubench"},
    "pdf": {"CreationDate": None, "Creator": "elubench", "Producer": None},
    "png": {"Software": "elubench"},
}
FORMATS = tuple(_METADATA)


def write_figures(run: Run, directory: Path, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write every figure that the run has data for into `directory`, which is made; returns the files.

    Raises MissingLibrary where matplotlib is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in draw(run) for path in save(figure, directory / name, formats)]


def draw(run: Run) -> Iterator[tuple[str, Figure]]:
    """The figures by the names of their files, in the order in which a reader wants them."""
    import matplotlib

    from reports.figures import bandwidth, style

    for module in (bandwidth,):
        with matplotlib.rc_context(style.RC):
            found = module.figures(run)
        yield from found.items()


def save(figure: Figure, stem: Path, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write one figure next to `stem`, once for each format."""
    import matplotlib

    from reports.figures import style

    paths = []
    with matplotlib.rc_context(style.RC):
        for kind in formats:
            path = stem.with_name(f"{stem.name}.{kind}")
            figure.savefig(path, format=kind, metadata=_METADATA[kind])
            paths.append(path)
    return paths

"""Every figure of a run as SVG, PDF and PNG. The same run gives the same bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from harness.store.records import Run
from reports.analysis.fleet import by_model, model_of
from reports.figures.naming import file_stem
from reports.render.data import MissingLibrary
from reports.text.formatting import printable

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
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingLibrary("the figures need matplotlib: pip install matplotlib") from None
    directory.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in draw(run) for path in save(figure, directory / name, formats)]


def draw(run: Run) -> Iterator[tuple[str, Figure]]:
    """The figures by the names of their files, in the order in which a reader wants them; each of one model."""
    parts = by_model(run)
    for part in parts:
        yield from _of_model(part, is_named=len(parts) > 1)


def _of_model(run: Run, *, is_named: bool) -> Iterator[tuple[str, Figure]]:
    """The figures of a run on one model of device; where there are others, titles and names of files say which."""
    import matplotlib

    from reports.figures import bandwidth, error, instruction_roofline, levels, roofline, speedup, style
    from reports.figures.panels import literal

    for module in (bandwidth, speedup, roofline, levels, error, instruction_roofline):
        with matplotlib.rc_context(style.RC):
            found = module.figures(run)
            for figure in found.values():
                if is_named:
                    title = literal(printable(model_of(run), 60))
                    figure.suptitle(f"{figure.get_suptitle()}\n{title}", x=0.01, ha="left", fontsize=9)
                _lay_out(figure)
        model = run.manifest.device.name
        yield from ((file_stem(name, model) if is_named else name, figure) for name, figure in found.items())


def _lay_out(figure: Figure) -> None:
    """Find room for everything now, once: else every format does it again, and takes as long as drawing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for it
        figure.draw_without_rendering()
    _keep_layout(figure)


def _keep_layout(figure: Figure) -> None:
    """Everything stays where it is now: with any engine, even "none", every format begins with a drawing to lay out."""
    import matplotlib

    with matplotlib.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)


def as_svg(figure: Figure) -> bytes:
    """One figure as the content of an SVG file."""
    content = io.BytesIO()
    _write(figure, content, "svg")
    return content.getvalue()


def save(figure: Figure, stem: Path, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write one figure next to `stem`, once for each format."""
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in formats]
    for kind, path in zip(formats, paths, strict=True):
        with path.open("wb") as file:
            _write(figure, file, kind)
    return paths


def _write(figure: Figure, file: BinaryIO, kind: str) -> None:
    import matplotlib

    from reports.figures import style

    with matplotlib.rc_context(style.RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for it
        figure.savefig(file, format=kind, metadata=_METADATA[kind])
    _keep_layout(figure)  # of the first format, in the others

"""Writes everything under `RUN/report/`, from the stored run alone. The same run gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.plumbing.files import written_whole
from harness.store import seal
from harness.store.records import Run
from reports.figures.files import write_figures
from reports.page import PAGE, page
from reports.publish import pytest_benchmark
from reports.render import markdown
from reports.render.data import MissingLibrary, write_csv, write_parquet

REPORT, FIGURES = "report", "figures"
MARKDOWN, CSV, PARQUET = "report.md", "records.csv", "records.parquet"
PYTEST_BENCHMARK = "pytest-benchmark.json"


@dataclass(frozen=True)
class Built:
    """What was written, the most wanted first, and a sentence on each thing that could not be."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def build(run: Run) -> Built:
    """Write the report of a run. Overwrites an earlier one of it; touches nothing outside of `RUN/report/`.

    Each file appears whole or not at all. What needs a library that is not installed is left out.
    """
    directory = run.path / REPORT
    directory.mkdir(exist_ok=True)
    left_out: list[str] = []
    files: list[Path] = []

    def written(name: str, write: Callable[[Path], None]) -> None:
        try:
            files.append(_whole(directory / name, write))
        except MissingLibrary as error:
            left_out.append(str(error))

    content_hash, doubts = seal.content_hash(run.path), seal.doubts(run.path)
    # What people analyse comes first: it is cheap, and there even if drawing fails.
    written(CSV, lambda path: write_csv(run.records, path))
    written(PYTEST_BENCHMARK, lambda path: _write_text(path, json.dumps(pytest_benchmark.as_json(run))))
    written(PARQUET, lambda path: write_parquet(run.records, path))
    figures: list[Path] = []
    try:
        figures = _figures(run, directory / FIGURES)
    except MissingLibrary as error:
        left_out.append(str(error))
    shown = [f"{FIGURES}/{path.name}" for path in figures if path.suffix == ".svg"]
    text = markdown.report(run, content_hash, shown, doubts)
    written(MARKDOWN, lambda path: _write_text(path, text))
    made = page(run, content_hash, doubts)
    left_out += made.left_out
    written(PAGE, lambda path: _write_text(path, made.text))
    return Built((*reversed(files), *figures), tuple(left_out))


def _figures(run: Run, directory: Path) -> list[Path]:
    """The figures, and none that is left from when the run held other records."""
    drawn = write_figures(run, directory)
    for path in set(directory.iterdir()) - set(drawn):
        if path.suffix in (".svg", ".pdf", ".png"):
            path.unlink()
    return drawn


def _whole(path: Path, write: Callable[[Path], None]) -> Path:
    with written_whole(path) as partial:
        write(partial)
    return path


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")

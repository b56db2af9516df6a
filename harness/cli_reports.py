"""The verbs of the command line that read stored runs and measure nothing; `harness.cli` takes them in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

RunArgument = Annotated[Path, typer.Argument(help="A directory made by 'elubench run'.", metavar="RUN")]


@app.command()
def show(run: RunArgument) -> None:
    """Print a stored run as tables."""
    show_run(run)


def show_run(path: Path) -> None:
    """The tables of a run, and where it is."""
    from rich.console import Console

    from harness.records import read_run
    from reports.tables import show as show_tables

    show_tables(read_run(path), Console())
    print(f"run: {path}")


@app.command()
def report(run: RunArgument) -> None:
    """Write everything under RUN/report/: the page, figures, Markdown, CSV, Parquet."""
    write_report(run)


def write_report(path: Path) -> None:
    """The report of a run, and where to look at it."""
    from harness.records import read_run
    from reports.build import build

    built = build(read_run(path))
    for sentence in built.left_out:
        print(f"elubench: left out of the report: {sentence}", file=sys.stderr)
    print(f"report: {built.files[0]}")

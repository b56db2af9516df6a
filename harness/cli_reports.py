"""The verbs of the command line that read stored runs and measure nothing; `harness.cli` takes them in."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.exits import CHECK_FAILED, WRONG_USAGE, end

if TYPE_CHECKING:
    from reports.compare import Comparison

app = typer.Typer()

RunArgument = Annotated[Path, typer.Argument(help="A directory made by 'elubench run'.", metavar="RUN")]


@app.command()
def show(run: RunArgument) -> None:
    """Print a stored run as tables."""
    show_run(run)


def show_run(path: Path) -> None:
    """The tables of a run, and where it is."""
    from rich.console import Console

    from harness.inspect.rows import read_rows
    from harness.records import read_run
    from reports import inspection
    from reports.tables import show as show_tables

    console = Console()
    show_tables(read_run(path), console)
    inspection.show_summary(read_rows(path), console)
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


class Failing(str, Enum):
    """What `elubench compare --fail-on` can look for."""

    slower = "slower"
    undecided = "undecided"


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="A run and another; or one run, with --providers.", metavar="A B")],
    providers: Annotated[
        tuple[str, str] | None, typer.Option(help="Two providers of one run: the second against the first.")
    ] = None,
    fail_on: Annotated[
        list[Failing] | None,
        typer.Option(help="Exit with 1 where a case is slower (or is not timed any more), or undecided."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say per case whether B is faster or slower than A, and how sure that is."""
    if len(runs) != (1 if providers else 2):
        if len(runs) > 2:
            end("compare takes two runs; 'elubench trend' takes many", WRONG_USAGE)
        end("compare takes two runs, or one run and --providers FIRST SECOND", WRONG_USAGE)
    if markdown and json:
        end("choose one of --markdown and --json", WRONG_USAGE)
    from rich.console import Console

    from harness.records import read_run
    from reports import compare_views
    from reports.compare import compare_providers, compare_runs

    if providers:
        found = compare_providers(read_run(runs[0]), *providers)
    else:
        found = compare_runs(read_run(runs[0]), read_run(runs[1]))
    if markdown:
        print(compare_views.to_markdown(found), end="")
    elif json:
        print(compare_views.to_json(found))
    else:
        compare_views.show(found, Console())
    _fail_on(found, fail_on or [])


def _fail_on(found: Comparison, wanted: list[Failing]) -> None:
    failed = {each.value: found.counts[each.value] for each in wanted}
    if Failing.slower in wanted:
        failed["no longer timed"] = sum(change.is_loss for change in found.changes)
    if any(failed.values()):
        end("; ".join(f"{count} {what}" for what, count in failed.items() if count), CHECK_FAILED)


@app.command()
def verify(run: RunArgument) -> None:
    """Recompute the hash of a run and every figure in it from the raw samples; exit with 1 where they differ."""
    from harness import seal
    from harness.records import read_run
    from reports.formatting import printable
    from reports.verify import verify as verified

    found = verified(read_run(run))
    print(f"content hash  {found.content_hash}")
    if found.state == seal.UNSEALED:
        print("no seal       the run was cut short: only its figures can be checked, not whether a sample was changed")
    elif found.state == seal.BROKEN:
        print(f"seal broken   {found.sealed_hash} when the run ended; it has been changed since")
    else:
        print("sealed        nothing was changed since the run ended")
    for each in found.mismatches[:_MOST_SHOWN]:
        print(printable(f"{each.where}: {each.field} is stored as {each.stored}, and follows as {each.computed}", 500))
    if len(found.mismatches) > _MOST_SHOWN:
        print(f"and {len(found.mismatches) - _MOST_SHOWN} more")
    if not found.is_intact:
        end(f"{printable(str(run))} is not what was measured", CHECK_FAILED)
    print(f"{found.records} records, every figure follows from its samples")


_MOST_SHOWN = 20

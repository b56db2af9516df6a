"""The verbs that read stored runs and measure nothing, registered by `harness.cli.app`."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, end
from harness.cli.options import CaseText, Dtypes, Ops
from harness.cli.other_runs import ONLY_CLAIMS, other_than_sweep, whole_citation
from harness.store.vocabulary import Regime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.store.records import Head
    from reports.analysis.citable import Citable, Refused
    from reports.analysis.compare import Comparison

app = typer.Typer()

RunArgument = Annotated[Path, typer.Argument(help="A directory made by 'elubench run'.", metavar="RUN")]


@app.command()
def show(
    run: RunArgument,
    op: Ops = None,
    dtype: Dtypes = None,
    case: CaseText = "",
) -> None:
    """Print a stored run as tables."""
    show_run(run, op or (), dtype or (), case)


def show_run(path: Path, ops: Sequence[str] = (), dtypes: Sequence[str] = (), case: str = "") -> None:
    """The tables of a run, or of the cases that are asked for, and where it is."""
    from rich.console import Console

    from harness.machine_code.rows import rows_of
    from harness.store.records import iter_records, read_run
    from reports.render import inspection
    from reports.render.terminal import show as show_tables
    from reports.text.wording import cases_text

    console = Console()
    is_part = bool(ops or dtypes or case)
    if (other := other_than_sweep(path)) is not None:
        if is_part:
            end(f"a run of 'elubench {other.verb}' is shown whole; leave out --op, --dtype and --case", WRONG_USAGE)
        other.show(console)
    else:

        def wanted(head: Head) -> bool:
            fits = (not ops or head.op in ops) and (not dtypes or head.dtype in dtypes)
            return fits and case in head.case_key

        found = read_run(path, wanted if is_part else None, samples=False)
        if is_part and not found.records:
            there = cases_text(iter_records(path, samples=False))
            end(f"{path} has no record that fits; it has {there}", WRONG_USAGE)
        show_tables(found, console)
        inspection.show_summary(rows_of(found), console)
    print(f"run: {path}")


@app.command()
def report(run: RunArgument) -> None:
    """Write everything under RUN/report/: the page, figures, Markdown, CSV, Parquet."""
    write_report(run)


def write_report(path: Path) -> None:
    """The report of a run, and where to look at it."""
    from harness.store import seal
    from harness.store.records import read_run
    from reports.publish.report import build
    from reports.text.formatting import printable

    other = other_than_sweep(path)
    built = build(read_run(path)) if other is None else other.build()
    for sentence in seal.doubts(path):
        print(f"elubench: {printable(str(path))}: {sentence}", file=sys.stderr)
    for sentence in built.left_out:
        print(f"elubench: left out of the report: {sentence}", file=sys.stderr)
    print(f"report: {built.files[0]}")


class Failing(StrEnum):
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
    predicted: Annotated[
        bool, typer.Option("--predicted", help="One run: its times, and beside them what the model says of each.")
    ] = False,
) -> None:
    """Say per case whether B is faster or slower than A, and how sure that is."""
    if predicted:
        if len(runs) != 1 or providers or fail_on:
            end("--predicted takes one run, and there is no verdict to fail on", WRONG_USAGE)
        _compare_with_model(runs[0], markdown, json)
        return
    if len(runs) != (1 if providers else 2):
        if len(runs) > 2:
            end("compare takes two runs; 'elubench trend' takes many", WRONG_USAGE)
        end("compare takes two runs, or one run and --providers FIRST SECOND", WRONG_USAGE)
    if markdown and json:
        end("choose one of --markdown and --json", WRONG_USAGE)
    from rich.console import Console

    from harness.store.records import read_run
    from reports.analysis.compare import compare_models, compare_providers_by_model
    from reports.render import comparison

    if providers:
        found = compare_providers_by_model(read_run(runs[0]), *providers)
    else:
        found = compare_models(read_run(runs[0]), read_run(runs[1]))
    if markdown:
        print(comparison.to_markdown(found), end="")
    elif json:
        print(comparison.to_json(found))
    else:
        comparison.show(found, Console())
    _fail_on(found, fail_on or [])


def _compare_with_model(path: Path, markdown: bool, json: bool) -> None:
    """Print a run's times and the modelled ones side by side."""
    from rich.console import Console

    from harness.predict.of_run import beside
    from harness.store.records import read_run
    from reports.render import prediction, table

    found = beside(read_run(path, samples=False))
    if json:
        print(prediction.beside_json(found))
    elif markdown:
        print("\n".join(table.to_markdown(prediction.beside_table(found))))
    else:
        table.show(prediction.beside_table(found), Console())


def _fail_on(found: list[Comparison], wanted: list[Failing]) -> None:
    failed = {each.value: sum(one.counts[each.value] for one in found) for each in wanted}
    if Failing.slower in wanted:
        failed["no longer timed"] = sum(change.is_loss for one in found for change in one.changes)
    sentences = [f"{count} {what}" for what, count in failed.items() if count]
    if wanted:
        sentences += [
            f"{name} is not in {one.second} any more{f', on {one.device}' if one.device else ''}"
            for one in found
            for name in one.gone
        ]
        if not any(one.pairs for one in found):
            sentences.append("no case was timed on both sides, so there is nothing to compare")
    if sentences:
        end("; ".join(sentences), CHECK_FAILED)


@app.command()
def trend(
    runs: Annotated[list[Path], typer.Argument(help="Runs, two or more; they are put in order of time.")],
    figure: Annotated[Path | None, typer.Option(help="Draw it too: a .svg, .pdf or .png file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how times went over many runs or devices, for each op and provider."""
    if markdown and json:
        end("choose one of --markdown and --json", WRONG_USAGE)
    if figure is not None and figure.suffix not in (".svg", ".pdf", ".png"):
        end(f"--figure ends in .svg, .pdf or .png, and {figure} does not", WRONG_USAGE)
    from rich.console import Console

    from harness.store.records import read_run
    from reports.analysis.trend import trends
    from reports.render import trend as shown

    found = trends([read_run(run) for run in runs])
    if markdown:
        print(shown.to_markdown(found), end="")
    elif json:
        print(shown.to_json(found))
    else:
        shown.show(found, Console())
    if figure is not None:
        from reports.figures.trend import write_trends

        for path in write_trends(found, figure):
            print(f"figure: {path}", file=sys.stderr)


@app.command()
def verify(run: RunArgument) -> None:
    """Recompute the hash of a run and every figure in it from the raw samples; exit with 1 where they differ."""
    other = other_than_sweep(run)  # what is no run is said before numpy is imported
    from harness.store import seal
    from harness.store.records import read_run
    from reports.analysis.verify import verify as verified
    from reports.text.formatting import printable

    found = verified(read_run(run)) if other is None else other.verify()
    print(f"content hash  {found.content_hash}")
    if found.state == seal.UNSEALED:
        print("no seal       the run was cut short: only its figures can be checked, not whether a sample was changed")
    elif found.state == seal.BROKEN and found.sealed_hash is None:
        print("seal removed  the run had ended; nobody can tell whether it was changed since")
    elif found.state == seal.BROKEN:
        print(f"seal broken   {found.sealed_hash} when the run ended; it has been changed since")
    else:
        print("sealed        nothing was changed since the run ended")
    if found.note:
        print(f"note          {found.note}")
    for each in found.mismatches[:_MOST_SHOWN]:
        print(printable(f"{each.where}: {each.field} is stored as {each.stored}, and follows as {each.computed}", 500))
    if len(found.mismatches) > _MOST_SHOWN:
        print(f"and {len(found.mismatches) - _MOST_SHOWN} more")
    if not found.is_intact:
        end(f"{printable(str(run))} is not what was measured", CHECK_FAILED)
    print(f"{found.records} records, every figure follows from its samples")


_MOST_SHOWN = 20


@app.command()
def cite(
    run: RunArgument,
    op: Ops = None,
    dtype: Dtypes = None,
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider; may be repeated.")] = None,
    regime: Annotated[list[Regime] | None, typer.Option(help="Only this regime; may be repeated.")] = None,
    case: CaseText = "",
    caption: Annotated[str, typer.Option(help="How the table's caption begins, in place of our words.")] = "",
    also: Annotated[
        list[Path] | None, typer.Option(help="Of claims: another run, on other data; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write elubench.bib, table.tex, sentences.tex and the figure there.")
    ] = None,
) -> None:
    """Print what to cite a run by: BibTeX, a LaTeX table, sentences with their intervals."""
    from harness.store.records import read_run
    from reports.analysis.citable import NotCitable, Selection, citable
    from reports.render import latex

    if (other := other_than_sweep(run)) is not None:
        is_part = bool(op or dtype or provider or regime or case)
        _write_files(whole_citation(other, run, also or [], caption, is_part), out)
        return
    if also:
        end(ONLY_CLAIMS, WRONG_USAGE)
    selection = Selection(op or (), dtype or (), provider or (), [each.value for each in regime or ()], case)
    try:
        cited = citable(read_run(run), selection)
    except NotCitable as error:
        _refuse(error.refused)
        end(str(error), CHECK_FAILED)
    _refuse(cited.refused)
    if out is not None:
        _write_citation(cited, out, caption)
        return
    for heading, text in (
        ("for your .bib file", latex.bibtex(cited)),
        ("the table", latex.table(cited, caption)),
        ("the sentences", latex.sentences(cited)),
    ):
        print(f"% {heading}\n{text}")
    _name_figure(cited)


def _write_files(files: dict[str, str], out: Path | None) -> None:
    for name, text in files.items():
        if out is None:
            print(f"% {name}\n{text}")
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, encoding="utf-8", newline="\n")
    if out is not None:
        print(f"cite: {', '.join(str(out / name) for name in files)}")


def _refuse(refused: Sequence[Refused]) -> None:
    """Say on stderr which rows are not in it, and why; rows with one reason together."""
    from reports.text.formatting import printable, size_text

    has_models = len({each.record.device for each in refused}) > 1
    by_reason: dict[tuple[str, str, str], list[str]] = {}
    for each in refused:
        record = each.record
        case = f"{size_text(record.shape)} {record.dtype} {record.regime or ''}".strip()
        by = f"{record.provider} on {record.device}" if has_models else record.provider
        by_reason.setdefault((record.op, by, each.why), []).append(case)
    for (op, by, why), cases in by_reason.items():
        print(
            printable(f"elubench: refused: {op} by {by}, {len(cases)} of them ({', '.join(cases[:3])}"
                      f"{', …' if len(cases) > 3 else ''}): {why}", 600),
            file=sys.stderr,
        )  # fmt: skip


def _name_figure(cited: Citable) -> None:
    from reports.publish.report import FIGURES, REPORT
    from reports.text.formatting import printable

    path = cited.run.path / REPORT / FIGURES / f"{cited.figure}.pdf"
    missing = "" if path.exists() else f"  (made by: elubench report {shlex.quote(str(cited.run.path))})"
    print(printable(f"% the figure: {path}{missing}", 2000))


def _write_citation(cited: Citable, out: Path, caption: str) -> None:
    from reports.figures.files import draw, save
    from reports.render import latex

    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "elubench.bib": latex.bibtex(cited),
        "table.tex": latex.table(cited, caption),
        "sentences.tex": latex.sentences(cited),
        "figure.tex": latex.figure(cited, f"{cited.figure}.pdf"),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    drawn = next((figure for name, figure in draw(cited.run) if name == cited.figure), None)
    if drawn is not None:
        save(drawn, out / cited.figure, ("pdf",))
    print(f"cite: {', '.join(str(path) for path in sorted(out.iterdir()))}")

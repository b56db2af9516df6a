"""What is said of a claims run of the study's first edition: its own report, and its rows. Nothing is judged anew.

Its rules are no longer here, and its manifest has no hash of them: its verdicts are those that were stored with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from harness.paper.first_edition import FirstRun
from harness.store.vocabulary import RunError
from reports.analysis.verify import Mismatch, Verified
from reports.analysis.verify import mismatches as mismatches_of_records
from reports.paper import words
from reports.paper.build import content_hash_of
from reports.paper.headline import divergence_tables
from reports.paper.verify import verified
from reports.publish.report import MARKDOWN, REPORT, Built
from reports.render import table
from reports.render.table import Kind, Table, to_markdown
from reports.text.escaping import markdown_code
from reports.text.formatting import printable

NOTE = (
    "made by the first edition of the study, whose manifest keeps no hash of the rules: its verdicts are those of the "
    "report that is stored with it, and nothing is judged anew"
)


def stored_report(run: FirstRun) -> str | None:
    """The report that the first edition wrote, as it is."""
    path = run.path / REPORT / MARKDOWN
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None


def show(run: FirstRun, console: Console) -> None:
    """Print the map of divergence from the rows, and the verdicts as they are stored."""
    for line in (words.TITLE, *words.machine(run.manifest), f"This run was {NOTE}."):
        console.print(Text(printable(line)))
    for found in divergence_tables(run):
        table.show(found, console)
    table.show(_verdicts(stored_report(run) or ""), console)


def _verdicts(report: str) -> Table:
    """The table of verdicts in a stored report."""
    section = report.partition("\n## Verdicts\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.split("\n") if line.startswith("| ")]
    rows = tuple((line[0], line[-1].strip("*")) for line in lines[2:])
    return Table("verdicts, as stored", table.words("the paper says", "verdict", kind=Kind.PROSE), rows)


def build(run: FirstRun) -> Built:
    """Keep the report that is stored; where there is none, write what the rows say without a verdict."""
    path = run.path / REPORT / MARKDOWN
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(_report(run)) + "\n", encoding="utf-8", newline="\n")
    return Built((path,), (f"the run was {NOTE}",))


def _report(run: FirstRun) -> Iterator[str]:
    yield from (f"# {words.TITLE}", "")
    for line in words.machine(run.manifest):
        yield f"- {markdown_code(line)}"
    yield from (f"- content hash `{content_hash_of(run)}`", "", f"This run was {NOTE}.")
    for found in divergence_tables(run):
        yield from ("", *to_markdown(found))


def verify(run: FirstRun) -> Verified:
    """Recompute the hashes of the run and of the sweep inside it, its rows' places and the sweep's figures."""
    return verified(run, _mismatches(run), NOTE)


def _mismatches(run: FirstRun) -> Iterator[Mismatch]:
    expected, device, seen = run.expected_keys(), run.manifest.device.name, set()
    for row in run.rows:
        where = f"{row.claim}: {row.net} {row.variant} rate={row.rate:g} seed={row.seed}"
        if row.key in seen:
            yield Mismatch(where, "key", "more than once", "once")
        if row.key not in expected:
            yield Mismatch(where, "key", "a row", "none in the plan of the run")
        if row.device != device:
            yield Mismatch(where, "device", row.device, device)
        seen.add(row.key)
    if run.cost is not None:
        yield from mismatches_of_records(run.cost)
    report = stored_report(run)
    if report is not None and content_hash_of(run) not in report:
        yield Mismatch(f"{REPORT}/{MARKDOWN}", "the content hash", "another", content_hash_of(run))


def citation(run: FirstRun, caption: str = "") -> dict[str, str]:
    """Raises RunError: what it says cannot be computed again."""
    raise RunError(f"{run.path} was {NOTE}; cite a run of this version: elubench claims")

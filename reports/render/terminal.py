"""A run as tables on a terminal: 80 columns or 200, or a file that it is piped to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.store.records import Run
from reports.analysis.findings import on_devices
from reports.analysis.summary import TimedGroup, groups
from reports.render import table
from reports.render.fleet import device_table, not_measured, speedups, validated, workloads
from reports.render.run_tables import spared_table
from reports.render.timed import TERMINAL, timed_table
from reports.text import wording
from reports.text.formatting import printable


def show(run: Run, console: Console) -> None:
    """Print all that a run holds, most wanted first; nothing in it is taken for markup or control codes."""
    for line in wording.header(run):
        console.print(Text(printable(line)), soft_wrap=False)
    if not run.records:
        console.print(Text("The run holds no record yet; go on with 'elubench run --resume'."))
        return
    timed = groups(run)
    table.show(device_table(run), console)
    for finding in on_devices(run):
        console.print()
        console.print(Text(printable(finding.text, 2000), style="yellow" if finding.kind == "caution" else ""))
    for group in timed:
        table.show(timed_table(group, TERMINAL), console)
    if timed:
        console.print()
        _legend(run, timed, console)
    for each in (speedups(run, timed), workloads(run), spared_table(run), validated(run), not_measured(run)):
        table.show(each, console)
    console.print()
    console.print(Text(printable(wording.outcome_counts(run), 2000)))
    if run.torn:
        console.print(
            Text("The last record was cut short by a crash and is left out; 'elubench run --resume' measures it again.")
        )


def _legend(run: Run, timed: Sequence[TimedGroup], console: Console) -> None:
    used = wording.flags_used(timed)
    if used:
        console.print(Text("marks:"))
    for mark, meaning in used.values():
        console.print(Text(f"{mark}  {meaning}"))
    for line in (wording.roof(timed), *wording.noise(run)):
        if line:
            console.print(Text(printable(line, 600)))

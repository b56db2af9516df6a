"""The progress of a sweep on the terminal: what is measured, how much is done, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness import runner

if TYPE_CHECKING:
    from harness.cases import Case
    from harness.devices import Device
    from harness.records import Record
    from harness.sweep import Sweep


@contextmanager
def live(plan: Sweep, device: Device) -> Iterator[runner.Progress]:
    """A progress bar on stderr while the body runs. Drawn twice a second, between and beside timed calls.

    Where stderr is not a terminal, one line a case instead.
    """
    console = Console(stderr=True)
    title = f"{plan.name}: {len(plan.cases)} cases on {device.name}"
    console.print(title, markup=False, highlight=False)
    bar = Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.description}"),
        console=console,
        refresh_per_second=2,
        speed_estimate_period=600,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("", total=len(plan.cases))

    def on_stage(case: Case, stage: str, provider: str | None) -> None:
        bar.update(task, description=escape(f"{stage} {provider or ''} {case.key}"))

    def on_case_done(case: Case, records: list[Record]) -> None:
        bar.advance(task)
        if not console.is_terminal:
            outcomes = ", ".join(f"{r.provider} {r.outcome}" for r in records if r.role == "provider")
            console.print(f"{case.key}: {outcomes or 'stored before'}", markup=False, highlight=False, soft_wrap=True)

    with bar:
        yield runner.Progress(on_stage, on_case_done)

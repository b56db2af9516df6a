"""The progress bar of runs that count their work: share done, time taken, time left, and a word on the last part."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress_bar(console: Console, speed_estimate_s: float) -> Progress:
    """A bar that shows on a terminal only; the time left follows from the work of the last `speed_estimate_s`."""
    return Progress(
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("{task.description}", markup=False),
        console=console,
        refresh_per_second=2,
        speed_estimate_period=speed_estimate_s,
        disable=not console.is_terminal,
        transient=True,
    )

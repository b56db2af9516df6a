"""The progress of a proof on the terminal: how many inputs are through, and time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from harness.cli.bar import progress_bar
from harness.proof.plan import ProofPlan
from harness.proof.rows import ProofRow
from harness.proof.run import ProofProgress

_LINES = 20  # of a whole proof, where stderr is not a terminal


@contextmanager
def live(plan: ProofPlan) -> Iterator[ProofProgress]:
    """A progress bar on stderr while the body runs; where stderr is not a terminal, a line now and then instead."""
    console = Console(stderr=True)
    total = sum(part.inputs for part in plan.parts())
    console.print(f"{total:,} inputs to go through", markup=False, highlight=False)
    bar = progress_bar(console, speed_estimate_s=120)
    task, said = bar.add_task("", total=total), 0

    def on_rows(rows: list[ProofRow]) -> None:
        nonlocal said
        last, done = rows[-1], int(bar.tasks[0].completed)
        text = f"{last.op}, {last.dtype}, {last.known}, ex2 {last.ex2}"
        bar.update(task, description=text)
        if not console.is_terminal and done * _LINES // total > said:
            said, left = done * _LINES // total, bar.tasks[0].time_remaining
            about = f", about {left:.0f} s left" if left is not None else ""
            console.print(f"{done:,}{about}: {text}", markup=False, highlight=False, soft_wrap=True)

    with bar:
        yield ProofProgress(lambda count: bar.advance(task, count), on_rows)

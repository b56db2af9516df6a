"""The progress of a claims run on the terminal: what is trained, how much is done, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from harness.cli.bar import progress_bar
from harness.device.devices import Device
from harness.paper.plan import Plan
from harness.paper.rows import ClaimRow
from harness.paper.run import ClaimsProgress


@contextmanager
def live(plan: Plan, device: Device) -> Iterator[ClaimsProgress]:
    """A progress bar on stderr while the body runs; where stderr is not a terminal, one line a unit instead."""
    console = Console(stderr=True)
    units = (*plan.pilots(), *plan.judged({(net, variant.name): max(plan.rates) for net, variant in plan.nets()}))
    seeds = f"{len(plan.pilot_seeds)} seeds that choose a rate and {len(plan.judge_seeds)} that are judged"
    title = f"claims, {plan.name}, {plan.dataset}: {len(plan.nets())} nets, with {seeds}, on {device.name}"
    console.print(title, markup=False, highlight=False)
    bar = progress_bar(console, speed_estimate_s=600)
    task = bar.add_task("", total=sum(map(plan.steps_of, units)))

    def on_done(row: ClaimRow) -> None:
        text = f"{row.stage}: {row.net} {row.variant}"
        bar.update(task, description=f"stored last: {text}")
        if not console.is_terminal:
            console.print(text, markup=False, highlight=False, soft_wrap=True)

    with bar:
        yield ClaimsProgress(lambda steps: bar.advance(task, steps), on_done)

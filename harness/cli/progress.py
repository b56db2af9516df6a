"""The progress of a sweep on the terminal: what is measured, the last results, time left, the device's state.

It costs the measurement nothing: it is drawn by the parent process, only when the worker reports a new stage or a
case's end. While samples are taken the worker reports nothing, so nothing is drawn, no thread runs here, and the
parent sleeps in a read; the drawing for the stage "sampling" itself falls into the warm-up. What is said of the
device's clock was read by the worker before and after the case, not meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.run import runner
from harness.store.vocabulary import PROVIDED
from reports.text.formatting import MISSING, percent, printable, significant, size_text, time_text

if TYPE_CHECKING:
    from harness.ops.cases import Case
    from harness.store.records import Record
    from harness.sweeps.sweep import Sweep

_LAST_ROWS = 8
_BAR = 12  # cells of a bandwidth bar, eight steps each


class View:
    """What is shown, as state: told of stages and results, drawn on demand. `now` is in seconds."""

    def __init__(self, title: str, cases: int, now: float, budget_s: float | None = None) -> None:
        self._title, self._cases, self._began, self._budget_s = title, cases, now, budget_s
        self._done = self._measured = 0
        self._stage = Text("starting")
        self._last: list[Record] = []
        self._state = ""

    def stage(self, case: Case, stage: str, provider: str | None) -> None:
        what = f"{stage} {provider or ''}".strip()
        self._stage = Text(f"{printable(what, 40)}  {case.op} {size_text(case.shape)} {case.dtype}")

    def case_done(self, records: list[Record]) -> None:
        """A case has ended; it had been stored before where there are no records."""
        self._done += 1
        self._measured += bool(records)
        self._last = [*self._last, *(r for r in records if r.role in PROVIDED)][-_LAST_ROWS:]
        self._state = next((text for r in records if (text := state_text(r.health))), self._state)

    def left_s(self, now: float) -> float | None:
        """Seconds to the end, if the cases that are left take as long as those that were measured."""
        if not self._measured:
            return None
        elapsed_s = now - self._began
        left_s = elapsed_s / self._measured * (self._cases - self._done)
        return left_s if self._budget_s is None else max(0.0, min(left_s, self._budget_s - elapsed_s))

    def drawn(self, now: float) -> RenderableType:
        left = self.left_s(now)
        cells = 30 * self._done // max(1, self._cases)
        progress = Text.assemble(
            ("━" * cells, "green"), ("━" * (30 - cells), "bright_black"), f"  {self._done} of {self._cases} cases  ",
            f"{clock_text(now - self._began)} gone, {'?' if left is None else clock_text(left)} left",
        )  # fmt: skip
        lines: list[RenderableType] = [Text(printable(self._title), style="bold"), progress]
        lines.append(Text("now     ").append_text(self._stage))
        if self._state:
            lines.append(Text(f"device  {printable(self._state)}"))
        for line in lines:
            if isinstance(line, Text):
                line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines, *([_table(self._last)] if self._last else []))


def _table(records: list[Record]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("case", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("provider", no_wrap=True, overflow="ellipsis", max_width=14)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("GB/s of the roof", no_wrap=True, min_width=_BAR + 9)
    for record in records:
        case = Text(printable(f"{record.op} {size_text(record.shape)} {record.dtype}"))
        provider = Text(printable(record.provider))
        if record.median_s is None or record.outcome != "ok":
            table.add_row(case, provider, MISSING, Text(record.outcome, style="yellow"))
        else:
            table.add_row(case, provider, time_text(record.median_s), _bandwidth(record))
    return table


def _bandwidth(record: Record) -> Text:
    """A bar as long as the part of the roof that is reached, in steps of an eighth of a cell."""
    if not record.bandwidth_gbps or not record.roof_gbps:
        return Text(significant(record.bandwidth_gbps))
    fraction = record.bandwidth_gbps / record.roof_gbps
    steps = round(8 * _BAR * min(1.0, fraction))
    bar = "█" * (steps // 8) + ("▏▎▍▌▋▊▉"[steps % 8 - 1] if steps % 8 else "")
    style = "yellow" if record.doubts else "green"
    return Text.assemble(
        (bar.ljust(_BAR), f"{style} on bright_black"), f" {significant(record.bandwidth_gbps)} {percent(fraction)}%"
    )


def state_text(health: dict[str, Any]) -> str:
    """Clock, heat and what slows the device down, from a record's health; empty where it was not read."""
    parts = []
    gpu, cpu = (health.get("gpu") or {}).get("after") or {}, health.get("cpu") or {}
    for value, unit in (
        (gpu.get("sm_clock_mhz"), "MHz"),
        (gpu.get("temperature_c"), "°C"),
        (gpu.get("power_w"), "W"),
    ):
        if value is not None:
            parts.append(f"{value:.0f} {unit}")
    frequency = (cpu.get("frequency_mhz") or [None])[-1]
    if not gpu and frequency:
        parts.append(f"{frequency:.0f} MHz")
    if not gpu and cpu.get("others_share") is not None:
        parts.append(f"others use {percent(cpu['others_share'])}% of the cores")
    if parts or "slowed_by" in health:
        slowed_by = health.get("slowed_by")
        parts.append(f"slowed down by {', '.join(map(str, slowed_by))}" if slowed_by else "not slowed down")
    return " · ".join(parts)


def clock_text(seconds: float) -> str:
    """Whole seconds as 1:02:03, or 2:03."""
    minutes, second = divmod(round(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


@contextmanager
def live(
    plan: Sweep, device: str, budget_s: float | None = None, console: Console | None = None, models: int = 1
) -> Iterator[runner.Progress]:
    """The view on stderr while the body runs; where stderr is not a terminal, one line a case.

    `device` is on what, in words; each of its `models` has every case.
    """
    console = console or Console(stderr=True)
    title, cases = f"{plan.name}: {len(plan.cases)} cases on {device}", len(plan.cases) * models
    if not console.is_terminal:
        console.print(printable(title), markup=False, highlight=False, soft_wrap=True)
        yield _lines(console, cases)
        return
    view = View(title, cases, time.monotonic(), budget_s)

    # Without auto_refresh, Live has no thread: it draws when it is told to.
    with Live(view.drawn(time.monotonic()), console=console, auto_refresh=False, transient=True) as screen:

        def on_stage(case: Case, stage: str, provider: str | None) -> None:
            view.stage(case, stage, provider)
            screen.update(view.drawn(time.monotonic()), refresh=True)

        def on_case_done(case: Case, records: list[Record]) -> None:
            view.case_done(records)
            screen.update(view.drawn(time.monotonic()), refresh=True)

        yield runner.Progress(on_stage, on_case_done)


def _lines(console: Console, cases: int) -> runner.Progress:
    """For a file or a pipe: one line when a case is done, with nothing of it drawn over."""
    done = 0

    def on_case_done(case: Case, records: list[Record]) -> None:
        nonlocal done
        done += 1
        results = ", ".join(
            f"{r.provider} {time_text(r.median_s) if r.median_s else r.outcome}" for r in records if r.role in PROVIDED
        )
        line = f"[{done}/{cases}] {case.key}: {results or 'stored before'}"
        slowed_by = next((r.health["slowed_by"] for r in records if r.health.get("slowed_by")), ())
        line += f" (slowed down by {', '.join(slowed_by)})" if slowed_by else ""
        console.print(printable(line, 1000), markup=False, highlight=False, soft_wrap=True)

    return runner.Progress(lambda case, stage, provider: None, on_case_done)

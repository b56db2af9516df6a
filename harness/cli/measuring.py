"""What every verb that measures does with its run: create or resume it, measure, seal it, show it, report it.

`harness.store.files` opens, closes and seals the run; here is what the user gives and is told.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import stored
from harness.cli.exits import INTERRUPTED, WRONG_USAGE, end
from harness.plumbing.errors import named
from harness.store.lines import iter_lines
from harness.store.vocabulary import RECORDS

if TYPE_CHECKING:
    from harness.store.files import Store


def new_directory(out: Path | None, name: str) -> Path:
    """Where a new run goes: to `out`, or by default under runs/ by its time and name."""
    return out if out is not None else Path("runs") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"


def refuse_beside_resume(given: Mapping[str, object]) -> None:
    """End where options are given that a run to go on with has decided already."""
    clash = [name for name, value in given.items() if value]
    if clash:
        end(f"--resume goes on with the run's own plan and device; leave out {', '.join(clash)}", WRONG_USAGE)


def resume_hint(store: Store) -> str:
    """How to go on with the run of a store."""
    return f"go on with: elubench {store.verb} --resume {shlex.quote(str(store.path))}"


@contextmanager
def measuring(store: Store) -> Iterator[None]:
    """The body measures into the store, which is closed and sealed however that ends."""
    try:
        with store:
            yield
    except KeyboardInterrupt:
        end(f"interrupted; everything measured so far is in {store.path}; {resume_hint(store)}", INTERRUPTED)


def present(path: Path, report: bool) -> None:
    """Show a run that has just ended, and make its report; a report that fails makes no measured run look failed."""
    stored.show_run(path)
    if not report or next(iter_lines(path / RECORDS), None) is None:
        return
    try:
        stored.write_report(path)
    except Exception as error:
        print(
            f"elubench: the report could not be made ({named(error)}); the run is whole, "
            f"and `elubench report {shlex.quote(str(path))}` tries again",
            file=sys.stderr,
        )

"""The verb `conform`, registered by `harness.cli.app`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, end
from harness.cli.options import Dtypes, Ops

if TYPE_CHECKING:
    from harness.conformance.rows import Conformance

app = typer.Typer()


@app.command()
def conform(
    provider: Annotated[
        list[str] | None,
        typer.Option(help="This provider, or FILE.py (its code runs with your rights); may be repeated. Default: all."),
    ] = None,
    op: Ops = None,
    dtype: Dtypes = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    huge: Annotated[bool, typer.Option("--huge", help="Also 2^31 elements, where there are 16 GiB of memory.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as a page of Markdown.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write conform.json and report/report.md into this directory.")
    ] = None,
) -> None:
    """Say of each provider where it computes ELU as ATen defines it, and where not, with the input that shows it."""
    if json and markdown:
        end("choose one of --markdown and --json", WRONG_USAGE)
    found = _found(provider or [], op or [], dtype or [], device, huge, out)
    if out is not None:
        from harness.conformance.rows import write
        from reports.conformance.page import build

        write(found, out)
        build(found, out)
    _print(found, json, markdown)
    from harness.conformance.rows import RowStatus

    fails = found.of(RowStatus.FAIL)
    if fails:
        names = ", ".join(dict.fromkeys(row.provider for row in fails))
        end(f"{len(fails)} of {len(found.rows)} rows failed: {names}", CHECK_FAILED)
    if not found.of(RowStatus.PASS):
        end(f"none of it is offered: {found.rows[0].note}", WRONG_USAGE)


def _found(
    given: list[str], ops: list[str], dtypes: list[str], device: str, huge: bool, out: Path | None
) -> Conformance:
    from harness import providers

    specs = providers.distinct(given or tuple(providers.BUILTIN))
    for spec in specs:
        providers.check(spec)
    from rich.console import Console

    from harness.conformance import checks, run
    from harness.device.devices import find_device

    known = dict.fromkeys(check.op for check in checks.CHECKS)
    if other := [each for each in ops if each not in known]:
        end(f"what is checked is {' and '.join(known)}, not {other[0]}", WRONG_USAGE)
    if other := [each for each in dtypes if each not in checks.DTYPES]:
        end(f"what is checked is {', '.join(checks.DTYPES)}, not {other[0]}", WRONG_USAGE)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # what cannot be written to is said before minutes have passed
    with Console(stderr=True).status("starting") as status:
        return run.conformance(specs, run.items(ops, dtypes, huge), find_device(device), status.update)


def _print(found: Conformance, json: bool, markdown: bool) -> None:
    if json:
        from harness.conformance.rows import to_json

        print(to_json(found), end="")
    elif markdown:
        from reports.conformance.page import text

        print(text(found), end="")
    else:
        from rich.console import Console

        from reports.conformance.tables import print_to

        print_to(found, Console())

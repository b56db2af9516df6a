"""The verb `inspect` of the command line; `harness.cli` takes it in."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def inspect(
    arch: Annotated[
        list[str] | None,
        typer.Option(help="sm_80, sm_90, sm_100, sm_120 or gfx942; may be repeated.  [default: all]"),
    ] = None,
    op: Annotated[list[str] | None, typer.Option(help="Only this op; may be repeated.")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="Only this dtype; may be repeated.")] = None,
    provider: Annotated[
        str, typer.Option(help="triton, or FILE.py with kernels in Triton (its code runs with your rights).")
    ] = "triton",
    json: Annotated[bool, typer.Option("--json", help="The rows as a JSON list.")] = False,
) -> None:
    """Count the machine code of every kernel; no GPU needed."""
    from harness.inspect.survey import ARCHS, survey

    rows = survey(arch or ARCHS, provider, op or (), dtype or ())
    if json:
        from harness.inspect.rows import to_json

        print(to_json(rows))
        return
    from rich.console import Console

    from reports.inspection import show

    show(rows, Console())

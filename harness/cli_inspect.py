"""The verb `inspect` of the command line, and what a run keeps of it; `harness.cli` takes them in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.inspect.rows import INSPECTION, keep_rows

if TYPE_CHECKING:
    from harness.devices import Device
    from harness.inspect.rows import Row
    from harness.sweep import Sweep

app = typer.Typer()


@app.command()
def inspect(
    arch: Annotated[
        list[str] | None,
        typer.Option(help="sm_80, sm_86, sm_89, sm_90, sm_100, sm_120 or gfx942; may be repeated. Default: most."),
    ] = None,
    op: Annotated[list[str] | None, typer.Option(help="Only this op; may be repeated.")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="Only this dtype; may be repeated.")] = None,
    provider: Annotated[
        str, typer.Option(help="triton, or FILE.py with kernels in Triton (its code runs with your rights).")
    ] = "triton",
    json: Annotated[bool, typer.Option("--json", help="The rows as a JSON list.")] = False,
    listings: Annotated[
        Path | None, typer.Option(help="Write the machine code of each kernel into this directory, as text.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 where a kernel exceeds harness/inspect/budgets.toml.")
    ] = False,
) -> None:
    """Count the machine code of every kernel; no GPU needed."""
    from rich.console import Console

    from harness.inspect.survey import ARCHS, survey

    archs = arch or ARCHS
    with Console(stderr=True).status(f"compiling for {', '.join(archs)}"):
        rows = survey(archs, provider, op or (), dtype or (), listings)
    if json:
        from harness.inspect.rows import to_json

        print(to_json(rows))
    elif markdown:
        from reports.markdown import counted, summarised

        print("\n".join([*summarised(rows), *counted(rows)]).strip())
    else:
        from reports.inspection import show

        show(rows, Console())
    if check:
        _check(rows)


def _check(rows: tuple[Row, ...]) -> None:
    from harness.exits import CHECK_FAILED, end
    from harness.inspect.budget import load, violations

    found = list(violations(rows, load()))
    for each in found:
        print(f"elubench: {each}", file=sys.stderr)
    if found:
        end(f"{len(found)} limits of harness/inspect/budgets.toml are exceeded", CHECK_FAILED)


def keep_inspection(run: Path, plan: Sweep, device: Device) -> None:
    """Count the code of the kernels that a run names, and keep the rows with it; those for sm_90 where there is no GPU.

    A part of the run that can fail without harm: the reason is said, and what was measured stays as it is.
    """
    from harness import providers
    from harness.cases import KERNEL_OPS
    from harness.inspect.pipes import RATES
    from harness.inspect.survey import survey

    arch = device.capability or "sm_90"
    cases = [case for case in plan.cases if case.op in KERNEL_OPS]
    kernels = [spec for spec in plan.providers if providers.uses_triton(spec)]
    if arch not in RATES or not kernels or not cases or (run / INSPECTION).exists():
        return
    ops, dtypes = (list(dict.fromkeys(getattr(case, name) for case in cases)) for name in ("op", "dtype"))
    try:
        keep_rows(run, [row for spec in kernels for row in survey([arch], spec, ops, dtypes)])
    except (ValueError, OSError) as error:
        print(f"elubench: machine code was not inspected: {error}", file=sys.stderr)

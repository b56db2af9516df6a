"""The command line: `run`, `list`, `doctor`, and the verbs of the modules beside it. Each imports what it needs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import crosscheck, machine_code, paper, stored
from harness.cli.exits import CHECK_FAILED, command_line, end
from harness.cli.measuring import measuring, new_directory, present, refuse_beside_resume, resume_hint

if TYPE_CHECKING:
    from harness.device.devices import Device
    from harness.store.files import Store
    from harness.store.manifest import Manifest
    from harness.sweeps.sweep import Sweep

app = typer.Typer(
    help="How fast and how right an ELU implementation is, and how far from what the device can do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(stored.app)
app.add_typer(machine_code.app)
app.add_typer(paper.app)
app.add_typer(crosscheck.app)


class Listed(StrEnum):
    """What `elubench list` can show."""

    ops = "ops"
    providers = "providers"
    sweeps = "sweeps"
    cases = "cases"


@app.command()
def run(
    sweep: Annotated[str | None, typer.Option(help="A sweep's name, or a TOML file.  [default: default]")] = None,
    out: Annotated[Path | None, typer.Option(help="Directory of the run.  [default: runs/TIME-SWEEP]")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda:N.  [default: auto]")] = None,
    op: Annotated[list[str] | None, typer.Option(help="Only this op; may be repeated.")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="Only this dtype; may be repeated.")] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="This provider, or FILE.py (its code runs with your rights); may be repeated."),
    ] = None,
    regime: Annotated[
        list[str] | None, typer.Option(help="auto, cold, graph, warm or host; may be repeated.  [default: the sweep's]")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this directory.")] = None,
    budget: Annotated[float | None, typer.Option(min=0, help="Start no case after so many seconds.")] = None,
    strict: Annotated[
        bool,
        typer.Option(
            help="Exit with 1 where a provider was rejected, crashed, ran out of time or memory, or names no op."
        ),
    ] = False,
    report: Annotated[
        bool, typer.Option(help="Write RUN/report/ at the end.", envvar="ELUBENCH_REPORT", show_envvar=True)
    ] = True,
    inspect: Annotated[
        bool, typer.Option(help="Count the kernels' machine code.", envvar="ELUBENCH_INSPECT", show_envvar=True)
    ] = True,
) -> None:
    """Measure a sweep, store every record, show the tables, write the report."""
    if resume is not None:
        given = {"--sweep": sweep, "--out": out, "--device": device, "--op": op, "--dtype": dtype}
        refuse_beside_resume(given | {"--provider": provider, "--regime": regime})
        plan, found, store = _resumed(resume)
    else:
        plan, found, store = _created(sweep or "default", out, device or "auto", op, dtype, provider, regime)
    _measure(plan, found, store, budget, inspect)
    present(store.path, report)
    if strict:
        from harness.cli.strict import failure

        if sentence := failure(store.path, plan.providers):
            end(sentence, CHECK_FAILED)


def _resumed(path: Path) -> tuple[Sweep, Device, Store]:
    from harness import providers
    from harness.store.files import Store, go_on
    from harness.sweeps.sweep import from_content

    def plan_of(manifest: Manifest) -> Sweep:
        plan = from_content(manifest.sweep)
        providers.check_unchanged(plan.providers, path)
        return plan

    return go_on(path, Store, command_line(), plan_of)


def _created(
    sweep: str,
    out: Path | None,
    device: str,
    ops: list[str] | None,
    dtypes: list[str] | None,
    given: list[str] | None,
    regimes: list[str] | None,
) -> tuple[Sweep, Device, Store]:
    from harness import providers
    from harness.device.devices import find_device
    from harness.store.files import Store
    from harness.store.manifest import make_manifest
    from harness.sweeps.sweep import load

    plan = load(sweep)
    specs = providers.distinct(given or plan.providers)
    for spec in specs:
        providers.check(spec)
    found = find_device(device)
    plan = plan.on(found.kind).only(ops or [], dtypes or [], specs, regimes or [])
    path = new_directory(out, plan.name)
    manifest = make_manifest(found, plan.content(), command_line())
    return plan, found, Store.create(path, manifest, providers.sources_of(specs))


def _measure(plan: Sweep, device: Device, store: Store, budget: float | None, inspect: bool) -> None:
    from harness.cli.progress import live
    from harness.machine_code.keep import keep_inspection
    from harness.run.runner import run_sweep

    with measuring(store):
        with live(plan, device, budget) as progress:
            summary = run_sweep(plan, device, store, progress, budget_s=budget)
        if inspect:
            keep_inspection(store.path, plan, device)
    if summary.out_of_budget:
        print(
            f"elubench: the budget of {budget:g} s is used, {summary.left} cases are left; {resume_hint(store)}",
            file=sys.stderr,
        )


@app.command(name="list")
def list_(
    what: Annotated[Listed, typer.Argument(help="What to list.")],
    sweep: Annotated[str, typer.Option(help="The sweep whose cases to list.")] = "default",
) -> None:
    """List ops, providers, sweeps, or the cases of a sweep."""
    if what is Listed.cases:
        from harness.sweeps.sweep import load

        for case in load(sweep).cases:
            print(case.key)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what it is", box=None, pad_edge=False)
    for name, summary in _named(what):
        table.add_row(name, summary)
    Console().print(table, markup=False)


def _named(what: Listed) -> list[tuple[str, str]]:
    if what is Listed.ops:
        from harness.ops.catalogue import OPS

        return [(op.name, op.summary) for op in OPS.values()]
    if what is Listed.providers:
        from harness.providers import BUILTIN

        return list(BUILTIN.items())
    from harness.sweeps.sweep import load, names

    return [(name, load(name).description) for name in names()]


@app.command()
def doctor() -> None:
    """Say what this machine can measure, and why not the rest."""
    from rich.console import Console

    from harness.doctor.examine import report

    report(Console())

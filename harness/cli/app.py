"""The command line: `run`, `list`, `doctor`, and the verbs of the modules beside it. Each imports what it needs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import conform, crosscheck, machine_code, paper, proof, provider_file, stored
from harness.cli.engines import Address, EngineName, EngineOf, On, Where, in_words, opened, reopened, where
from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, command_line, end
from harness.cli.measuring import measuring, new_directory, present, refuse_beside_resume, resume_hint
from harness.cli.options import Arch, Dtypes, FlushKind, Inspect, Ops, Providers, Regimes, Report, Shapes

if TYPE_CHECKING:
    from harness.run.engine import Engine
    from harness.store.files import Store
    from harness.store.manifest import Manifest
    from harness.sweeps.sweep import Sweep

How = tuple[float | None, bool]  # a budget in seconds, and whether machine code is counted

app = typer.Typer(
    help="How fast and how right an ELU implementation is, and how far from what the device can do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(stored.app)
app.add_typer(machine_code.app)
app.add_typer(paper.app)
app.add_typer(proof.app)
app.add_typer(provider_file.app)
app.add_typer(conform.app)
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
    arch: Arch = None,
    op: Ops = None,
    dtype: Dtypes = None,
    shape: Shapes = None,
    provider: Providers = None,
    regime: Regimes = None,
    flush: FlushKind = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this directory.")] = None,
    engine: EngineOf = EngineName.local,
    address: Address = None,
    on: On = None,
    budget: Annotated[float | None, typer.Option(min=0, help="Start no case after so many seconds.")] = None,
    strict: Annotated[
        bool, typer.Option(help="Exit with 1 where a provider was rejected, crashed, timed out, or computes no op.")
    ] = False,
    report: Report = True,
    inspect: Inspect = True,
) -> None:
    """Measure a sweep, store every record, show the tables, write the report."""
    place = where(engine, address, on, device)
    if resume is not None:
        given = {"--sweep": sweep, "--out": out, "--device": device, "--arch": arch, "--op": op, "--dtype": dtype}
        given |= {"--shape": shape, "--provider": provider, "--regime": regime, "--flush": flush, "--on": on}
        refuse_beside_resume(given)
        path, specs = _go_on(resume, place, (budget, inspect))
    else:
        if shape and sweep:
            end("--shape names cases of its own; leave out --sweep, or add the shape to the sweep's file", WRONG_USAGE)
        wanted = _wanted(sweep, shape or [], op or [], dtype or []).by([], regime or [], flush)
        path, specs = _begin(wanted, out, (place, device or "auto", arch), provider, (budget, inspect))
    present(path, report)
    if strict:
        from harness.cli.strict import failure

        if sentence := failure(path, specs):
            end(sentence, CHECK_FAILED)


def _wanted(sweep: str | None, shapes: list[str], ops: list[str], dtypes: list[str]) -> Sweep:
    """The sweep that is named, or is made of shapes; with the ops and dtypes that are asked for."""
    from harness.ops.cases import parse_shape
    from harness.sweeps.sweep import load, of_shapes

    if shapes:
        return of_shapes([parse_shape(text) for text in shapes], ops, dtypes)
    return load(sweep or "default").only(ops, dtypes)


def _begin(
    plan: Sweep, out: Path | None, on: tuple[Where, str, str | None], given: list[str] | None, how: How
) -> tuple[Path, tuple[str, ...]]:
    """Measure a plan; gives the run and the providers. `on`: where, on which device, as what architecture."""
    from harness import providers
    from harness.store.files import Store
    from harness.store.manifest import make_manifest

    specs = providers.distinct(given or ())
    everybody = specs or (*plan.providers, *plan.cpu_providers)
    for spec in everybody:
        providers.check(spec)
    whole = plan.by(specs, [])
    with opened(*on, everybody, whole.on) as engine:
        plan = whole.on(engine.devices[0].kind)
        _say_what_is_left_out(whole, plan)
        path = new_directory(out, plan.name)
        manifest = make_manifest(engine.devices[0], plan.content(), command_line(), engine.fleet, engine.settings)
        _measure(plan, engine, Store.create(path, manifest, providers.sources_of(specs)), how)
    return path, plan.providers


def _say_what_is_left_out(whole: Sweep, plan: Sweep) -> None:
    if too_large := len(whole.cases) - len(plan.cases):
        told = f"{too_large} larger cases are left to a GPU, by max_elements of [cpu]"
        print(f"elubench: {told} in sweep {plan.name!r}", file=sys.stderr)


def _go_on(path: Path, place: Where, how: How) -> tuple[Path, tuple[str, ...]]:
    """Go on with a run; gives the run and its providers."""
    from harness import providers
    from harness.store.files import Store, go_on
    from harness.store.manifest import read_manifest
    from harness.sweeps.sweep import from_content

    def plan_of(manifest: Manifest) -> Sweep:
        plan = from_content(manifest.sweep)
        providers.check_unchanged(plan.providers, path)
        return plan

    manifest = read_manifest(path)
    Store.check_verb(path, manifest)
    with reopened(place, manifest) as engine:
        plan, _, store = go_on(path, Store, command_line(), plan_of, engine.devices)
        _measure(plan, engine, store, how)
    return path, plan.providers


def _measure(plan: Sweep, engine: Engine, store: Store, how: How) -> None:
    """Have a plan measured, in a budget of seconds if there is one, and inspected if that is asked for."""
    from harness.cli.progress import live
    from harness.machine_code.keep import keep_inspection
    from harness.run.runner import run_on

    budget, inspect = how
    with measuring(store):
        with live(plan, in_words(engine), budget, models=len(engine.devices)) as progress:
            summary = run_on(engine, plan, store, progress, budget_s=budget)
        if inspect:
            keep_inspection(store.path, plan, engine.devices[0])
    if summary.out_of_budget:
        print(
            f"elubench: the budget of {budget:g} s is used, {summary.left} cases are left; {resume_hint(store)}",
            file=sys.stderr,
        )


@app.command(name="list")
def list_(
    what: Annotated[Listed, typer.Argument(help="What to list.")],
    sweep: Annotated[str | None, typer.Option(help="The sweep whose cases to list.  [default: default]")] = None,
    arch: Arch = None,
    op: Ops = None,
    dtype: Dtypes = None,
    shape: Shapes = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu or cuda:N: the device that is to measure the cases.  [default: auto]")
    ] = None,
) -> None:
    """List ops, providers, sweeps, or the cases that a run would measure."""
    given = {"--sweep": sweep, "--op": op, "--dtype": dtype, "--shape": shape, "--device": device}
    if what is Listed.cases:
        if shape and sweep:
            end("--shape names cases of its own; leave out --sweep", WRONG_USAGE)
        from harness.device.devices import find_device

        wanted = _wanted(sweep, shape or [], op or [], dtype or [])
        for case in wanted.on(find_device(device or "auto").kind).cases:
            print(case.key)
        return
    if ignored := [name for name, value in given.items() if value]:
        end(f"'elubench list {what}' lists all; leave out {', '.join(ignored)}", WRONG_USAGE)
    if what is Listed.ops:
        _list_ops()
        return
    from rich.console import Console

    from reports.render.table import Column, Kind, Table, show, words

    show(Table("", (*words("name"), Column("what it is", Kind.PROSE)), tuple(_named(what))), Console())


def _list_ops() -> None:
    """Each op with its inputs, its parameters with their defaults and its outputs, in the order of its functions."""
    from harness.ops.catalogue import OPS

    for op in OPS.values():
        params = (f"{name}={value}" for name, value in op.params.items())
        print(f"{op.name}({', '.join([*op.inputs, *params])}) -> {', '.join(op.outputs)}\n    {op.summary}")
    print("\nA name with * is of a vector along dim; others have the shape of the case, but for whole models.")


def _named(what: Listed) -> list[tuple[str, str]]:
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

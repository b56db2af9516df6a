"""The verb `claims`, registered by `harness.cli.app`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import CHECK_FAILED, command_line, end
from harness.cli.measuring import measuring, new_directory, present, refuse_beside_resume, resume_hint
from harness.cli.options import Inspect, Report

if TYPE_CHECKING:
    from harness.device.devices import Device
    from harness.paper.plan import Plan
    from harness.store.files import Store

app = typer.Typer()


@app.command()
def claims(
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in two minutes instead of a result in twenty.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Directory of the run.  [default: runs/TIME-claims]")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this directory.")] = None,
    claim: Annotated[list[str] | None, typer.Option(help="Only this claim; may be repeated.")] = None,
    activation: Annotated[list[str] | None, typer.Option(help="Only this activation; may be repeated.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="The data to train on: digits, mnist1d or mnist5000.  [default: digits]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda:N.  [default: auto]")] = None,
    report: Report = True,
    inspect: Inspect = True,
) -> None:
    """Put the statements of the ELU paper to the test: what holds, what does not, what cannot be told."""
    if resume is not None:
        given: dict[str, object] = {"--quick": quick, "--out": out, "--claim": claim, "--activation": activation}
        given |= {"--dataset": dataset, "--device": device}
        refuse_beside_resume(given)
        plan, found, store = _resumed(resume)
    else:
        from harness.paper.plan import make_plan

        plan = make_plan(quick, claim or [], activation or [], dataset or "digits")
        plan, found, store = _created(plan, out, device or "auto")
    _measure(plan, found, store, inspect)
    present(store.path, report)


def _created(plan: Plan, out: Path | None, device: str) -> tuple[Plan, Device, Store]:
    from harness.device.devices import find_device

    found = find_device(device)
    from harness.paper import data, run

    data.check(plan.dataset)  # what is missing is said before there is a run
    path = new_directory(out, "claims")
    return plan, found, run.ClaimStore.create(path, run.make_manifest(plan, found, command_line()))


def _resumed(path: Path) -> tuple[Plan, Device, Store]:
    from harness.store.files import go_on
    from harness.store.manifest import read_manifest

    read_manifest(path)  # what is no run is said before torch is imported
    from harness.paper import run

    return go_on(path, run.ClaimStore, command_line(), run.plan_of)


def _measure(plan: Plan, device: Device, store: Store, inspect: bool) -> None:
    from concurrent.futures.process import BrokenProcessPool

    from harness.cli import paper_progress, progress
    from harness.paper.run import measure, measure_cost

    try:
        with measuring(store):
            if "cost" in plan.claims:
                measure_cost(plan, device, store.path, inspect, progress.live)
            with paper_progress.live(plan, device) as told:
                measure(plan, device, store, told)
    except BrokenProcessPool:
        end(f"a process that trains nets was killed, perhaps for its memory; {resume_hint(store)}", CHECK_FAILED)

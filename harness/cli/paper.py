"""The verb `claims`, registered by `harness.cli.app`."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import CHECK_FAILED, INTERRUPTED, WRONG_USAGE, command_line, end

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
    dataset: Annotated[str | None, typer.Option(help="The data to train on.  [default: digits]")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda:N.  [default: auto]")] = None,
    inspect: Annotated[
        bool, typer.Option(help="Count the kernels' machine code.", envvar="ELUBENCH_INSPECT", show_envvar=True)
    ] = True,
) -> None:
    """Put the statements of the ELU paper to the test: what holds, what does not, what cannot be told."""
    if resume is not None:
        given: dict[str, object] = {"--quick": quick, "--out": out, "--claim": claim, "--activation": activation}
        given |= {"--dataset": dataset, "--device": device}
        clash = [name for name, value in given.items() if value]
        if clash:
            end(f"--resume goes on with the run's own plan and device; leave out {', '.join(clash)}", WRONG_USAGE)
        plan, found, store = _resumed(resume)
    else:
        from harness.paper.plan import make_plan

        plan = make_plan(quick, claim or [], activation or [], dataset or "digits")
        plan, found, store = _created(plan, out, device or "auto")
    _measure(plan, found, store, inspect)
    from harness.cli.stored import show_run, write_report

    show_run(store.path)
    write_report(store.path)


def _created(plan: Plan, out: Path | None, device: str) -> tuple[Plan, Device, Store]:
    from harness.device.devices import find_device
    from harness.paper import data, run

    found = find_device(device)
    data.load(plan.dataset)  # what is missing is said before there is a run
    time = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    path = out if out is not None else Path("runs") / f"{time}-claims"
    return plan, found, run.ClaimStore.create(path, run.make_manifest(plan, found, command_line()))


def _resumed(path: Path) -> tuple[Plan, Device, Store]:
    from harness.device.devices import find_device
    from harness.paper import run
    from harness.paper.rows import read_claims
    from harness.store import seal
    from harness.store.manifest import add_session, same_device_and_schema
    from harness.store.records import RunError

    stored = read_claims(path)
    device = find_device(stored.manifest["device"]["torch_device"])
    same_device_and_schema(stored.manifest, device)
    if stored.manifest.get("claims_sources_sha256") != run.sources_sha256():
        raise RunError(
            f"{path} was made with other sources than those in harness/paper/ now, by elubench "
            f"{stored.manifest.get('elubench')}; go on with that version, or start a new run with --out"
        )
    store = run.ClaimStore.resume(path)
    seal.unseal(path)
    add_session(path, command_line(), "resume")
    return stored.plan, device, store


def _measure(plan: Plan, device: Device, store: Store, inspect: bool) -> None:
    from concurrent.futures.process import BrokenProcessPool

    from harness.cli import paper_progress, progress
    from harness.paper.run import measure, measure_cost
    from harness.store import seal

    resume = f"go on with: elubench claims --resume {store.path}"
    try:
        if "cost" in plan.claims:
            measure_cost(plan, device, store.path, inspect, progress.live)
        with paper_progress.live(plan, device) as told:
            measure(plan, device, store, told)
    except BrokenProcessPool:
        end(f"a process that trains nets was killed, perhaps for its memory; {resume}", CHECK_FAILED)
    except KeyboardInterrupt:
        end(f"interrupted; everything measured so far is in {store.path}; {resume}", INTERRUPTED)
    finally:
        store.close()
        seal.seal(store.path)

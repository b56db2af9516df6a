"""The verb `prove`, registered by `harness.cli.app`."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.engines import Address, EngineName, EngineOf, reached, where
from harness.cli.exits import CHECK_FAILED, WRONG_USAGE, command_line, end
from harness.cli.measuring import measuring, new_directory, present, refuse_beside_resume, resume_hint
from harness.cli.options import Dtypes, Report
from harness.plumbing.errors import named

if TYPE_CHECKING:
    from harness.fleet.cluster import Cluster
    from harness.proof.plan import ProofPlan
    from harness.store.files import Store

app = typer.Typer()


@app.command()
def prove(
    op: Annotated[str | None, typer.Option(help="elu or elu_backward.  [default: elu]")] = None,
    dtype: Dtypes = None,
    provider: Annotated[
        str | None, typer.Option(help="triton, or FILE.py (its code runs with your rights).  [default: triton]")
    ] = None,
    arch: Annotated[str | None, typer.Option(help="The GPU to compile for.  [default: sm_90]")] = None,
    between: Annotated[
        tuple[float, float] | None, typer.Option(help="Only the binades with inputs from the one to the other.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="How many at once.  [default: one a core]")] = None,
    engine: EngineOf = EngineName.local,
    address: Address = None,
    out: Annotated[Path | None, typer.Option(help="Directory of the run.  [default: runs/TIME-proof-OP]")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this directory.")] = None,
    report: Report = True,
) -> None:
    """Put every input there is through the compiled kernel, and say what is wrong with the outputs.

    All numbers of a type: 4,294,967,296 of float32, 65,536 of float16 and bfloat16, at parameters of 1, and with ex2 at
    both ends of what the PTX ISA allows. No GPU is needed.
    """
    if importlib.util.find_spec("numba") is None:
        end("a proof needs numba: pip install 'numba>=0.61'", WRONG_USAGE)
    place = where(engine, address)
    if place.address is not None and processes:
        end("--processes is of this machine; a cluster works on a part in each of its CPU slots", WRONG_USAGE)
    if resume is not None:
        given: dict[str, object] = {"--op": op, "--dtype": dtype, "--provider": provider, "--arch": arch}
        refuse_beside_resume(given | {"--between": between, "--out": out})
    with reached(place) as cluster:
        if resume is not None:
            plan, store = _resumed(resume)
        else:
            plan, store = _created(op or "elu", dtype or [], provider or "triton", arch or "sm_90", between, out)
        _measure(plan, store, cluster, processes or len(os.sched_getaffinity(0)))
    present(store.path, report)
    if sentence := _failure(store.path):
        end(sentence, CHECK_FAILED)


def _created(
    op: str, dtypes: list[str], provider: str, arch: str, between: tuple[float, float] | None, out: Path | None
) -> tuple[ProofPlan, Store]:
    from harness import providers
    from harness.device.devices import find_device
    from harness.ops.cases import full_dtype
    from harness.proof.lines import LINES
    from harness.proof.plan import KNOWN

    dtypes = [full_dtype(each) for each in dtypes] or list(LINES)
    if op not in KNOWN:
        end(f"what can be proved is {' and '.join(KNOWN)}, not {op}", WRONG_USAGE)
    if other := [each for each in dtypes if each not in LINES]:
        end(f"what can be gone through is {', '.join(LINES)}, not {other[0]}", WRONG_USAGE)
    providers.check(provider)
    from harness.plumbing.processes import ForeignError, called_apart
    from harness.proof import run
    from harness.proof.kernel import NotTheSame

    device = find_device("cpu")
    path = new_directory(out, f"proof-{op}")
    run.ProofStore.check_new(path)
    try:
        plan = called_apart(run.make_plan, op, dtypes, provider, arch, between, _say)
    except ForeignError as error:  # a provider's code may do whatever it likes
        end(f"the kernel of {providers.name_of(provider)} cannot be run: {error}", CHECK_FAILED)
    except (run.NoProof, NotTheSame) as error:
        end(str(error), CHECK_FAILED)
    except Exception as error:
        end(f"the kernel of {providers.name_of(provider)} cannot be run: {named(error)}", CHECK_FAILED)
    manifest = run.make_manifest(plan, device, command_line())
    return plan, run.ProofStore.create(path, manifest, providers.sources_of([provider]))


def _say(text: str) -> None:
    print(f"elubench: {text}", file=sys.stderr)


def _resumed(path: Path) -> tuple[ProofPlan, Store]:
    from harness.store.files import go_on
    from harness.store.manifest import read_manifest

    read_manifest(path)  # what is no run is said before torch is imported
    from harness.proof import run

    plan, _, store = go_on(path, run.ProofStore, command_line(), lambda manifest: run.plan_of(manifest, path))
    return plan, store


def _measure(plan: ProofPlan, store: Store, cluster: Cluster | None, processes: int) -> None:
    from concurrent.futures.process import BrokenProcessPool

    from harness.cli.proof_progress import live
    from harness.fleet.cluster import Lost
    from harness.proof.run import here, measure, on_cluster

    try:
        with measuring(store), live(plan) as told:
            measure(plan, here(processes) if cluster is None else on_cluster(cluster), store, told)
    except Lost as error:
        end(f"a part of the proof failed on the cluster: {error}; {resume_hint(store)}", CHECK_FAILED)
    except BrokenProcessPool:
        end(f"a process that proves was killed, perhaps for its memory; {resume_hint(store)}", CHECK_FAILED)


def _failure(run: Path) -> str | None:
    """What was found wrong, as a sentence; None where nothing was."""
    from harness.proof.rows import read_proof
    from reports.proof.summary import failure

    return failure(read_proof(run))

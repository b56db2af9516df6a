"""Measures a claims run unit by unit, and stores the rows of each as soon as it is finished."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from harness.device.devices import Device
from harness.paper import (
    bias_shift,
    data,
    mean_shift,
    natural_gradient,
    noise,
    saturation,
    step_time,
    theorems,
    vanishing,
)
from harness.paper.choice import chosen_rates
from harness.paper.data import Data
from harness.paper.judging import judging_sha256
from harness.paper.nets import Net
from harness.paper.plan import CURVES, Plan, Unit, from_content
from harness.paper.rows import COST, VERB, ClaimRow, make_row, row_from_json
from harness.paper.training import Curve, build, train
from harness.paper.workers import measured
from harness.plumbing.processes import called_apart
from harness.run import runner
from harness.store import manifest
from harness.store.files import Store, go_on
from harness.store.lines import decoded_lines
from harness.store.manifest import Manifest
from harness.store.provenance import kernel_sources_sha256
from harness.store.vocabulary import MANIFEST, RECORDS, RunError
from harness.sweeps import sweep
from harness.sweeps.sweep import Sweep

COST_ARGV = ["elubench", VERB]

# What shows a sweep's progress while it runs; it is told of every stage and case.
Live = Callable[[Sweep, str], "contextlib.AbstractContextManager[runner.Progress]"]


class ClaimStore(Store):
    """A store of claims' rows."""

    verb = VERB

    @staticmethod
    def parse(line: bytes) -> ClaimRow:
        return row_from_json(line)


@dataclass(frozen=True)
class ClaimsProgress:
    """What a caller is told as a run goes on: how much of the work is done, and which unit was stored last."""

    on_steps: Callable[[float], None]  # steps as in Plan.steps_of
    on_done: Callable[[ClaimRow], None]  # a row of the unit


def make_manifest(plan: Plan, device: Device, argv: list[str]) -> Manifest:
    """The manifest of a claims run that starts now."""
    return dataclasses.replace(
        manifest.make_manifest(device, {"name": f"claims, {plan.name}"}, argv),
        threads=1,  # of every process that trains nets; see harness.paper.workers
        verb=VERB,
        plan=plan.content(),
        claims_sources_sha256=sources_sha256(),
        judging_sha256=judging_sha256(),
    )


def plan_of(manifest: Manifest) -> Plan:
    """The plan of a claims run that is gone on with here. Raises RunError where its rows came from other code."""
    if manifest.claims_sources_sha256 != sources_sha256():
        raise RunError(
            "the run was made with other sources than those in harness/paper/ now, by elubench "
            f"{manifest.elubench}; go on with that version, or start a new run with --out"
        )
    plan = from_content(manifest.plan or {})
    if manifest.judging_sha256 != judging_sha256():
        raise RunError(
            "the rules by which the run is judged, or the modules that judge by them, have changed since it began; "
            "restore them, or start a new run with --out"
        )
    return plan


def sources_sha256() -> str:
    """A hash over this package: rows of one run come from one and the same code."""
    return kernel_sources_sha256(Path(__file__).parent)


def prepare() -> None:
    """Settle what the same seeds need for the same curves: one thread, and no choice of algorithm by timing."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a net that dies has numbers that a CPU is slow at
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False


def measure(plan: Plan, device: Device, store: Store, progress: ClaimsProgress) -> None:
    """Measure what the store does not hold yet. On KeyboardInterrupt everything stored so far is kept.

    A net is judged as soon as its pilots have chosen its rate. On a CPU there is a process for every core, on a GPU
    one for all: it is the device that is shared there.
    """
    timed = [unit for unit in plan.timed() if not unit.keys() <= store.keys]
    if timed:
        store.append(called_apart(step_time.rows, timed, plan, device))
    chosen = chosen_rates(plan, decoded_lines(store.path / RECORDS, row_from_json))
    missing = []
    for unit in (*plan.pilots(), *plan.judged(chosen)):
        if unit.keys() <= store.keys:
            progress.on_steps(plan.steps_of(unit))
        else:
            missing.append(unit)
    if not missing:
        return
    processes = 1 if device.kind == "cuda" else min(device.cores, len(missing))
    with contextlib.closing(measured(missing, plan, device, processes, progress.on_steps)) as found:
        for rows in found:
            store.append(rows)
            progress.on_done(rows[0])


def following(plan: Plan, rows: Sequence[ClaimRow]) -> tuple[Unit, ...]:
    """The units that the rows of a unit make possible: those that are judged at the rate which its pilots chose."""
    chosen = chosen_rates(plan, rows)
    return tuple(unit for unit in plan.judged(chosen) if (unit.net, unit.variant.name) in chosen)


def measure_unit(
    unit: Unit, plan: Plan, device: Device, on_steps: Callable[[float], None] = lambda steps: None
) -> list[ClaimRow]:
    """Train the nets of a unit, all seeds and rates side by side, and look at them by epoch: its rows."""
    seeds = [seed for _ in unit.rates for seed in unit.seeds]
    rates = [rate for rate in unit.rates for _ in unit.seeds]
    whole = data.load(plan.dataset, seeds, device.torch_device)
    look = _Look(unit, plan, whole.pooled() if unit.net == "small" else whole)
    epochs = plan.epochs_of(unit.net)

    def on_epoch(epoch: int, net: Net) -> None:
        look(epoch, net)
        on_steps(plan.steps_of(unit) / (epochs + 1))

    net = build(unit.net, unit.variant, seeds, look.data, device.torch_device)
    curves = train(net, look.data, seeds, rates, epochs, on_epoch)
    for claim in CURVES:
        if claim in unit.claims:
            look.found[claim] = [_curve(claim, curve) for curve in curves]
    return [
        make_row(unit.stage, claim, unit.net, unit.variant.name, rate, seed, values, device.name)
        for claim, found in look.found.items()
        for rate, seed, values in zip(rates, seeds, found, strict=True)
    ]


def _curve(claim: str, curve: Curve) -> dict[str, Any]:
    """A training curve as a row's values."""
    values: dict[str, Any] = {"loss": curve.loss, "diverged_at": curve.diverged_at}
    if claim == "reconstruction":
        return values | {"error": curve.score}
    return values | {"accuracy": curve.score, "final_accuracy": curve.final_score}


@dataclass
class _Look:
    """Looks into all runs, epoch by epoch; `found` has by claim, and by run, what was seen."""

    unit: Unit
    plan: Plan
    data: Data
    found: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)

    def __call__(self, epoch: int, net: Net) -> None:
        last = self.plan.epochs_of(self.unit.net)
        is_small = self.unit.net == "small"
        looks: dict[str, tuple[Sequence[int], Callable[[], list[dict[str, Any]]]]] = {
            "mean_shift": (range(last + 1), lambda: mean_shift.probe(net, self.data)),
            "bias_shift": (self.plan.looks, lambda: bias_shift.probe(net, self.data)),
            "saturation": ((0, last), lambda: saturation.probe(cast(Any, net), self.data)),
            "noise": ((last,), lambda: noise.probe(net, self.data)),
            "vanishing": ((0, last), lambda: vanishing.probe(net, self.data)),
            "natural_gradient": (
                self.plan.fisher_looks if is_small else self.plan.looks,
                lambda: (
                    natural_gradient.angles(net, self.data, self.plan.dampings)
                    if is_small
                    else theorems.probe(net, self.data)
                ),
            ),
        }
        for claim, (epochs, probe) in looks.items():
            if claim in self.unit.claims and epoch in epochs:
                self._add(claim, epoch, probe())

    def _add(self, claim: str, epoch: int, seen: list[dict[str, Any]]) -> None:
        """Append what was seen of each run, and the epoch, to the run's lists."""
        found = self.found.setdefault(claim, [{} for _ in seen])
        for values, new in zip(found, seen, strict=True):
            for name, value in ({"epoch": epoch} | new).items():
                values.setdefault(name, []).append(value)


def measure_cost(plan: Plan, device: Device, run: Path, inspect: bool, live: Live) -> None:
    """What activations cost: an ordinary sweep in a directory of its own, begun or gone on with.

    With `inspect` it keeps what the machine code of this suite's kernels for the same ops would cost on a GPU. `live`
    shows the progress of the sweep while it runs.
    """
    from harness.machine_code.keep import keep_inspection

    path = run / COST
    if (path / MANIFEST).exists():
        cases, _, store = go_on(path, Store, COST_ARGV, lambda manifest: sweep.from_content(manifest.sweep))
    else:
        # On a CPU what the nets run on: PyTorch's operators, one call each.
        cases = sweep.load("activations").on(device.kind).by(["eager"] if device.kind == "cpu" else [], [])
        if plan.name == "quick":
            cases = dataclasses.replace(cases, stop=dataclasses.replace(cases.stop, max_seconds=0.05))
        store = Store.create(path, manifest.make_manifest(device, cases.content(), COST_ARGV))
    with store:
        with live(cases, device.name) as progress:
            runner.run_sweep(cases, device, store, progress)
        if inspect:
            keep_inspection(path, dataclasses.replace(cases, providers=("triton",)), device)

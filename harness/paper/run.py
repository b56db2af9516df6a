"""Measures a claims run unit by unit, and stores the rows of each as soon as it is finished."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.device.devices import Device
from harness.paper import mean_shift, natural_gradient, saturation, vanishing
from harness.paper.data import Data
from harness.paper.nets import FullyConnected, Net
from harness.paper.plan import PAPER_RATE, Plan, Unit, from_content
from harness.paper.rows import COST, VERB, ClaimRow, make_row, row_from_json
from harness.paper.training import build, train
from harness.paper.workers import measured
from harness.run import runner
from harness.store import manifest
from harness.store.files import Store, go_on
from harness.store.manifest import Manifest
from harness.store.provenance import kernel_sources_sha256
from harness.store.vocabulary import MANIFEST, RunError
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
    )


def plan_of(manifest: Manifest) -> Plan:
    """The plan of a claims run that is gone on with here. Raises RunError where its rows came from other code."""
    if manifest.claims_sources_sha256 != sources_sha256():
        raise RunError(
            "the run was made with other sources than those in harness/paper/ now, by elubench "
            f"{manifest.elubench}; go on with that version, or start a new run with --out"
        )
    return from_content(manifest.plan or {})


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

    On a CPU there is a process for every core, on a GPU one for all: it is the device that is shared there.
    """
    missing = []
    for unit in plan.units():
        if _expected(unit, plan) <= store.keys:
            progress.on_steps(plan.steps_of(unit))
        else:
            missing.append(unit)
    processes = 1 if device.kind == "cuda" else min(device.cores, len(missing))
    if not missing:
        return
    with contextlib.closing(measured(missing, plan, device, processes, progress.on_steps)) as found:
        for rows in found:
            store.append(rows)
            progress.on_done(rows[0])


def _expected(unit: Unit, plan: Plan) -> set[tuple[Any, ...]]:
    return {
        (claim, unit.net, unit.variant.name, rate, seed)
        for claim in unit.claims
        for rate in unit.rates_for(claim)
        for seed in plan.seeds
    }


def measure_unit(
    unit: Unit, plan: Plan, digits: Data, device: Device, on_steps: Callable[[float], None] = lambda steps: None
) -> list[ClaimRow]:
    """Train the nets of a unit, all seeds and rates side by side, and look at them by epoch: its rows."""
    seeds = [seed for _ in unit.rates for seed in plan.seeds]
    rates = [rate for rate in unit.rates for _ in plan.seeds]
    at_paper = [run for run, rate in enumerate(rates) if rate == PAPER_RATE]
    look = _Look(unit, plan, digits.pooled() if unit.net == "small" else digits, at_paper)
    epochs = plan.epochs_of(unit.net)

    def on_epoch(epoch: int, net: Net) -> None:
        look(epoch, net)
        on_steps(plan.steps_of(unit) / (epochs + 1))

    net = build(unit.net, unit.variant, seeds, device.torch_device)
    curves = train(net, look.data, seeds, rates, epochs, on_epoch)

    def row(claim: str, run: int, values: dict[str, Any]) -> ClaimRow:
        return make_row(claim, unit.net, unit.variant.name, rates[run], seeds[run], values, device.name)

    rows = [
        row(claim, run, values)
        for claim, found in look.found.items()
        for run, values in zip(at_paper, found, strict=True)
    ]
    if "learning" in unit.claims:
        for run in range(len(seeds)):
            rows.append(row("learning", run, {"loss": curves.loss[run], "accuracy": curves.accuracy[run]}))
    return rows


@dataclass
class _Look:
    """Looks into the runs at the paper's rate, epoch by epoch; `found` has by claim, and by run, what was seen."""

    unit: Unit
    plan: Plan
    data: Data
    runs: list[int]
    found: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)

    def __call__(self, epoch: int, net: Net) -> None:
        inside = [claim for claim in self.unit.claims if claim != "learning"]
        last = self.plan.epochs_of(self.unit.net)
        if not inside:
            return
        net = net.take(self.runs) if len(self.runs) < net.runs else net
        if "mean_shift" in inside:
            self._add("mean_shift", epoch, mean_shift.probe(net, self.data))
        if "vanishing" in inside and epoch in (0, last):
            norms = vanishing.gradient_norms(net, self.data)
            self._add("vanishing", epoch, [{"gradient_norm": each} for each in norms])
        if "saturation" in inside and epoch in (0, last):
            assert isinstance(net, FullyConnected)
            self._add("saturation", epoch, saturation.probe(net, self.data))
        if "natural_gradient" in inside and epoch in self.plan.fisher_epochs:
            self._add("natural_gradient", epoch, natural_gradient.angles(net, self.data))

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

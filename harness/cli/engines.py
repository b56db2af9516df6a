"""The options that say where the work is done, and the engine that they name."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exits import WRONG_USAGE, end

if TYPE_CHECKING:
    from harness.fleet.cluster import Cluster
    from harness.run.engine import Engine
    from harness.store.manifest import Manifest


class EngineName(StrEnum):
    """Where work can be done."""

    local = "local"
    ray = "ray"


EngineOf = Annotated[
    EngineName, typer.Option("--engine", help="local: this machine. ray: the devices of a Ray cluster, side by side.")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="With --engine ray: auto (the one that runs here), local (one is started), HOST:PORT.  [default: auto]"
    ),
]
On = Annotated[
    str | None,
    typer.Option(help="With --engine ray: these models, each with every case: H100,A100; or cpu.  [default: all]"),
]


@dataclass(frozen=True)
class Where:
    """Where the work is to be done."""

    address: str | None  # of a Ray cluster; None: on this machine
    models: tuple[str, ...] = ()  # words in the names of those wanted; empty: all
    is_cpu: bool = False  # the CPUs of the nodes, also where they have GPUs


def where(engine: EngineName, address: str | None, on: str | None = None, device: str | None = None) -> Where:
    """What the options say together; ends where one contradicts another."""
    if engine is EngineName.local:
        if given := [name for name, value in {"--address": address, "--on": on}.items() if value]:
            end(f"{given[0]} is for a cluster; add --engine ray, or leave it out", WRONG_USAGE)
        return Where(None)
    if device:
        end("--device is of this machine; with --engine ray, name models of the cluster's devices by --on", WRONG_USAGE)
    models = [each.strip() for each in (on or "").split(",") if each.strip()]
    if "cpu" in models and len(models) > 1:
        end("--on names cpu beside GPUs, and one run is of the one or the other; leave one out", WRONG_USAGE)
    is_cpu = models == ["cpu"]
    return Where(address or "auto", () if is_cpu else tuple(models), is_cpu)


@contextmanager
def reached(place: Where) -> Iterator[Cluster | None]:
    """The cluster, connected to for the length of the body; None: the work is done on this machine."""
    if place.address is None:
        yield None
        return
    from harness.fleet.cluster import Cluster

    with Cluster(place.address) as cluster:
        yield cluster


@contextmanager
def opened(
    place: Where, device: str, arch: str | None, specs: Sequence[str], check: Callable[[str], object] = str
) -> Iterator[Engine]:
    """The engine, for the length of the body: of `device`, or of a cluster whose nodes have the providers `specs`.

    `check` is told the kind of device, before torch is imported where it is this machine's; what it raises ends this.
    """
    if place.address is None:
        from harness.device.devices import compiling_for, find_device

        found = find_device(device)
        found = compiling_for(found, arch) if arch else found
        check(found.kind)
        from harness.run.engine import LocalEngine

        yield LocalEngine(found)
        return
    with reached(place) as cluster:
        from harness.run.ray_engine import RayEngine

        assert cluster is not None
        yield RayEngine(cluster, place.models, place.is_cpu, arch, specs, _say)


@contextmanager
def reopened(place: Where, manifest: Manifest) -> Iterator[Engine]:
    """The engine for a run that is gone on with: whichever measured it before, on the same models of devices."""
    made_on = manifest.device
    is_cpu = made_on.kind == "cpu"
    if place.address is not None:
        place = Where(place.address, manifest.models, is_cpu)
    from harness.sweeps.sweep import from_content

    specs = from_content(manifest.sweep).providers
    with opened(place, made_on.torch_device, made_on.capability if is_cpu else None, specs) as engine:
        there = {each.name for each in engine.devices}
        if left := [model for model in manifest.models if model not in there]:
            _say(f"the run is of {', '.join(left)} too, which is not here; what it has to measure is left")
        yield engine


def in_words(engine: Engine) -> str:
    """Its devices, for a title."""
    counts = Counter(each.device.name for each in engine.fleet)
    return ", ".join(f"{count} × {model}" for model, count in counts.items()) or engine.devices[0].name


def _say(text: str) -> None:
    print(f"elubench: {text}", file=sys.stderr)

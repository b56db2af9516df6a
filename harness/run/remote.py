"""A device's worker as it lives on a node of a cluster: what it says of itself, and the records that it makes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import providers
from harness.device import health
from harness.device.devices import Device, DeviceError, compiling_for, find_device, usable_cores
from harness.device.placement import Placement, placement_of
from harness.ops.cases import Case
from harness.run.bench import Bench
from harness.run.engine import WorkUnit
from harness.run.job import RoofJob
from harness.store.fleet import StreamCheck
from harness.store.provenance import driver_version, elubench_version, kernel_sources_sha256
from harness.store.records import Record
from harness.store.sources import sources_sha256
from harness.store.vocabulary import Mix, Regime
from harness.sweeps.stop_rule import StopRule

# Elements of a tensor of the stream by which devices of one model are held against each other.
_CHECK_ELEMENTS = {"cpu": 2**22, "cuda": 2**25}
_CHECK_STOP = StopRule(10, 100, max_seconds=0.1, relative_ci=0.01, warmup_seconds=0.02, max_warmup_seconds=0.3)
_CHECK_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Setup:
    """What a worker is made for."""

    kind: str  # "cpu" or "cuda"
    arch: str | None  # what kernels are compiled for, to be run by the emulated GPU
    ray_node: str
    cpus: int
    sources: Mapping[str, str]  # hashes of the sources of what runs there, by name: `sources_here`


@dataclass(frozen=True)
class Said:
    """What a worker says of its device; or, where it cannot be used, why."""

    device: Device | None
    placement: Placement | None
    settings: dict[str, Any]
    fault: str | None = None


@dataclass(frozen=True)
class Answer:
    """The records of a unit, and what its processes have printed."""

    records: list[Record]
    log: bytes


def sources_here(specs: tuple[str, ...]) -> dict[str, str]:
    """By what a message calls them: the version of elubench, a hash of its kernels, and those of providers' files."""
    ours = {"elubench": str(elubench_version()), "elubench's kernels": kernel_sources_sha256()}
    files = providers.sources_of(specs)
    return ours | {f"the file of provider {name}": sources_sha256(each) for name, each in files.items()}


class RemoteWorker:
    """One physical device, as it is given to it: a GPU that nobody else uses, or CPU slots."""

    def __init__(self, setup: Setup, specs: tuple[str, ...]) -> None:
        self._setup, self._specs = setup, specs
        # Ray has OpenMP use the slots alone. Where they are all cores, torch chooses as it does without Ray.
        if os.environ.get("OMP_NUM_THREADS") == str(setup.cpus) and setup.cpus >= usable_cores():
            del os.environ["OMP_NUM_THREADS"]
        self._folder = tempfile.TemporaryDirectory(prefix="elubench-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "worker.log"
        self._device: Device | None = None
        self._bench: Bench | None = None

    def say(self) -> Said:
        """What the device is and where, or why it cannot be used."""
        try:
            device = find_device("cuda" if self._setup.kind == "cuda" else "cpu")
            device = compiling_for(device, self._setup.arch) if self._setup.arch else device
            here = sources_here(self._specs)
        except (DeviceError, providers.ProviderError, OSError) as error:
            return Said(None, None, {}, str(error))
        placement = placement_of(device, driver_version(), self._setup.ray_node)
        other = [name for name, found in here.items() if self._setup.sources.get(name) != found]
        if other:
            fault = f"{other[0]} is not the same there as here; install or share the same"
            return Said(device, placement, {}, fault)
        self._device, self._bench = device, Bench(self._log, placement, lambda *_: None)
        return Said(device, placement, health.settings(device))

    def check(self) -> StreamCheck | None:
        """What the device attains on the stream by which it is held against others of its model."""
        assert self._device is not None and self._bench is not None
        point = Case(Mix.COPY, {}, (_CHECK_ELEMENTS[self._device.kind],), "float32")
        job = RoofJob(point, self._device, _CHECK_STOP, seed=0)
        found = [each for records in self._bench.curve([job], _CHECK_TIMEOUT_S) for each in records]
        cold = [each for each in found if each.regime in (Regime.COLD, Regime.GRAPH) and each.roof_gbps]
        best = max(cold, key=lambda each: each.roof_gbps or 0.0, default=None)
        if best is None or best.median_s is None or best.ci95_s is None or best.roof_gbps is None:
            return None
        mib = best.bytes_moved // 2**20
        return StreamCheck(f"copy over {mib} MiB, {best.regime}", best.roof_gbps, best.median_s, best.ci95_s)

    def validated(self, unit: WorkUnit) -> Answer:
        """The records of a case by the emulated GPU."""
        assert unit.job is not None and self._device is not None and self._bench is not None
        start = self._logged()
        records = self._bench.validated(replace(unit.job, device=self._device), unit.timeout_s)
        return Answer(records, self._printed(start))

    def measured(self, unit: WorkUnit) -> Answer:
        """The records of a case, all providers timed, or those of the curves of roofs."""
        assert self._device is not None and self._bench is not None
        start = self._logged()
        if unit.job is not None:
            records = self._bench.timed(replace(unit.job, device=self._device), unit.timeout_s)
        else:
            points = [replace(each, device=self._device) for each in unit.points]
            records = [each for found in self._bench.curve(points, unit.timeout_s) for each in found]
        return Answer(records, self._printed(start))

    def _logged(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _printed(self, start: int) -> bytes:
        return self._log.read_bytes()[start:] if self._log.exists() else b""

    def close(self) -> None:
        """End its processes, and leave nothing on the node's disk."""
        if self._bench is not None:
            self._bench.stop()
        self._folder.cleanup()

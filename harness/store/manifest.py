"""The manifest of a run: on what, with what and from which sources its records were made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.device.devices import Device
from harness.store import provenance, time_account
from harness.store.fleet import FleetDevice, merged
from harness.store.lines import VersionedDecoder, write_whole
from harness.store.provenance import Git, Versions, kernel_sources_sha256
from harness.store.time_account import Account
from harness.store.vocabulary import MANIFEST, SCHEMA, RunError

UNKNOWN_DEVICE = Device(
    kind="cpu",
    torch_device="cpu",
    name="unknown device",
    last_level_cache_bytes=0,
    memory_bytes=0,
    cores=0,
    capability=None,
    peak_gbps=None,
)


@dataclass(frozen=True)
class Session:
    """That a run was gone on with."""

    argv: tuple[str, ...]
    started: str
    note: str | None = None


@dataclass(frozen=True)
class Manifest:
    """What a run says of itself. What is not known is None, or empty."""

    schema: int
    elubench: str | None = None  # the version
    created: str | None = None  # in UTC, as of ISO 8601
    device: Device = UNKNOWN_DEVICE
    driver: str | None = None
    versions: Versions = field(default_factory=Versions)
    git: Git | None = None
    kernel_sources_sha256: str | None = None
    provider_sources_sha256: dict[str, str] = field(default_factory=dict)  # of those that are files, by name
    argv: tuple[str, ...] = ()
    sweep: dict[str, Any] = field(default_factory=dict)  # harness.sweeps.sweep reads it
    environment: dict[str, str] = field(default_factory=dict)
    threads: int | None = None
    health: dict[str, Any] = field(default_factory=dict)  # settings of the device: harness.device.health
    sessions: tuple[Session, ...] = ()
    time: Account | None = None
    inspected: bool = False  # the run keeps counts of machine code, which its seal then covers
    ended: bool | None = None  # sealed, and not gone on with since; None: from before that was noted (`had_ended`)
    verb: str = "run"  # which makes runs of this kind; the rows of "claims" are no records
    plan: dict[str, Any] | None = None  # of a claims run: harness.paper.plan reads it
    claims_sources_sha256: str | None = None  # of a claims run
    judging_sha256: dict[str, str] = field(
        default_factory=dict
    )  # of a claims run: of its rules and what judges by them
    fleet: tuple[FleetDevice, ...] = ()  # the physical devices of a run that was spread over several

    @property
    def models(self) -> tuple[str, ...]:
        """The models of devices that the run is of, each of which has every case; `device` is of the first."""
        return tuple(dict.fromkeys(each.device.name for each in self.fleet)) or (self.device.name,)

    def device_named(self, model: str) -> Device:
        """The device of a record, by its model: its caches, its peak."""
        return next((each.device for each in self.fleet if each.device.name == model), self.device)

    @property
    def had_ended(self) -> bool:
        """Whether a seal was put on the run, and not taken off to go on with it.

        Where that was not noted, the account of its time tells: it is added right before the seal, at every end but a
        kill. Of a run that was gone on with it may be an earlier session's, and tells nothing.
        """
        return self.ended if self.ended is not None else self.time is not None and not self.sessions


_manifest = VersionedDecoder(Manifest)


def make_manifest(
    device: Device,
    sweep: dict[str, Any],
    argv: list[str],
    fleet: tuple[FleetDevice, ...] = (),
    settings: dict[str, Any] | None = None,
) -> Manifest:
    """The manifest of a run that starts now on `device`, or on a fleet of which it is the first.

    `settings` are those of the device where it is not this machine's.
    """
    import torch

    from harness.device import health

    return Manifest(
        schema=SCHEMA,
        elubench=provenance.elubench_version(),
        created=_now(),
        device=device,
        driver=fleet[0].placement.driver if fleet else provenance.driver_version(),
        versions=provenance.versions(),
        git=provenance.git_state(provenance.ROOT),
        kernel_sources_sha256=kernel_sources_sha256(),
        argv=tuple(argv),
        sweep=sweep,
        environment=provenance.environment(),
        threads=torch.get_num_threads(),
        health=health.settings(device) if settings is None else settings,
        ended=False,
        fleet=fleet,
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the file `path` whole or not at all. Raises RunError, and ValueError or TypeError for what JSON lacks."""
    text = json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")


def manifest_content(run: Path) -> bytes:
    """The bytes of a run's manifest. Raises RunError where `run` is not one."""
    path = Path(run) / MANIFEST
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{run} holds no {MANIFEST}; name a directory made by 'elubench run'") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error}); restore it from a copy") from None


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run. Raises RunError where `run` is not one, or is of a schema that cannot be read."""
    content = manifest_content(run)
    try:
        return _manifest(content, str(run))
    except RunError:
        raise
    except ValueError as error:
        raise RunError(f"{Path(run) / MANIFEST} cannot be read ({error}); restore it from a copy") from None


def read_manifest_of(run: Path, verb: str) -> Manifest:
    """The manifest of a run of `elubench VERB`. Raises RunError for one of another verb, too."""
    manifest = read_manifest(run)
    if manifest.verb != verb:
        raise RunError(f"{run} was made by 'elubench {manifest.verb}', not by 'elubench {verb}'")
    return manifest


def add_session(run: Path, argv: list[str], note: str | None = None) -> None:
    """Note in the manifest of `run` that it is gone on with, by which command and, if told, why."""
    manifest = read_manifest(run)
    session = Session(tuple(argv), _now(), note)
    write_manifest(Path(run) / MANIFEST, dataclasses.replace(manifest, sessions=(*manifest.sessions, session)))


def add_time(run: Path, session: Account) -> None:
    """Add to the manifest of `run` what a session's time was spent on."""
    manifest = read_manifest(run)
    write_manifest(Path(run) / MANIFEST, dataclasses.replace(manifest, time=time_account.total(manifest.time, session)))


def add_fleet(run: Path, fleet: Iterable[FleetDevice]) -> None:
    """Note in the manifest of `run` which physical devices it is spread over."""
    manifest = read_manifest(run)
    write_manifest(Path(run) / MANIFEST, dataclasses.replace(manifest, fleet=merged(manifest.fleet, fleet)))


def same_device_and_schema(manifest: Manifest, device: Device) -> None:
    """Raise RunError where a run cannot be gone on with here: its records would not be comparable."""
    if manifest.schema != SCHEMA:
        raise RunError(
            f"the run has schema {manifest.schema} and this elubench writes {SCHEMA}; start a new run with --out"
        )
    made_on = manifest.device
    if made_on.kind != device.kind or device.name not in manifest.models:
        raise RunError(
            f"the run was made on {', '.join(manifest.models)} ({made_on.kind}) and this device is "
            f"{device.name} ({device.kind}); go on with it there, or start a new run with --out"
        )
    if manifest.kernel_sources_sha256 != kernel_sources_sha256():
        raise RunError(
            "the run was made with other kernel sources than those in kernels/ now; start a new run with --out"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

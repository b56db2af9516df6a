"""The manifest of a run: on what, with what and from which sources its records were made."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness.device import health
from harness.device.devices import Device
from harness.store import time_account
from harness.store.records import MANIFEST, SCHEMA, RunError, read_manifest

_ROOT = Path(__file__).resolve().parents[2]  # the checkout, or the site-packages that elubench lies in

# Only what changes a measurement: the rest of an environment may hold secrets, and a manifest is published.
_ENVIRONMENT = re.compile(r"(TRITON_|OMP_|GOMP_|KMP_|MKL_|TORCH|PYTORCH_).*|CUDA_VISIBLE_DEVICES")
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY|_URL", re.IGNORECASE)  # a remote cache's, say


def make_manifest(device: Device, sweep: dict[str, Any], argv: list[str]) -> dict[str, Any]:
    """The manifest of a run that starts now on `device`; what cannot be found out is None."""
    import torch

    return {
        "schema": SCHEMA,
        "elubench": elubench_version(),
        "created": _now(),
        "device": dataclasses.asdict(device),
        "driver": driver_version(),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "triton": _module_version("triton"),
            "numpy": _module_version("numpy"),
            "cuda": torch.version.cuda,
            "platform": platform.platform(),
        },
        "git": git_state(_ROOT),
        "kernel_sources_sha256": kernel_sources_sha256(),
        "argv": list(argv),
        "sweep": sweep,
        "environment": {
            k: v for k, v in sorted(os.environ.items()) if _ENVIRONMENT.fullmatch(k) and not _SECRET.search(k)
        },
        "threads": torch.get_num_threads(),
        "health": health.settings(device),
        "sessions": [],
    }


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write the file `path` whole or not at all: a crash leaves what was there before. Raises RunError."""
    path = Path(path)
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # In the same directory, since a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); mend that, and try again") from None
    finally:
        temporary.unlink(missing_ok=True)


def add_session(run: Path, argv: list[str], note: str | None = None) -> None:
    """Note in the manifest of `run` that it is gone on with, by which command and, if told, why."""
    manifest = read_manifest(run)
    session: dict[str, Any] = {"argv": list(argv), "started": _now()}
    if note is not None:
        session["note"] = note
    manifest["sessions"] = [*manifest.get("sessions", []), session]
    write_manifest(Path(run) / MANIFEST, manifest)


def add_time(run: Path, session: dict[str, Any]) -> None:
    """Add to the manifest of `run` what a session's time was spent on (`harness.store.time_account`)."""
    manifest = read_manifest(run)
    manifest["time"] = time_account.total(manifest.get("time"), session)
    write_manifest(Path(run) / MANIFEST, manifest)


def same_device_and_schema(manifest: dict[str, Any], device: Device) -> None:
    """Raise RunError where a run cannot be gone on with here: its records would not be comparable."""
    if manifest.get("schema") != SCHEMA:
        raise RunError(
            f"the run has schema {manifest.get('schema')!r} and this elubench writes {SCHEMA}; "
            "start a new run with --out"
        )
    made_on = manifest.get("device") or {}
    if (made_on.get("kind"), made_on.get("name")) != (device.kind, device.name):
        raise RunError(
            f"the run was made on {made_on.get('name')} ({made_on.get('kind')}) and this device is "
            f"{device.name} ({device.kind}); go on with it there, or start a new run with --out"
        )
    if manifest.get("kernel_sources_sha256") != kernel_sources_sha256():
        raise RunError(
            "the run was made with other kernel sources than those in kernels/ now; start a new run with --out"
        )


def kernel_sources_sha256(kernels: Path = _ROOT / "kernels") -> str:
    """A hash over the names and bytes of the Python files in `kernels`, the same on every machine."""
    digest = hashlib.sha256()
    for path in sorted(kernels.rglob("*.py")):
        content = path.read_bytes()
        # The length keeps the end of one file apart from the name of the next.
        digest.update(f"{path.relative_to(kernels).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def git_state(root: Path) -> dict[str, Any] | None:
    """The commit of the sources in `root`, and whether they differ from it; None where it is no checkout."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    # An environment inside somebody's checkout is ignored there: that repository's commit is not ours.
    if commit is None or _git(root, "check-ignore", "--quiet", "harness/store/manifest.py") is not None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    # A new source matters as much as a changed one; the files that runs and reports leave do not.
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", "*.py", "*.toml")
    return {"commit": commit, "dirty": None if changed is None or new is None else bool(changed or new)}


def _git(root: Path, *arguments: str) -> str | None:
    # Without git's own variables: inside a hook they name the repository of the hook.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def driver_version() -> str | None:
    """The version of NVIDIA's driver, or None where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            version = pynvml.nvmlSystemGetDriverVersion()
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # no library, no driver, no permission: all the same to a manifest
        return None
    return version.decode() if isinstance(version, bytes) else str(version)


def elubench_version() -> str | None:
    """The version of these sources: a checkout's own, also where another version is installed."""
    project = _ROOT / "pyproject.toml"
    text = project.read_text(encoding="utf-8") if project.exists() else ""
    if re.search(r'^name = "elubench"$', text, re.MULTILINE):
        version = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
        return version[1] if version else None
    try:
        return importlib.metadata.version("elubench")
    except importlib.metadata.PackageNotFoundError:
        return None


def _module_version(name: str) -> str | None:
    # Of the module, not of its distribution: Triton comes in distributions of several names.
    try:
        return str(importlib.import_module(name).__version__)
    except Exception:
        return None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

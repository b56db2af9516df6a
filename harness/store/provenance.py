"""What a run is made from: the commit, a hash of the kernels, versions, settings; and where it is published."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.store.sources import sources_sha256
from harness.store.vocabulary import RECORDS

ROOT = Path(__file__).resolve().parents[2]  # the checkout, or the site-packages that elubench lies in

_SOURCES = ("kernels", "harness", "reports", "elubench.py")

# Only what changes a measurement: the rest of an environment may hold secrets, and a manifest is published.
_ENVIRONMENT = re.compile(r"(TRITON_|OMP_|GOMP_|KMP_|MKL_|TORCH|PYTORCH_).*|CUDA_VISIBLE_DEVICES")
_HOST = r"([\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})"  # a name with a dot, and no number of an interface
_INSIDE = (".local", ".internal", ".lan", ".localdomain", ".home.arpa", ".test", ".invalid")  # no public host's name
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY|_URL", re.IGNORECASE)  # a remote cache's, say


@dataclass(frozen=True)
class Git:
    """The commit of the sources, and whether those that are tracked differ from it; None where that is not known."""

    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Versions:
    """Of what a run was made with; None where it is not there."""

    python: str | None = None
    torch: str | None = None
    triton: str | None = None
    numpy: str | None = None
    cuda: str | None = None
    platform: str | None = None


def versions() -> Versions:
    """Of what is imported here."""
    import torch

    return Versions(
        python=platform.python_version(),
        torch=str(torch.__version__),
        triton=_module_version("triton"),
        numpy=_module_version("numpy"),
        cuda=torch.version.cuda,
        platform=platform.platform(),
    )


def environment() -> dict[str, str]:
    """The variables that change a measurement, without what may be a secret."""
    return {k: v for k, v in sorted(os.environ.items()) if _ENVIRONMENT.fullmatch(k) and not _SECRET.search(k)}


def kernel_sources_sha256(kernels: Path = ROOT / "kernels") -> str:
    """A hash over the names and bytes of the Python files in `kernels`, the same on every machine."""
    return sources_sha256({path.relative_to(kernels).as_posix(): path.read_bytes() for path in kernels.rglob("*.py")})


def git_state(root: Path) -> Git | None:
    """The commit of the sources in `root`, and whether they differ from it; None where it is no checkout."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    # An environment inside somebody's checkout is ignored there: that repository's commit is not ours.
    if commit is None or _git(root, "check-ignore", "--quiet", "harness/store/manifest.py") is not None:
        return None
    # Sources that are tracked: a new one matters once a tracked one imports it. A user's provider and sweep do not.
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", *_SOURCES)
    return Git(commit, None if changed is None else bool(changed))


@dataclass(frozen=True)
class Location:
    """Where a run is published: the address of a repository, and the run's directory in it."""

    url: str
    directory: str


def location(run: Path) -> Location | None:
    """Where others find the run; None where it is in no commit, or the repository has no public address."""
    remote = _git(run, "remote", "get-url", "origin")
    directory = _git(run, "rev-parse", "--show-prefix")
    url = public_address(remote or "")
    is_in_it = directory and _git(run, "cat-file", "-e", f"HEAD:{directory}{RECORDS}") is not None
    return Location(url, directory.rstrip("/")) if url and directory and is_in_it else None


def public_address(remote: str) -> str | None:
    """A remote as an https address, without user and password; None where its host has no public name."""
    found = re.fullmatch(rf"(?:(?:https|git)://(?:[^/@]*@)?{_HOST}/|(?:ssh://)?git@{_HOST}[:/])([\w./~-]+)", remote)
    host = found and (found[1] or found[2])
    if not found or not host or host.endswith(_INSIDE):
        return None
    return f"https://{host}/{found[3].removesuffix('/').removesuffix('.git')}"


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
    project = ROOT / "pyproject.toml"
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

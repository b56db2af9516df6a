"""`make evidence`: runs the default sweep within a time budget into `results/DEVICE/`, to be committed unedited.

Run again, it goes on where the budget ended it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

from harness.cli.entry import answering
from harness.store.vocabulary import MANIFEST, RunError


def main() -> NoReturn:
    """Become `elubench run` for this device's results: a new run, or one to go on with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", default="default", help="a sweep's name, or a TOML file")
    parser.add_argument("--budget", type=float, default=900.0, help="seconds after which no case is started")
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    from harness.device.devices import find_device

    run = arguments.results / slug(find_device().name) / slug(Path(arguments.sweep).name.removesuffix(".toml"))
    _check_kernels(run)
    how = ["--resume", str(run)] if (run / MANIFEST).exists() else ["--sweep", arguments.sweep, "--out", str(run)]
    command = [sys.executable, "-m", "harness", "run", *how, "--budget", str(arguments.budget)]
    # In this process's place, so that Ctrl-C and the exit code are those of `elubench run`.
    os.execv(sys.executable, command)


def _check_kernels(run: Path) -> None:
    """Raise RunError where there is a run of other kernels: published, it is not to be written into."""
    from harness.store.manifest import read_manifest
    from harness.store.provenance import kernel_sources_sha256

    if (run / MANIFEST).exists() and read_manifest(run).kernel_sources_sha256 != kernel_sources_sha256():
        raise RunError(
            f"{run} was made with other kernel sources than those in kernels/ now; keep it under another name "
            f"(mv {run} {run}-before) or remove it, and run this again"
        )


def slug(name: str) -> str:
    """A name as a folder's: "NVIDIA H100 80GB HBM3" becomes "nvidia-h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


if __name__ == "__main__":
    answering(main)

"""`make evidence`: the default sweep within a budget, under `results/DEVICE/`, to be committed unedited.

Run again, it goes on where the budget ended it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from harness.devices import find_device
from harness.records import MANIFEST


def main() -> int:
    """Run or resume the sweep of this device's results; the exit code is that of `elubench run`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", default="default")
    parser.add_argument("--budget", type=float, default=900.0, help="seconds after which no case is started")
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    run = arguments.results / slug(find_device().name) / arguments.sweep
    how = ["--resume", str(run)] if (run / MANIFEST).exists() else ["--sweep", arguments.sweep, "--out", str(run)]
    command = [sys.executable, "-m", "harness", "run", *how, "--budget", str(arguments.budget)]
    return subprocess.call(command)


def slug(name: str) -> str:
    """A device's name as a folder's: "NVIDIA H100 80GB HBM3" becomes "nvidia-h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "device"


if __name__ == "__main__":
    raise SystemExit(main())

"""`elubench` in real processes, each of which finds the scripted GPUs of a script."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from harness.store.records import Run, read_run
from harness.sweeps.sweep import SWEEPS
from reports.analysis.verify import verify
from tests.harness.command import ROOT, elubench
from tests.harness.scripted_gpu.devices import VARIABLE

PLUGIN = Path(__file__).parent / "plugin"
KERNEL_S = 3e-4  # graphs of 5 ms hold few of such kernels, so that the stand-in has little to do
_SHAPES = {2: "[32, 64]", 3: "[1, 32, 64]", 4: "[4, 16, 8, 8]"}
_STOP = "[stop]\nmin_samples = 12\nmax_samples = 12\nwarmup_seconds = 0.0\n"


def on_gpu(
    *arguments: str | Path, timeout: float = 240, variables: dict[str, str] | None = None, **script: object
) -> subprocess.CompletedProcess[str]:
    """The command, where the GPUs are such; see Script."""
    path = f"{PLUGIN}:{ROOT}"
    given = {"PYTHONPATH": path, VARIABLE: json.dumps({"kernel_s": KERNEL_S} | script)} | (variables or {})
    return elubench(*arguments, timeout=timeout, **given)


def cut(name: str, folder: Path, energy_s: float = 0.0) -> Path:
    """A sweep that ships, with all its tables, ops and parameters: one small shape and one dtype of each."""
    text = (SWEEPS / f"{name}.toml").read_text()
    text = re.sub(r"\[stop\]\n(?:.+\n)*", _STOP, text)
    text = re.sub(
        r"^shapes = \[(\[[^]]*\]).*$", lambda at: f"shapes = [{_SHAPES[at[1].count(',') + 1]}]", text, flags=re.M
    )
    text = re.sub(r'^dtypes = \[("\w+").*$', r"dtypes = [\1]", text, flags=re.M)
    file = folder / f"{name}.toml"
    file.write_text(f"energy_seconds = {energy_s}\n{text}")
    return file


def rows(run: Path) -> dict[str, list]:
    """A run's records of providers, by provider."""
    found: dict[str, list] = {}
    for record in read_run(run).records:
        if record.role == "provider":
            found.setdefault(record.provider, []).append(record)
    return found


def whole(path: Path) -> Run:
    """The run, once it is known that its figures follow from its samples."""
    run = read_run(path)
    found = verify(run)
    assert found.is_intact and found.sealed_hash, found
    return run

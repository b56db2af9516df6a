"""What a probe found; and the GPU's preflight, from the side of the process that waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from harness.store.provenance import ROOT

PREFLIGHT_S = 60.0
PREFLIGHT = ("launch", "capture", "flush", "copy", "power")  # its steps: harness.doctor.preflight


@dataclass(frozen=True)
class ProbeResult:
    """What one probe found."""

    topic: str
    status: str  # "ok"; "missing": something cannot be measured; "note": it can, and something is worth knowing
    detail: str
    mend: str | None = None


def preflight(command: list[str], timeout_s: float = PREFLIGHT_S) -> list[ProbeResult]:
    """What the steps of a preflight found; a step in which its process dies or hangs is the last."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT)
        output, errors, how = ended.stdout, ended.stderr, f"its process ended with exit code {ended.returncode}"
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout.decode(errors="replace") if isinstance(expired.stdout, bytes) else expired.stdout or ""
        errors, how = "", f"it was not done after {timeout_s:g} s, and ended"
    found = [ProbeResult(**json.loads(line)) for line in output.splitlines() if line.startswith('{"topic"')]
    if len(found) == len(PREFLIGHT):
        return found
    said = next((line for line in reversed(errors.splitlines()) if line.strip()), "")
    reason = f"{PREFLIGHT[len(found)]} fails: {how}" + (f" ({said})" if said else "")
    return [*found, ProbeResult(PREFLIGHT[len(found)], "missing", reason, "see what nvidia-smi says of the device")]


def preflight_of(torch_device: str) -> list[ProbeResult]:
    """What the preflight of a GPU finds, in a process of its own."""
    return preflight([sys.executable, "-m", "harness.doctor.preflight", torch_device])


def go(findings: list[ProbeResult]) -> str | None:
    """Whether to start on the GPU that was tried, or what to mend first; None where none was."""
    tried = [each for each in findings if each.topic in PREFLIGHT]
    if not tried:
        return None
    broken = [each for each in tried if each.status == "missing"]
    if broken:
        return "mend first: " + "; ".join(f"{each.topic} ({each.mend})" if each.mend else each.topic for each in broken)
    noted = [each.topic for each in tried if each.status == "note"]
    return "go: the GPU was tried and can be measured" + (f"; look at {', '.join(noted)} first" if noted else "")

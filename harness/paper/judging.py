"""The hash of the rules by which a run will be judged, and of every module that judges by them.

A run's manifest keeps them, so that it can be seen whether the rules were there before the rows. The file of rules
names the modules; nothing of it is read here but their paths.
"""

from __future__ import annotations

import hashlib
import tomllib

from harness.store.provenance import ROOT

RULES = "reports/paper/rules.toml"


def judging_sha256() -> dict[str, str]:
    """SHA-256 of the file of rules, and of each file that it says verdicts follow from, by path from the root."""
    rules = ROOT / RULES
    if not rules.is_file():
        return {}
    paths = [RULES, *tomllib.loads(rules.read_text(encoding="utf-8"))["judging"]]
    return {path: _sha256(path) for path in paths}


def _sha256(path: str) -> str:
    file = ROOT / path
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "missing"

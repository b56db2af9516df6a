"""The seal of a run: one hash over all that it holds, so that an edit is noticed and a citation means one run.

A run is sealed when it ends, and opened again when it is gone on with. The seal tells a slip of the hand and a
damaged copy from what was measured. It is no signature: who forges a run can forge its seal, but not the hash that
has been printed in somebody's paper.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.store import sources
from harness.store.lines import Decoder, iter_lines, write_whole
from harness.store.manifest import manifest_content, read_manifest
from harness.store.vocabulary import INSPECTION, RECORDS, SEAL, RunError


class SealState(StrEnum):
    """Whether a run is what it was when it ended."""

    SEALED = "sealed"
    UNSEALED = "unsealed"  # cut short, or from before seals
    BROKEN = "broken"  # changed since


SEALED, UNSEALED, BROKEN = SealState.SEALED, SealState.UNSEALED, SealState.BROKEN


@dataclass(frozen=True)
class _Seal:
    sha256: str


_seal = Decoder(_Seal)


def content_hash(run: Path) -> str:
    """SHA-256 over manifest, records, inspection and providers' sources of a run, as 64 hexadecimal digits.

    The manifest counts as JSON with sorted keys and no white space, each record as its line: neither the indent of
    the one nor a line ending that git changed in the other matters. A torn last line does not count. The inspection
    counts, line by line too, where the manifest says that the run has one, and so do sources, byte by byte.
    """
    digest = hashlib.sha256()
    manifest = read_manifest(run)
    content = json.loads(manifest_content(run).decode("utf-8", errors="replace"))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    for line in iter_lines(Path(run) / RECORDS):
        digest.update(line.rstrip(b"\r\n") + b"\n")
    inspection = Path(run) / INSPECTION
    if manifest.inspected and inspection.exists():
        digest.update(b"\n".join(inspection.read_bytes().splitlines()))
    for name, found in sources.edited(run, manifest.provider_sources_sha256):  # else the manifest speaks for them
        digest.update(f"{name}\0{found}\0".encode())
    return digest.hexdigest()


def seal(run: Path) -> str:
    """Write the seal of a run that has ended, and return its hash."""
    found = content_hash(run)
    write_whole(Path(run) / SEAL, json.dumps({"sha256": found}, indent=2) + "\n")
    return found


def sealed_hash(run: Path) -> str | None:
    """The hash in the seal of a run; None where it has no seal, as when it was cut short.

    Raises RunError where there is a seal that cannot be read.
    """
    path = Path(run) / SEAL
    try:
        return _seal(path.read_bytes()).sha256
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not a seal ({type(error).__name__}: {error}); restore it from a copy") from None


def state(run: Path) -> SealState:
    """Whether a run is what it was when it ended."""
    found = sealed_hash(run)
    if found is None:
        return SealState.UNSEALED
    return SealState.SEALED if found == content_hash(run) else SealState.BROKEN


def unseal(run: Path) -> None:
    """Take the seal off a run that is to be gone on with. Raises RunError where it is broken."""
    if state(run) is SealState.BROKEN:
        raise RunError(
            f"{run} has been changed since it ended, so that it cannot be gone on with; restore it from a copy "
            "('elubench verify' says what does not match), or start a new run"
        )
    (Path(run) / SEAL).unlink(missing_ok=True)
